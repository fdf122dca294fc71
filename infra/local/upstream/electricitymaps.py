"""Simulates Electricity Maps v3 for a free key: the latest hour of a zone, as an estimate.

It behaves like the real API in these points. The key is in a header. A bad key and a zone outside
the plan are answered with 401. The hour that has not ended has an older ``updatedAt``. A request
for an unknown zone is answered for the zone of the caller's address. The body of a 429 is
invented, because no recording has one.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from greenstream.domain.reading import Basis
from greenstream.domain.zones import zones_of
from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.quota import Quota
from infra.local.upstream.series_faults import JUMP
from infra.local.upstream.wire import Answer, Provider, Request, json_answer

KEY_HEADER = "auth-token"
REFUSED_KEY = "refused"
ONE_ZONE_KEY = "only-"
"""The prefix of a key, before a zone's name, whose plan has that zone alone."""

LATEST = "/v3/carbon-intensity/latest"
ZONES = "/v3/zones"
CALLER_ZONE = "IE"
"""The zone of the caller's address, as for a request from eu-west-1."""

HOUR = timedelta(hours=1)
REQUESTS_PER_HOUR = 30
REQUESTS_OF_A_COMPANY = 1000
COMPANY_KEY = "company-"
"""The prefix of a key whose plan allows `REQUESTS_OF_A_COMPANY` requests an hour."""

# The rough mean of a year on the lifecycle basis.
MEAN_GCO2_KWH = {
    "AT": 110, "BA": 560, "BE": 150, "BG": 300, "CH": 60, "CZ": 420, "DE": 340, "DK-DK1": 130,
    "DK-DK2": 140, "EE": 350, "ES": 140, "FI": 70, "FR": 45, "GB": 190, "GR": 310, "HR": 220,
    "HU": 200, "IE": 290, "IT-CNO": 300, "IT-CSO": 310, "IT-NO": 290, "IT-SAR": 450, "IT-SIC": 340,
    "IT-SO": 280, "LT": 160, "LV": 150, "ME": 380, "MK": 520, "NL": 290, "NO-NO1": 30,
    "NO-NO2": 32, "NO-NO3": 28, "NO-NO4": 27, "NO-NO5": 28, "PL": 640, "PT": 120, "RO": 240,
    "RS": 560, "SE-SE1": 22, "SE-SE2": 21, "SE-SE3": 27, "SE-SE4": 34, "SI": 210, "SK": 130,
    "CA-AB": 460, "CA-ON": 60, "CA-QC": 29,
    "US-CAL-LDWP": 532, "US-CAL-BANC": 240, "US-NW-BPAT": 125, "US-NW-PGE": 436, "US-NW-PACE": 701,
    "US-NW-NEVP": 402, "US-NW-PSCO": 419, "US-SW-PNM": 226, "US-SW-AZPS": 394, "US-NW-SCL": 125,
    "US-NW-GCPD": 125, "US-NW-WACM": 903, "US-SE-SOCO": 449, "US-CAR-DUK": 262, "US-CAR-SC": 836,
    "US-TEN-TVA": 341, "US-FLA-FPL": 346, "US-FLA-TEC": 479, "US-FLA-JEA": 616, "US-FLA-TAL": 480,
    "US-CAL-CISO": 230, "US-CENT-SWPP": 440, "US-MIDA-PJM": 400, "US-MIDW-MISO": 500,
    "US-NE-ISNE": 310, "US-NY-NYIS": 270, "US-TEX-ERCO": 390,
    "BR-CS": 110, "BR-S": 120, "BR-NE": 80, "BR-N": 90, "AU-NSW": 600, "AU-VIC": 560,
    "AU-QLD": 650, "AU-SA": 220, "AU-TAS": 60,
}  # fmt: skip
"""The zones whose figures this file gives itself."""


@cache
def means_gco2_kwh() -> Mapping[str, float]:
    """Return the rough mean of every zone on the lifecycle basis, in g/kWh.

    A zone that `MEAN_GCO2_KWH` does not name has the yearly mean of the zone table.
    """
    of_table = {
        source.provider_zone: max(
            mean.gco2_kwh for mean in zone.annual_means if mean.basis is Basis.LIFECYCLE
        )
        for zone, source in zones_of("electricitymaps")
    }
    return {**of_table, **MEAN_GCO2_KWH}


DIRECT_SHARE = 0.82
CLEAN_GCO2_KWH = 25
"""The part of a lifecycle figure that does not come from combustion."""


def lifecycle_gco2_kwh(zone: str, hour: datetime) -> int:
    """Return the lifecycle intensity of an hour, in g/kWh."""
    weather = shapes.drift(hour, timedelta(hours=9), f"em {zone}")
    swing = 0.85 + 0.15 * shapes.demand(hour) + 0.25 * weather
    return max(CLEAN_GCO2_KWH - 5, round(means_gco2_kwh()[zone] * swing))


def gco2_kwh(zone: str, hour: datetime, factor_type: str) -> int:
    """Return the intensity of an hour, in g/kWh, on the basis ``factor_type``."""
    value = lifecycle_gco2_kwh(zone, hour)
    if factor_type == "lifecycle":
        return value
    return max(0, round((value - CLEAN_GCO2_KWH) * DIRECT_SHARE))


