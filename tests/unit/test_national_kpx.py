"""Korea Power Exchange's page: what the reader makes of its rows, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.national.kpx import parse
from greenstream.domain.errors import InvalidError
from greenstream.domain.judging import judge
from greenstream.domain.plausibility import rules_of_provider, rules_of_source

ROW = {
    "localCoal": "373.953", "newRenewable": "3591.31", "sunlight": "0.0", "oil": "233.421",
    "once": "20261128150000", "gas": "13844.6", "nuclearPower": "21038.2", "coal": "22535.0",
    "regDate": "2026-11-28 15:00", "raisingWater": "-516.098", "waterPower": "903.194", "seq": 0,
}  # fmt: skip
LATER = dict.fromkeys(ROW, "0")


def page(*rows: Any) -> str:
    """Return a page whose script has these rows."""
    return f"<html><script>\n\tvar ictArr = {json.dumps(list(rows))};\n</script></html>"


def test_a_row_is_the_mix_of_the_five_minutes_before_its_moment_in_seoul() -> None:
    [slot] = parse(page(ROW, LATER))

    end = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
    assert (slot.mix.valid_from, slot.mix.valid_to) == (end - timedelta(minutes=5), end)
    assert slot.mix.refusal is None
    assert slot.mix.generation_mw == {
        "localCoal": 373.953, "newRenewable": 3591.31, "sunlight": 0, "oil": 233.421,
        "gas": 13844.6, "nuclearPower": 21038.2, "coal": 22535, "raisingWater": -516.098,
        "waterPower": 903.194,
    }  # fmt: skip
    assert slot.beside_mw == {}


def test_solar_power_outside_of_the_market_stands_beside_the_mix() -> None:
    [slot] = parse(page(ROW | {"ppa": "9000.5", "btm": "4000.0", "windPower": "700.0"}))

    assert slot.beside_mw == {"sunlightOutside": 13000.5}
    assert slot.mix.generation_mw["windPower"] == 700
    assert not {"ppa", "btm"} & slot.mix.generation_mw.keys()


def test_the_sum_of_two_kinds_is_no_kind() -> None:
    [slot] = parse(page(ROW | {"newRenewablePlusWindPower": "4291.31"}))

    assert "newRenewablePlusWindPower" not in slot.mix.generation_mw


def test_figures_may_have_blanks_as_the_page_allows() -> None:
    [slot] = parse(page(ROW | {"coal": " 22 535.0 "}))

    assert slot.mix.generation_mw["coal"] == 22535


@pytest.mark.parametrize("text", ["", "-", "NaN", "inf", None, 22535.0, {}])
def test_a_figure_that_is_no_number_refuses_its_slot_and_no_other(text: Any) -> None:
    bad = ROW | {"coal": text, "regDate": "2026-11-28 15:05"}
    first, second = parse(page(ROW, bad))

    assert first.mix.refusal is None
    assert second.mix.refusal is not None
    assert second.mix.refusal.reason == "not_a_number"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed"),
        ("<html>403</html>", "malformed"),
        ("var ictArr = [];", "malformed"),
        ("var ictArr = [{not JSON}];", "malformed"),
        (page(ROW | {"regDate": "28/11/2026 15:00"}), "malformed"),
        (page(ROW | {"regDate": None}), "malformed"),
        (page(ROW, ROW | {"coal": "1.0"}), "contradiction"),
    ],
)
def test_a_page_that_cannot_be_read_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse(text)
    assert (refused.value.reason, refused.value.provider) == (reason, "kpx")


def test_the_recorded_day_has_each_five_minutes_and_can_be_believed(recordings: Path) -> None:
    slots = parse((recordings / "kpx/historical.html").read_text(encoding="utf-8"))

    assert len(slots) == 288
    assert slots[0].mix.valid_to == datetime(2023, 8, 31, 15, 0, tzinfo=UTC)
    assert slots[-1].mix.valid_to == datetime(2023, 9, 1, 14, 55, tzinfo=UTC)
    assert slots[-1].mix.generation_mw["nuclearPower"] == 21027.5
    judged = judge(
        [slot.mix for slot in slots], rules_of_provider("kpx"), rules_of_source("kpx", "KR")
    )
    refused = {mix.valid_to: refusal for mix, refusal in judged if refusal is not None}
    assert refused == {}
