"""Builds documents in the form in which ENTSO-E's platform writes them."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

from greenstream.domain.plausibility import rules_of_source

NL, FR = "10YNL----------L", "10YFR-RTE------C"
NOON = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%MZ")


def period(
    points: dict[int, Any], *, start: datetime = NOON, slots: int = 4, minutes: int = 15
) -> str:
    rows = "".join(
        f"<Point><position>{at}</position><quantity>{mw}</quantity></Point>"
        for at, mw in points.items()
    )
    end = start + slots * timedelta(minutes=minutes)
    return (
        f"<Period><timeInterval><start>{stamp(start)}</start><end>{stamp(end)}</end></timeInterval>"
        f"<resolution>PT{minutes}M</resolution>{rows}</Period>"
    )


def series(
    psr: str,
    *periods: str,
    domain: str = NL,
    out: bool = False,
    curve: str = "A03",
    unit: str = "MAW",
) -> str:
    side = "out" if out else "in"
    return (
        "<TimeSeries><mRID>1</mRID><businessType>A01</businessType>"
        f'<{side}BiddingZone_Domain.mRID codingScheme="A01">{domain}'
        f"</{side}BiddingZone_Domain.mRID>"
        f"<quantity_Measure_Unit.name>{unit}</quantity_Measure_Unit.name>"
        f"<curveType>{curve}</curveType><MktPSRType><psrType>{psr}</psrType></MktPSRType>"
        f"{''.join(periods)}</TimeSeries>"
    )


def document(*all_series: str, kind: str = "A75", process: str = "A16", prolog: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{prolog}'
        '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">'
        f"<mRID>1</mRID><type>{kind}</type><process.processType>{process}</process.processType>"
        f"{''.join(all_series)}</GL_MarketDocument>"
    ).encode()


def acknowledgement(code: str, text: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Acknowledgement_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">'
        f"<mRID>1</mRID><Reason><code>{code}</code><text>{text}</text></Reason>"
        "</Acknowledgement_MarketDocument>"
    ).encode()


NO_DATA = acknowledgement("999", "No matching data found for Data item ACTUAL_GENERATION [16.1.B]")
DARK = document(
    series("B04", period({1: 3000})),
    series("B05", period({1: 1000})),
    series("B20", period({1: 0})),
)
"""A document of four Dutch quarter hours that run on gas and coal only."""


def believable_mw(zone: str) -> dict[str, float]:
    """Return the fuels without which no mix of the zone is believed, with believable MW."""
    rules = rules_of_source("entsoe", zone)
    fuels = (
        rules.needed
        | rules.needed_by_day
        | {min(group & rules.usual or group) for group in rules.needed_any}
    )
    return dict.fromkeys(sorted(fuels), 1.5 * rules.least_total_mw / len(fuels))


def zipped(*members: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for index, member in enumerate(members):
            archive.writestr(f"{index:03d}-AGGREGATED_GENERATION.xml", member)
    return target.getvalue()
