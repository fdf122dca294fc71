#!/usr/bin/env bash
# entsoe-py's sum of imports leaves out, at three stamps of four, each border that is metered hourly.
#
# Guess: where one border has quarter hours and another hours, the sum stands for all borders at
#   each of its stamps, and per_hour=True gives the mean of the hour, as its documentation says.
# Seen: an hourly border counts at the full hour only. The sum of a constant 1,000 MW (hourly) and of
#   quarters of 100, 200, 300 and 400 MW is 1100, 200, 300, 400. per_hour=True gives 1100, the first
#   quarter, and not the mean of 1250.
# Why it matters: on ENTSO-E's platform each border has a resolution of its own, and a share of imports
#   that is computed with this sum falls for 45 minutes of each hour.
# Versions: entsoe-py 0.8.1, pandas 2.3.3.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check entsoe-py==0.8.1 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import pandas as pd
from entsoe import EntsoePandasClient
from entsoe.exceptions import NoMatchingDataError
from entsoe.mappings import lookup_area

START, END = (pd.Timestamp(f"2026-11-27T{hour}:00", tz="UTC") for hour in ("10", "11"))


def document(resolution, mw):
    points = "".join(
        f"<Point><position>{position}</position><quantity>{figure}</quantity></Point>"
        for position, figure in enumerate(mw, start=1)
    )
    return f"""<Publication_MarketDocument
        xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">
      <TimeSeries><mRID>1</mRID><businessType>A66</businessType><curveType>A03</curveType>
        <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>
        <Period>
          <timeInterval><start>2026-11-27T10:00Z</start><end>2026-11-27T11:00Z</end></timeInterval>
          <resolution>{resolution}</resolution>{points}</Period>
      </TimeSeries></Publication_MarketDocument>"""


ANSWERS = {
    lookup_area("FR").code: document("PT60M", [1000]),
    lookup_area("NL").code: document("PT15M", [100, 200, 300, 400]),
}


class Answer:
    def __init__(self, text):
        self.text = text


def answer(params, **_):
    text = ANSWERS.get(params["out_Domain"])
    if text is None:
        raise NoMatchingDataError
    return Answer(text)


client = EntsoePandasClient(api_key="none")
client._base_request = answer
asked = {"country_code": "DE_LU", "start": START, "end": END, "export": False}
quarters = client.query_physical_crossborder_allborders(**asked)
hours = client.query_physical_crossborder_allborders(**asked, per_hour=True)

print(f"sum by quarters: {quarters['sum'].tolist()[:4]}, by the hour: {hours['sum'].iloc[0]:g}")
assert quarters["sum"].tolist()[:4] == [1100, 200, 300, 400]
assert hours["sum"].iloc[0] == 1100
PYTHON