def stamp(at: datetime) -> str:
    """Format a time as the API does, with milliseconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def latest(zone: str, factor_type: str, now: datetime) -> Answer:
    """Answer ``/v3/carbon-intensity/latest`` with the hour that has not ended."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    updated_at = now.replace(minute=47, second=2, microsecond=0)
    updated_at -= HOUR if updated_at > now else timedelta(0)
    return json_answer(
        {
            "zone": zone,
            "carbonIntensity": gco2_kwh(zone, hour, factor_type),
            "datetime": stamp(hour),
            "updatedAt": stamp(updated_at),
            "createdAt": stamp(hour - timedelta(days=3)),
            "emissionFactorType": factor_type,
            "isEstimated": True,
            "estimationMethod": "TIME_SLICER_AVERAGE",
        }
    )


def key_of(request: Request) -> str:
    """Return the key that a request sends, or an empty text."""
    return request.headers.get(KEY_HEADER, "").strip()


def plan(key: str) -> Mapping[str, bool]:
    """Return for every zone whether the key's plan contains it."""
    only_zone = key.removeprefix(ONE_ZONE_KEY) if key.startswith(ONE_ZONE_KEY) else None
    return {zone: only_zone in {None, zone} for zone in means_gco2_kwh()}


def limit(key: str) -> int:
    """Return how many requests an hour a key's plan allows."""
    return REQUESTS_OF_A_COMPANY if key.startswith(COMPANY_KEY) else REQUESTS_PER_HOUR


def zones(key: str) -> Answer:
    """Answer ``/v3/zones`` with every zone and the paths that the key may use."""
    rights = ["carbon-intensity/latest", "carbon-intensity/history"]
    rows = {
        zone: {"zoneName": zone, "zoneKey": zone, "access": rights if allowed else []}
        for zone, allowed in plan(key).items()
    }
    return json_answer(rows)


def no_data(zone: str) -> Answer:
    """Answer 404 for a zone without a value."""
    return json_answer({"error": f'No recent data for zone "{zone}"'}, 404)


class Account:
    """The API, which counts the requests of each key."""

    def __init__(self) -> None:
        self._quotas: dict[str, Quota] = {}

    def answer(self, request: Request, now: datetime) -> Answer:
        """Answer a request at ``now`` (aware UTC)."""
        key = key_of(request)
        if key in {"", REFUSED_KEY}:
            return json_answer({"error": "Invalid auth-token"}, 401)
        quota = self._quotas.setdefault(key, Quota(limit(key), HOUR))
        if not quota.take(now):
            return json_answer({"error": "Too many requests"}, 429)
        if request.path == ZONES:
            return zones(key)
        if request.path != LATEST:
            return json_answer({"error": "Not found"}, 404)
        return intensity(request.query, key, now)


def intensity(query: Mapping[str, str], key: str, now: datetime) -> Answer:
    """Answer with the intensity of a zone if the plan contains it."""
    zone, factor_type = query.get("zone", ""), query.get("emissionFactorType", "lifecycle")
    if zone not in means_gco2_kwh() and query.get("disableCallerLookup") != "true":
        zone = CALLER_ZONE
    if zone not in means_gco2_kwh() or query.get("disableEstimations") == "true":
        return no_data(zone)
    if not plan(key)[zone]:
        access = f"zoneKey={zone},requestType=latest,dataType=carbon-intensity"
        message = "Your plan does not include this zone."
        return json_answer(
            {"error": f"Request unauthorized for {access}.", "message": message}, 401
        )
    if factor_type not in {"direct", "lifecycle"}:
        return json_answer({"error": "emissionFactorType is direct or lifecycle"}, 400)
    return latest(zone, factor_type, now)


def spike(body: str, _: Mapping[str, Any]) -> str:
    """Give the figure as many times too great."""
    document = json.loads(body)
    if "carbonIntensity" in document:
        document["carbonIntensity"] *= JUMP
    return json.dumps(document, separators=(",", ":"))


def setting(**values: object) -> Callable[[str, Mapping[str, Any]], str]:
    """Make a fault that sets fields of an intensity and leaves other answers unchanged."""

    def fault(body: str, _: Mapping[str, Any]) -> str:
        document = json.loads(body)
        if "carbonIntensity" in document:
            document |= values
        return json.dumps(document, separators=(",", ":"))

    return fault


PROVIDER = Provider(
    name="electricitymaps",
    origins=frozenset({"https://api.electricitymaps.com"}),
    answer=Account().answer,
    zone=lambda request: request.query.get("zone"),
    zones=frozenset(means_gco2_kwh()),
    routes=(LATEST, ZONES),
    account={ZONES: lambda request, _: zones(key_of(request))},
    payload_faults={
        "wrong_zone": setting(zone=CALLER_ZONE),
        "wrong_unit": setting(emissionFactorType="lifecycle"),
        **figure_faults('"carbonIntensity":', null="null"),
        "spike": spike,
        "sandbox": setting(estimationMethod="SANDBOX_MODE_DATA"),
        "measured": setting(isEstimated=False, estimationMethod=None),
    },
)
