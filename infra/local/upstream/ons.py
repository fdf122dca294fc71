"""Simulates the energy balance of ONS, as recorded on 2018-01-27: one answer for all of Brazil."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import negative
from infra.local.upstream.series_faults import JUMP
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request, json_answer

BALANCE = "/api/energiaagora/GetBalancoEnergetico/null"
STEP = timedelta(minutes=1)
PUBLISHED_AFTER = timedelta(seconds=20)
"""How long after its moment a balance can be read."""

BRASILIA = ZoneInfo("America/Sao_Paulo")
MIDDLE = (-15.0, -47.0)
MEAN_MW = {
    "sudesteECentroOeste": {
        "hidraulica": 19000, "termica": 3800, "eolica": 12, "nuclear": 1830, "solar": 6500,
        "itaipu50HzBrasil": 3900, "itaipu60Hz": 5200,
    },
    "sul": {"hidraulica": 8500, "termica": 1400, "eolica": 700, "nuclear": 0, "solar": 300},
    "nordeste": {"hidraulica": 3100, "termica": 900, "eolica": 11000, "nuclear": 0, "solar": 7000},
    "norte": {"hidraulica": 9800, "termica": 1500, "eolica": 180, "nuclear": 0, "solar": 60},
}  # fmt: skip
"""The rough mean of each kind of plant; of the sun, its power when it is in the zenith."""

Generation = dict[str, Any]


def generation_mw(subsystem: str, moment: datetime) -> dict[str, float]:
    """Return the power of each kind of plant in a subsystem at a moment (UTC), in MW."""
    demand = shapes.demand(moment.astimezone(BRASILIA))
    sun = shapes.sun(moment, *MIDDLE)
    mw: dict[str, float] = {}
    for fuel, mean_mw in MEAN_MW[subsystem].items():
        wobble = 1 + 0.03 * shapes.drift(moment, timedelta(hours=2), f"ons {subsystem} {fuel}")
        if fuel == "eolica":
            wobble += 0.3 * shapes.drift(moment, timedelta(hours=7), f"ons wind {subsystem}")
        follows = {"solar": sun, "eolica": 1.0, "nuclear": 1.0}.get(fuel, demand)
        mw[fuel] = round(mean_mw * wobble * follows, 4)
    return mw


def balance(moment: datetime) -> dict[str, Any]:
    """Return the balance at a moment (UTC)."""
    answer: dict[str, Any] = {"Data": moment.astimezone(BRASILIA).isoformat(timespec="seconds")}
    for subsystem in MEAN_MW:
        mw = generation_mw(subsystem, moment)
        total_mw = round(sum(mw.values()), 4)
        answer[subsystem] = {
            "geracao": {"total": total_mw, **mw},
            "cargaVerificada": round(total_mw * 0.98, 3),
            "importacao": 0.0,
            "exportacao": round(total_mw * 0.02, 4),
        }
    answer["internacional"] = {"argentina": 0.0, "paraguai": 0.0, "uruguai": 14.0}
    answer["intercambio"] = {
        "internacional_sul": 0.0,
        "sul_sudeste": -203.3,
        "sudeste_nordeste": 785.1,
        "sudeste_norteFic": -2816.6,
        "norte_norteFic": 5784.3,
        "norteFic_nordeste": 2967.8,
    }
    return answer


def newest(now: datetime) -> datetime:
    """Return the moment of the newest balance that can be read at ``now`` (aware UTC)."""
    return (now - PUBLISHED_AFTER).replace(second=0, microsecond=0)


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path != BALANCE:
        return json_answer({"Message": "No HTTP resource was found."}, 404)
    return json_answer(balance(newest(now)))


def of_generation(change: Callable[[Generation, Mapping[str, Any]], Generation]) -> PayloadFault:
    """Return the fault that changes the generation of the posted zone, or of each."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        document = json.loads(body)
        for subsystem, parts in document.items():
            if subsystem in MEAN_MW and fields.get("zone") in {None, subsystem}:
                parts["geracao"] = change(parts["geracao"], fields)
        return json.dumps(document, separators=(",", ":"))

    return fault


def figures(change: Callable[[float], Any]) -> PayloadFault:
    """Return the fault that changes every figure, the totals too."""
    return of_generation(lambda made, _: {fuel: change(mw) for fuel, mw in made.items()})


def summed(made: Generation) -> Generation:
    """Return the generation with the total of its parts."""
    parts = {fuel: mw for fuel, mw in made.items() if fuel != "total"}
    return {"total": round(sum(parts.values()), 4), **parts}


def missing_fuel(made: Generation, fields: Mapping[str, Any]) -> Generation:
    """Leave out ``fuel``, which is hidraulica by default, also of the total."""
    lost = fields.get("fuel") or "hidraulica"
    return summed({fuel: mw for fuel, mw in made.items() if fuel != lost})


def half_mix(made: Generation, _: Mapping[str, Any]) -> Generation:
    """Leave out every second kind of plant, also of the total."""
    return summed({fuel: made[fuel] for fuel in sorted(made.keys() - {"total"})[::2]})


def spike(made: Generation, _: Mapping[str, Any]) -> Generation:
    """Give hydropower as `JUMP` times as great, also in the total."""
    return summed(made | {"hidraulica": made["hidraulica"] * JUMP})


def contradiction(made: Generation, _: Mapping[str, Any]) -> Generation:
    """Give a total that is not the sum of its parts."""
    return made | {"total": made["total"] * 1.2}


PROVIDER = Provider(
    name="ons",
    origins=frozenset({"https://integra.ons.org.br"}),
    answer=answer,
    zone=lambda _: None,
    zones=frozenset(MEAN_MW),
    routes=(BALANCE,),
    payload_faults={
        "missing_fuel": of_generation(missing_fuel),
        "half_mix": of_generation(half_mix),
        "spike": of_generation(spike),
        "contradiction": of_generation(contradiction),
        "wrong_unit": figures(lambda mw: mw / 1000),
        "nan": figures(lambda _: float("nan")),
        "negative": figures(lambda mw: float(negative(str(mw)))),
        "null": figures(lambda _: None),
    },
)
