"""Simulates IESO's report of the output of each generator, as recorded on 2016-05-01.

The namespace and the row of control actions are those of 2026. Capabilities, which the real
document also has, are left out.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.series_faults import RowsFault, rows_faults
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request

EST = timezone(timedelta(hours=-5))
HOUR = timedelta(hours=1)
PUBLISHED_AFTER = timedelta(minutes=70)
"""How long after its end an hour can be read. It was one to two hours."""

FOLDER = "/public/GenOutputCapability/"
FILE = re.compile(FOLDER + r"PUB_GenOutputCapability(?:_(\d{8}))?\.xml")
FLEET = {
    "BRUCEA-G1": ("NUCLEAR", 4_700),
    "DARLINGTON-G1": ("NUCLEAR", 4_900),
    "BECK2": ("HYDRO", 2_500),
    "SAUNDERS": ("HYDRO", 1_900),
    "LENNOX-G1": ("GAS", 1_300),
    "PORTLANDS": ("GAS", 1_500),
    "AMARANTH": ("WIND", 1_700),
    "KINGSTON": ("SOLAR", 380),
    "ATIKOKAN": ("BIOFUEL", 30),
    "PEAKSAVER": ("CONTROL ACTIONS", 0),
}
"""The generators, each with its fuel and its rough mean; of the sun, its power in the zenith."""

ENTRY = re.compile(
    r"<Generator><GeneratorName>([^<]*)</GeneratorName><FuelType>([^<]*)</FuelType>"
    r"<Outputs>(.*?)</Outputs></Generator>"
)
OUTPUT = re.compile(r"<Output><Hour>(\d+)</Hour><EnergyMW>([^<]*)</EnergyMW></Output>")


def output_mw(name: str, end: datetime) -> int:
    """Return the mean power of a generator in the hour that ends at ``end`` (UTC), in MW."""
    fuel, mean_mw = FLEET[name]
    demand = shapes.demand(end.astimezone(EST))
    wobble = 1 + 0.02 * shapes.drift(end, timedelta(hours=3), f"on {name}")
    if fuel == "WIND":
        wobble += 0.6 * shapes.drift(end, timedelta(hours=8), "on wind")
    sun = shapes.sun(end - HOUR / 2, 43.7, -79.4)
    follows = {"SOLAR": sun, "WIND": 1.0, "NUCLEAR": 1.0}.get(fuel, demand**2)
    return round(mean_mw * wobble * follows)


def generation_mw(_zone: str, end: datetime) -> dict[str, int]:
    """Return the power by fuel in the hour that ends at ``end`` (UTC), in MW."""
    mw: dict[str, int] = {}
    for name, (fuel, _) in FLEET.items():
        if fuel != "CONTROL ACTIONS":
            mw[fuel] = mw.get(fuel, 0) + output_mw(name, end)
    return mw


def document(day: date, now: datetime) -> str:
    """Return the document of a day with the hours that can be read at ``now`` (aware UTC)."""
    midnight = datetime.combine(day, time(), EST).astimezone(UTC)
    ends = [midnight + hour * HOUR for hour in range(1, 25)]
    known = [end for end in ends if end + PUBLISHED_AFTER <= now]
    return written(
        day,
        [
            {"name": name, "hour": hour, "fuel": fuel, "mw": output_mw(name, end)}
            for name, (fuel, _) in FLEET.items()
            for hour, end in enumerate(known, 1)
        ],
    )


Rows = list[dict[str, Any]]


def written(day: date | str, rows: Rows) -> str:
    """Return the document with these outputs."""
    outputs: dict[str, str] = dict.fromkeys(FLEET, "")
    for row in rows:
        outputs[row["name"]] += (
            f"<Output><Hour>{row['hour']}</Hour><EnergyMW>{row['mw']}</EnergyMW></Output>"
        )
    generators = "".join(
        f"<Generator><GeneratorName>{name}</GeneratorName><FuelType>{FLEET[name][0]}</FuelType>"
        f"<Outputs>{text}</Outputs></Generator>"
        for name, text in outputs.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<IMODocument docID="GenOutputCapability" xmlns="http://www.ieso.ca/schema">'
        f"<IMODocHeader><CreatedAt>{day}T12:16:28</CreatedAt></IMODocHeader><IMODocBody>"
        f"<Date>{day}</Date><Generators>{generators}</Generators></IMODocBody></IMODocument>"
    )


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    today = now.astimezone(EST).date()
    if match := FILE.fullmatch(request.path):
        day = today if match[1] is None else date.fromisoformat(match[1])
        if day <= today:
            return Answer(document(day, now).encode(), "text/xml")
    return Answer(b"<html><body>Not Found</body></html>", "text/html", 404)


def rows_fault(change: Callable[[Rows, Mapping[str, Any]], Rows]) -> PayloadFault:
    """Return the fault that changes the outputs of a document."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        day = re.search(r"<Date>([^<]*)</Date>", body)
        rows = [
            {"name": name, "fuel": fuel, "hour": hour, "slot": int(hour), "mw": mw}
            for name, fuel, outputs in ENTRY.findall(body)
            for hour, mw in OUTPUT.findall(outputs)
        ]
        return written(day[1] if day else "", change(rows, fields))

    return fault


def of_rows(change: RowsFault) -> PayloadFault:
    """Return the fault for a change that needs no field of the posted fault."""
    return rows_fault(lambda rows, _: change(rows))


def missing_fuel(rows: Rows, fields: Mapping[str, Any]) -> Rows:
    """Leave out the outputs of ``fuel``, which is NUCLEAR by default."""
    lost = fields.get("fuel") or "NUCLEAR"
    return [row for row in rows if row["fuel"] != lost]


def half_mix(rows: Rows, _: Mapping[str, Any]) -> Rows:
    """Leave out every second kind of plant."""
    fuels = sorted({row["fuel"] for row in rows})
    return [row for row in rows if row["fuel"] in fuels[::2]]


def wrong_unit(rows: Rows, _: Mapping[str, Any]) -> Rows:
    """Give the powers in GW."""
    return [row | {"mw": float(row["mw"]) / 1000} for row in rows]


SERIES_FAULTS = rows_faults("slot", "name", "mw", jumps="BECK2")

PROVIDER = Provider(
    name="ieso",
    origins=frozenset({"https://reports-public.ieso.ca"}),
    answer=answer,
    zone=lambda _: "ON",
    zones=frozenset({"ON"}),
    routes=(f"{FOLDER}PUB_GenOutputCapability[_YYYYMMDD].xml",),
    payload_faults={
        "missing_fuel": rows_fault(missing_fuel),
        "wrong_unit": rows_fault(wrong_unit),
        "spike": of_rows(SERIES_FAULTS["spike"]),
        "half_mix": rows_fault(half_mix),
        **figure_faults("<EnergyMW>", "</EnergyMW>"),
    },
)
