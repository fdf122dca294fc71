#!/usr/bin/env bash
# entsoe-py adds up a country's imports over a list of neighbours that is not whole.
#
# Guess: the list is symmetric (whoever lists a neighbour is listed by it) and has every border of
#   today, so that query_import gives all imports.
# Seen: 27 borders are listed on one side only. Montenegro has Albania, Bosnia and Serbia, and neither
#   Italy nor Kosovo. Greece has Italy's old zone of Brindisi, and not the South that took its place.
#   Albania, Kosovo, Moldova, Turkey and Ukraine have no list: the question for their imports raises
#   KeyError.
# Why it matters: what a zone uses is its generation and its imports. Here Montenegro's imports are
#   the sum of three borders of five, without a warning.
# Versions: entsoe-py 0.8.1, pandas 2.3.3.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check entsoe-py==0.8.1 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import pandas as pd
from entsoe import EntsoePandasClient
from entsoe.mappings import NEIGHBOURS, lookup_area

START, END = (pd.Timestamp(f"2026-11-27T{hour}:00", tz="UTC") for hour in ("10", "12"))
DOCUMENT = """<Publication_MarketDocument
    xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">
  <TimeSeries><mRID>1</mRID><businessType>A66</businessType><curveType>A03</curveType>
    <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>
    <Period><timeInterval><start>2026-11-27T10:00Z</start><end>2026-11-27T12:00Z</end></timeInterval>
      <resolution>PT60M</resolution>
      <Point><position>1</position><quantity>100</quantity></Point></Period>
  </TimeSeries></Publication_MarketDocument>"""


class Answer:
    text = DOCUMENT


asked = []
client = EntsoePandasClient(api_key="none")
client._base_request = lambda params, **_: asked.append(params["out_Domain"]) or Answer()
imports = client.query_import("ME", start=START, end=END)
borders = sorted(column for column in imports.columns if column != "sum")

one_sided = [(a, b) for a in NEIGHBOURS for b in NEIGHBOURS[a] if a not in NEIGHBOURS.get(b, [])]
unlisted = [name for name in ("AL", "MD", "TR", "UA", "XK") if name not in NEIGHBOURS]
try:
    client.query_import("AL", start=START, end=END)
    albania = "answered"
except KeyError:
    albania = "KeyError"

print(f"borders of Montenegro: {borders}, {imports['sum'].iloc[0]:g} MW of 100 MW each")
print(f"borders on one side only: {len(one_sided)}; without a list: {unlisted}")
print(f"Greece: {sorted(NEIGHBOURS['GR'])}; Albania's imports: {albania}")
assert borders == ["AL", "BA", "RS"]
assert imports["sum"].iloc[0] == 300
assert lookup_area("IT_CSUD").code not in asked
assert len(one_sided) == 27
assert unlisted == ["AL", "MD", "TR", "UA", "XK"]
assert "IT_BRNN" in NEIGHBOURS["GR"]
assert "IT_SUD" not in NEIGHBOURS["GR"]
assert albania == "KeyError"
PYTHON
