"""The cost table: the README's is today's, and its parts follow from the template."""

import pytest

from infra import cost
from tests.template.conftest import ROOT
from tests.template.test_template import FUNCTIONS


def test_the_readme_shows_what_the_template_costs() -> None:
    shown = (ROOT / "README.md").read_text().partition(cost.START)[2].partition(cost.END)[0]
    assert shown.strip() == cost.markdown(), "run: python -m infra.cost --write"


def test_every_function_is_counted() -> None:
    assert sorted(each.name for each in cost.functions()) == sorted(FUNCTIONS)


def test_a_run_is_billed_by_its_memory_and_time() -> None:
    one = cost.Function("eso", runs=1000, memory_gb=0.5, duration_s=2, readings=3, log_bytes=1000)
    assert one.gb_s == 1000
    assert one.writes == 7000
    assert one.usd == pytest.approx(1000 * 0.0000133334 + 0.0002 + 7000 * 0.625e-6 + 0.001 * 0.5)


def test_collecting_stays_within_three_dollars_and_a_million_requests_within_45_cents() -> None:
    *collectors, router = cost.functions()
    assert sum(each.usd for each in collectors) <= 3.0
    assert router.usd <= 0.45


def test_the_free_tier_takes_off_no_more_than_there_is() -> None:
    assert all(0 <= line.free_usd <= line.usd + 1e-9 for line in cost.lines())
