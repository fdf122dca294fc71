#!/usr/bin/env bash
# entsoe-py mixes the hours and the quarter hours of one fuel into one series.
#
# Guess: where a document has a fuel in two resolutions (an operator changes over, or corrects), the
#   finer figures stand and nothing is lost.
# Seen: the first TimeSeries of the document wins at each stamp that both have. With the hours first,
#   the first quarter of each hour is the hour's mean and the other three are quarters: the quarters
#   1, 2, 3 and 4 MW become 100, 2, 3 and 4 MW. The series says nothing of its two resolutions.
# Why it matters: the mean of the hour is neither figure, and a steep fuel such as sun gets a step at
#   each full hour.
# Versions: entsoe-py 0.8.1, pandas 2.3.3.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check entsoe-py==0.8.1 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
from entsoe.parsers import parse_generation

INTERVAL = "<timeInterval><start>2026-11-27T10:00Z</start><end>2026-11-27T11:00Z</end></timeInterval>"


def series(number, resolution, mw):
    points = "".join(
        f"<Point><position>{position}</position><quantity>{figure}</quantity></Point>"
        for position, figure in enumerate(mw, start=1)
    )
    return f"""<TimeSeries><mRID>{number}</mRID><businessType>A01</businessType>
      <inBiddingZone_Domain.mRID codingScheme="A01">10YFR-RTE------C</inBiddingZone_Domain.mRID>
      <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A03</curveType>
      <MktPSRType><psrType>B16</psrType></MktPSRType>
      <Period>{INTERVAL}<resolution>{resolution}</resolution>{points}</Period></TimeSeries>"""


def read(*parts):
    head = '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">'
    return parse_generation(f"{head}{''.join(parts)}</GL_MarketDocument>")["Solar"].tolist()


hours, quarters = series(1, "PT60M", [100]), series(2, "PT15M", [1, 2, 3, 4])
print(f"hours first: {read(hours, quarters)}, quarters first: {read(quarters, hours)}")
assert read(hours, quarters) == [100, 2, 3, 4]
assert read(quarters, hours) == [1, 2, 3, 4]
PYTHON
