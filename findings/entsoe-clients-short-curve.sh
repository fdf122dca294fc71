#!/usr/bin/env bash
# Five clients of ENTSO-E read one document that leaves out repeated values, in four ways.
#
# Guess: all fill what is left out, since ENTSO-E sends most documents so (curve type A03) since 2024.
# Seen: of two hours in quarters, with points at positions 1 and 4, entsoe-py and python-entsoe make
#   eight rows. sc-entsoe fills between the points and not after the last one: four rows, and the
#   second hour is lost. entsoe-apy makes a row of each point: two rows. entsoe-client raises
#   AssertionError. The mean power is 118.75, 107.5 and 115 MW.
# Why it matters: the newest values of a document are what a router needs, and a steady plant is the
#   one whose points are left out.
# Versions: entsoe-py 0.8.1, python-entsoe 0.6.3, sc-entsoe 0.2.0, entsoe-apy 1.2.0, entsoe-client
#   0.2.3. Three of them install a package of the name `entsoe`, so that each has a folder here.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/document.xml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">
  <mRID>1</mRID><revisionNumber>1</revisionNumber><type>A75</type>
  <process.processType>A16</process.processType>
  <sender_MarketParticipant.mRID codingScheme="A01">10X1001A1001A450</sender_MarketParticipant.mRID>
  <sender_MarketParticipant.marketRole.type>A32</sender_MarketParticipant.marketRole.type>
  <receiver_MarketParticipant.mRID codingScheme="A01">10X1001A1001A450</receiver_MarketParticipant.mRID>
  <receiver_MarketParticipant.marketRole.type>A33</receiver_MarketParticipant.marketRole.type>
  <createdDateTime>2026-11-27T03:00:00Z</createdDateTime>
  <time_Period.timeInterval><start>2026-11-27T00:00Z</start><end>2026-11-27T02:00Z</end></time_Period.timeInterval>
  <TimeSeries><mRID>1</mRID><businessType>A01</businessType><objectAggregation>A08</objectAggregation>
    <inBiddingZone_Domain.mRID codingScheme="A01">10Y1001A1001A82H</inBiddingZone_Domain.mRID>
    <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A03</curveType>
    <MktPSRType><psrType>B01</psrType></MktPSRType>
    <Period><timeInterval><start>2026-11-27T00:00Z</start><end>2026-11-27T02:00Z</end></timeInterval>
      <resolution>PT15M</resolution>
      <Point><position>1</position><quantity>100</quantity></Point>
      <Point><position>4</position><quantity>130</quantity></Point>
    </Period>
  </TimeSeries>
</GL_MarketDocument>
XML

python3 -m venv "$folder/venv"
install=("$folder/venv/bin/pip" install -qq --disable-pip-version-check)
"${install[@]}" entsoe-py==0.8.1 sc-entsoe==0.2.0 entsoe-client==0.2.3 pandas==2.3.3
"${install[@]}" --no-deps --target "$folder/python-entsoe" python-entsoe==0.6.3
"${install[@]}" --target "$folder/entsoe-apy" entsoe-apy==1.2.0

# Read the document with a package that is in a folder of its own, or in the environment.
read_with() {
    PYTHONPATH=$folder/$1 "$folder/venv/bin/python" - "$folder/document.xml"
}

declare -A rows
rows[entsoe-py]=$(read_with entsoe-py <<'PYTHON'
import sys
from entsoe.parsers import parse_generation
mw = parse_generation(open(sys.argv[1]).read())["Biomass"].tolist()
print(len(mw), sum(mw) / len(mw))
PYTHON
)
rows[python-entsoe]=$(read_with python-entsoe <<'PYTHON'
import sys
from entsoe._xml import parse_timeseries
mw = parse_timeseries(open(sys.argv[1]).read())["value"].tolist()
print(len(mw), sum(mw) / len(mw))
PYTHON
)
rows[sc-entsoe]=$(read_with sc-entsoe <<'PYTHON'
import sys
from sc_entsoe.parsers.xml_parser import parse_entsoe_xml
mw = [row["value"] for row in parse_entsoe_xml(open(sys.argv[1]).read()).data]
print(len(mw), sum(mw) / len(mw))
PYTHON
)
rows[entsoe-apy]=$(read_with entsoe-apy <<'PYTHON'
import sys
from types import SimpleNamespace
from entsoe.query.query_api import parse_response
from entsoe.utils import add_timestamps, extract_records
answer = SimpleNamespace(text=open(sys.argv[1]).read(), status_code=200, headers={})
records = add_timestamps(extract_records(parse_response(answer)))
mw = [float(row["time_series.period.point.quantity"]) for row in records]
print(len(mw), sum(mw) / len(mw))
PYTHON
)
rows[entsoe-client]=$(read_with entsoe-client <<'PYTHON'
import sys
from types import SimpleNamespace
from entsoe_client.Parsers.Parser import Parser
content = open(sys.argv[1], "rb").read()
try:
    Parser.parse(SimpleNamespace(headers={"Content-Type": "text/xml"}, content=content))
    print("read")
except AssertionError:
    print("AssertionError")
PYTHON
)

changed=0
expect() {
    echo "$1: ${rows[$1]} (rows, mean MW)"
    [[ ${rows[$1]} == "$2" ]] || { echo "CHANGED: $1 was $2"; changed=1; }
}
expect entsoe-py "8 118.75"
expect python-entsoe "8 118.75"
expect sc-entsoe "4 107.5"
expect entsoe-apy "2 115.0"
expect entsoe-client AssertionError
exit "$changed"
