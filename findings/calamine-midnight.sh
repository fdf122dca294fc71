#!/usr/bin/env bash
# python-calamine reads the midnight row of an hourly sheet as a date, and the others as date-times.
#
# Guess: cells of one format come back as one type, so that a column of hours is a column of datetime.
# Seen: a cell whose time is 00:00 is a datetime.date. Of 48 hourly cells with the format
#   "yyyy-mm-dd hh:mm", 46 are datetime.datetime and 2 are datetime.date. The two cannot be compared:
#   sorting the column raises TypeError. openpyxl gives date-times.
# Why it matters: EIA's workbooks of US balancing authorities are hourly sheets of some 100,000 rows,
#   for which this is the quick reader. A filter `isinstance(cell, datetime)` passes midnight by
#   chance only: a date is no datetime, so one hour of each day is dropped.
# Versions: python-calamine 0.9.1, openpyxl 3.1.5.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check python-calamine==0.9.1 openpyxl==3.1.5
"$folder/venv/bin/python" - "$folder/hours.xlsx" <<'PYTHON'
import sys
from collections import Counter
from datetime import datetime, timedelta

import openpyxl
from python_calamine import CalamineWorkbook

START = datetime(2026, 11, 26, 1)
book = openpyxl.Workbook()
for hour in range(48):
    cell = book.active.cell(hour + 1, 1, START + timedelta(hours=hour))
    cell.number_format = "yyyy-mm-dd hh:mm"
book.save(sys.argv[1])

rows = CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).to_python()
types = Counter(type(row[0]).__name__ for row in rows)
others = {type(row[0].value).__name__ for row in openpyxl.load_workbook(sys.argv[1]).active}
try:
    sorted(row[0] for row in rows)
    order = "sorted"
except TypeError:
    order = "TypeError"

print(f"calamine: {dict(types)}, sorting: {order}; openpyxl: {others}")
assert types == {"datetime": 46, "date": 2}
assert order == "TypeError"
assert others == {"datetime"}
PYTHON
