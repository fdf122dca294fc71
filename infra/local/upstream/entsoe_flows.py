"""Simulates ENTSO-E's physical flows (A11): the network whose truth the tests know.

Each border carries at most a twentieth of what its smaller zone generates, so that no zone sends
out more than it gets. The flow between Germany and the Netherlands is published in quarter hours,
the other ones in hours.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from greenstream.domain.borders import Border, borders
from infra.local.upstream import shapes

SHARE = 0.05
DELAY = timedelta(minutes=80)
HOUR = timedelta(hours=1)
QUARTERS = frozenset({"10YNL----------L", "10Y1001A1001A82H"})
DOCUMENT = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:0">\n'
    "  <mRID>{mrid}</mRID>\n  <revisionNumber>1</revisionNumber>\n  <type>A11</type>\n"
    '  <sender_MarketParticipant.mRID codingScheme="A01">10X1001A1001A450'
    "</sender_MarketParticipant.mRID>\n"
    "  <createdDateTime>{created}</createdDateTime>\n"
    "  <period.timeInterval>\n    <start>{start}</start>\n    <end>{end}</end>\n"
    "  </period.timeInterval>\n"
    "<TimeSeries>\n<mRID>1</mRID>\n<businessType>A66</businessType>\n"
    '<in_Domain.mRID codingScheme="A01">{into}</in_Domain.mRID>\n'
    '<out_Domain.mRID codingScheme="A01">{out_of}</out_Domain.mRID>\n'
    "<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>\n"
    "<curveType>A03</curveType>\n{periods}</TimeSeries>\n</Publication_MarketDocument>\n"
)


def border_of(into: str, out_of: str) -> Border | None:
    """Return the border between two EIC codes, in either direction."""
    asked = {into, out_of}
    return next((border for border in borders() if set(border.eic) == asked), None)


def net_mw(border: Border, start: datetime, mean_mw: Mapping[str, float]) -> float:
    """Return the net flow from a border's first side to its second in the slot at ``start``.

    ``mean_mw`` has the mean generation of the simulated zones in MW, by EIC code.
    """
    known = [mean_mw[code] for code in border.eic if code in mean_mw]
    most_mw = SHARE * min(known, default=1000.0)
    return round(most_mw * shapes.drift(start, timedelta(hours=9), f"flow {border.name}"), 2)


def flow_mw(into: str, out_of: str, start: datetime, mean_mw: Mapping[str, float]) -> float:
    """Return the flow in one direction, in MW. Zero is sent where the flow runs the other way."""
    border = border_of(into, out_of)
    if border is None:
        raise LookupError(f"{out_of} and {into} have no border")
    net = net_mw(border, start, mean_mw)
    return max(0.0, net if border.eic[1] == into else -net)


def step_of(into: str, out_of: str) -> timedelta:
    """Return the resolution of a border."""
    return timedelta(minutes=15) if {into, out_of} == QUARTERS else HOUR
