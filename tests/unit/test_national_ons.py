"""Brazil's energy balance: what a reader makes of it, and what it refuses."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.national.ons import parse
from greenstream.domain.errors import InvalidError

NOW = datetime(2026, 11, 28, 15, 2, tzinfo=UTC)
BALANCE: dict[str, Any] = {
    "Data": "2026-11-28T12:01:00-03:00",
    "sudesteECentroOeste": {
        "geracao": {
            "total": 41000.0,
            "hidraulica": 20000.0,
            "termica": 4000.0,
            "eolica": 10.0,
            "nuclear": 1990.0,
            "solar": 7000.0,
            "itaipu50HzBrasil": 3000.0,
            "itaipu60Hz": 5000.0,
        },
        "cargaVerificada": 43000.0,
        "importacao": 2000.0,
        "exportacao": 0.0,
    },
    "sul": {
        "geracao": {
            "total": 11700.0,
            "hidraulica": 9000.0,
            "termica": 900.0,
            "eolica": 1300.0,
            "nuclear": 0.0,
            "solar": 500.0,
        },
        "cargaVerificada": 11800.0,
    },
    "internacional": {"argentina": 0.0},
}
"""An answer in the true format, with two of the four subsystems."""


def changed(subsystem: str, **members: Any) -> dict[str, Any]:
    answer = copy.deepcopy(BALANCE)
    answer[subsystem]["geracao"] |= members
    return answer


def test_a_balance_is_the_minute_that_ends_at_its_stamp_in_utc() -> None:
    [slot] = parse(BALANCE, NOW).slots["sul"]
    assert (slot.mix.valid_from, slot.mix.valid_to) == (
        NOW - timedelta(minutes=2),
        NOW - timedelta(minutes=1),
    )


def test_the_parts_of_each_subsystem_are_its_mix_without_the_total() -> None:
    slots = parse(BALANCE, NOW).slots
    assert slots.keys() == {"sudesteECentroOeste", "sul"}
    [slot] = slots["sudesteECentroOeste"]
    assert slot.mix.refusal is None
    assert slot.mix.total_mw == 41000
    assert slot.mix.generation_mw["itaipu60Hz"] == 5000
    assert "total" not in slot.mix.generation_mw


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"total": 12500.0}, "contradiction"),
        ({"hidraulica": 90.0}, "contradiction"),
        ({"hidraulica": "9000"}, "not_a_number"),
        ({"hidraulica": None}, "not_a_number"),
        ({"hidraulica": True}, "not_a_number"),
        ({"hidraulica": float("nan")}, "not_a_number"),
        ({"hidraulica": 10**400}, "not_a_number"),
    ],
)
def test_a_subsystem_whose_figures_are_false_is_refused_and_no_other(
    members: dict[str, Any], reason: str
) -> None:
    slots = parse(changed("sul", **members), NOW).slots
    [refused], [other] = slots["sul"], slots["sudesteECentroOeste"]
    assert refused.mix.refusal is not None
    assert refused.mix.refusal.reason == reason
    assert other.mix.refusal is None


def test_a_subsystem_without_a_total_or_without_generation_is_refused() -> None:
    answer = copy.deepcopy(BALANCE)
    del answer["sul"]["geracao"]["total"]
    del answer["sudesteECentroOeste"]["geracao"]
    for [slot] in parse(answer, NOW).slots.values():
        assert slot.mix.refusal is not None
        assert slot.mix.refusal.reason == "malformed"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "malformed"),
        ({**BALANCE, "Data": None}, "malformed"),
        ({**BALANCE, "Data": "2026-11-28T12:01:00"}, "malformed"),
        ({**BALANCE, "Data": "soon"}, "malformed"),
        ({**BALANCE, "Data": "2026-11-28T13:01:00-03:00"}, "future"),
    ],
)
def test_an_answer_without_a_believable_time_is_refused(answer: object, reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse(answer, NOW)
    assert refused.value.reason == reason
    assert refused.value.provider == "ons"


def test_the_recorded_balance_has_the_power_of_each_subsystem(recordings: Path) -> None:
    answer = json.loads((recordings / "ons/balanco_energetico_2018-01-27.json").read_bytes())
    slots = parse(answer, datetime(2018, 1, 27, 22, 20, tzinfo=UTC)).slots
    stamps = {slot.mix.valid_to for [slot] in slots.values()}
    assert stamps == {datetime(2018, 1, 27, 22, 19, tzinfo=UTC)}, "the offset was -02:00 in summer"
    assert {name: round(slot.mix.total_mw) for name, [slot] in slots.items()} == {
        "sudesteECentroOeste": 40232,
        "sul": 11445,
        "nordeste": 7460,
        "norte": 11360,
    }
    assert all(slot.mix.refusal is None for [slot] in slots.values())
