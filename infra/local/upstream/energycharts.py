"""Simulates Energy-Charts' ``public_power``, in the format of its OpenAPI document and public code.

The countries are those of the simulated ENTSO-E platform (`infra.local.upstream.entsoe`), each with
all its bidding zones together. An answer reaches to the end of the range that was asked for; what
is not published yet is null. A range in which nothing was published is answered with 404. The real
API's limit of two requests a second is not simulated, since simulated time stands still in a run.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from greenstream.domain.plausibility import rules_of_provider
from greenstream.domain.zones import zones
from infra.local.upstream import entsoe
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.series_faults import RowsFault, rows_faults
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request, json_answer

PATH = "/public_power"
NAME = "energycharts"
LATER = timedelta(minutes=30)
"""How much later than ENTSO-E's platform Energy-Charts shows a slot."""

MAX_RANGE = timedelta(days=366)
NO_DATA = {"detail": "no content available"}
Document = dict[str, Any]


def _domains() -> Mapping[str, tuple[str, ...]]:
    """Return the bidding zones of each country, by ENTSO-E's codes."""
    domains: defaultdict[str, list[str]] = defaultdict(list)
    for zone in zones().values():
        codes = {source.provider: source.provider_zone for source in zone.sources}
        if NAME in codes:
            domains[codes[NAME]].append(codes["entsoe"])
    return {country: tuple(codes) for country, codes in domains.items()}


COUNTRIES = _domains()
NAMES = {fuel: name for name, fuel in rules_of_provider(NAME).fuel_names.items()}
"""The production type of each of ENTSO-E's types."""


def step_of(country: str) -> timedelta:
    """Return the length of a country's slots."""
    return timedelta(minutes=entsoe.AREAS[COUNTRIES[country][0]].minutes)


def generation_mw(country: str, start: datetime) -> tuple[dict[str, float], float]:
    """Return the generation by PSR type and what pumps consume in a slot, in MW."""
    total_mw: defaultdict[str, float] = defaultdict(float)
    pumped_mw = 0.0
    for code in COUNTRIES[country]:
        generated, pumped = entsoe.generation_mw(code, start)
        pumped_mw += pumped
        for fuel, mw in generated.items():
            total_mw[fuel] += mw
    return {fuel: round(mw, 1) for fuel, mw in total_mw.items()}, round(pumped_mw, 1)


def published_until(country: str, now: datetime) -> datetime:
    """Return the end of the newest slot that is shown of every zone of the country."""
    return min(entsoe.published_until(code, now - LATER) for code in COUNTRIES[country])


def document(country: str, first: datetime, last: datetime, now: datetime) -> Document | None:
    """Return the answer for the slots in ``[first, last]``. ``None`` where none has a value."""
    step, until = step_of(country), published_until(country, now)
    starts: list[datetime] = []
    at = entsoe.floor(first + step - timedelta(seconds=1), step)
    while at <= last:
        starts.append(at)
        at += step
    published = [generation_mw(country, at) if at < until else None for at in starts]
    if not any(published):
        return None
    known = [slot for slot in published if slot is not None]
    fuels = sorted(set().union(*(mw for mw, _ in known)))
    rows: dict[str, list[float | None]] = {
        "Hydro pumped storage consumption": [-pumped for _, pumped in known],
        "Cross border electricity trading": [12.5 for _ in known],
        **{NAMES[fuel]: [mw.get(fuel) for mw, _ in known] for fuel in fuels},
        "Load": [sum(mw.values()) for mw, _ in known],
        "Residual load": [
            sum(mw.values()) - mw.get("B16", 0) - mw.get("B18", 0) - mw.get("B19", 0)
            for mw, _ in known
        ],
        "Renewable share of generation": [50.0 for _ in known],
        "Renewable share of load": [50.1 for _ in known],
    }
    later: list[float | None] = [None] * (len(starts) - len(known))
    return {
        "unix_seconds": [int(at.timestamp()) for at in starts],
        "production_types": [
            {
                "name": name,
                "data": [None if mw is None else round(mw, 1) for mw in data] + later,
            }
            for name, data in rows.items()
        ],
        "deprecated": False,
    }


def moment(text: str) -> datetime | None:
    """Parse a time in UTC as the collector writes it, or in UNIX seconds."""
    if re.fullmatch(r"\d{9,10}", text):
        return datetime.fromtimestamp(int(text), UTC)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path != PATH:
        return json_answer({"detail": "Not Found"}, 404)
    country = request.query.get("country", "de")
    first, last = (moment(request.query.get(name, "")) for name in ("start", "end"))
    if country not in COUNTRIES or first is None or last is None or last - first > MAX_RANGE:
        problem = {"loc": ["query"], "msg": "value is not valid", "type": "value_error"}
        return json_answer({"detail": [problem]}, 422)
    made = document(country, first, last, now)
    return json_answer(NO_DATA, 404) if made is None else json_answer(made)


def rows_of(made: Document) -> Iterator[dict[str, Any]]:
    """Yield a row for each time and production type that has a value."""
    for row in made["production_types"]:
        for seconds, mw in zip(made["unix_seconds"], row["data"], strict=True):
            if mw is not None:
                yield {"at": seconds, "name": row["name"], "mw": mw}


def of_rows(change: RowsFault) -> PayloadFault:
    """Return the fault that changes rows, which are put together to an answer again."""

    def fault(body: str, _: Mapping[str, Any]) -> str:
        made = json.loads(body)
        by_place = {(row["at"], row["name"]): row["mw"] for row in change(list(rows_of(made)))}
        made["production_types"] = [
            row | {"data": [by_place.get((at, row["name"])) for at in made["unix_seconds"]]}
            for row in made["production_types"]
        ]
        return json.dumps(made, separators=(",", ":"))

    return fault


def types_fault(
    change: Callable[[list[Document], Mapping[str, Any]], list[Document]],
) -> PayloadFault:
    """Return the fault that changes the production types of an answer."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        made = json.loads(body)
        made["production_types"] = change(made["production_types"], fields)
        return json.dumps(made, separators=(",", ":"))

    return fault


def missing_fuel(types: list[Document], fields: Mapping[str, Any]) -> list[Document]:
    """Leave out ``fuel``, which is gas by default."""
    name = fields.get("fuel") or "Fossil gas"
    return [row for row in types if row["name"] != name]


def wrong_unit(types: list[Document], _: Mapping[str, Any]) -> list[Document]:
    """Give the power in GW."""
    return [
        row | {"data": [None if mw is None else mw / 1000 for mw in row["data"]]} for row in types
    ]


SERIES_FAULTS = rows_faults("at", "name", "mw", jumps="Fossil gas")

PROVIDER = Provider(
    name=NAME,
    origins=frozenset({"https://api.energy-charts.info"}),
    answer=answer,
    zone=lambda request: request.query.get("country"),
    zones=frozenset(COUNTRIES),
    routes=(PATH,),
    payload_faults={
        "missing_fuel": types_fault(missing_fuel),
        "wrong_unit": types_fault(wrong_unit),
        **{name: of_rows(change) for name, change in SERIES_FAULTS.items()},
        **figure_faults(r"[\[,]", r"[\],]", null="null"),
    },
)
