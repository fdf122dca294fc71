"""`greenstream invoke` shows those of the newest readings that its own run stored."""

from dataclasses import replace
from datetime import timedelta

from infra.local.stored import laid_out
from tests.builders import NOW, a_reading


def test_only_the_invoked_providers_readings_since_then_are_shown() -> None:
    mine = replace(a_reading(zone="MINE", fetched_at=NOW), provider="eso")
    before = replace(mine, zone="BEFORE", fetched_at=NOW - timedelta(seconds=1))
    scheduled_meanwhile = replace(mine, zone="OTHER", provider="entsoe")
    shown = "\n".join(laid_out([mine, before, scheduled_meanwhile], "eso", NOW))
    assert "MINE" in shown
    assert "BEFORE" not in shown
    assert "OTHER" not in shown


def test_a_run_without_new_readings_is_stated_in_words() -> None:
    assert laid_out([], "eso", NOW) == ["the run stored no newer reading"]
