"""The cost table in the document is up to date, and its figures follow from the template."""

import math
from datetime import UTC, datetime

import pytest

from greenstream.aws.attributes import source_key
from greenstream.aws.current_items import HOUR_NAMES, encode_hour
from greenstream.aws.dynamo_store import SLOW_MAX_AGE
from greenstream.aws.item_schema import SCHEMA
from greenstream.aws.reading_items import encode_reading
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Kind
from greenstream.domain.zones import zones_of
from infra.ops import cost
from infra.registry import COLLECTORS, FUNCTIONS
from tests.builders import a_reading
from tests.item_size import item_bytes
from tests.template.conftest import ROOT
from tests.template.test_monitoring import COUNTED


def test_the_document_shows_the_costs_of_the_present_template() -> None:
    document = (ROOT / "infra/docs/COSTS.md").read_text()
    shown = document.partition(cost.START)[2].partition(cost.END)[0]
    assert shown.strip() == cost.markdown(), "run: python -m infra.ops.cost --write"


def test_every_function_is_counted() -> None:
    assert sorted(function.name for function in cost.functions()) == sorted(FUNCTIONS)


def test_a_run_is_billed_by_its_memory_and_time() -> None:
    billed = cost.Function("eso", runs=1000, memory_gb=0.5, duration_s=2, log_bytes=1000)
    assert billed.gb_s == 1000
    assert billed.usd == pytest.approx(1000 * 0.0000133334 + 0.0002 + 0.001 * 0.5)


def test_a_run_is_billed_by_what_it_writes_and_its_readings_hourly_profiles() -> None:
    billed = cost.Function(
        "eso", runs=1000, memory_gb=0, duration_s=0, readings=3, run_writes=7, run_reads=1
    )
    assert billed.writes == 7000 + 720 * 3 * 2
    assert billed.reads == 1000 + 720 * 3 * 7
    assert billed.usd == pytest.approx(0.0002 + 11_320 * 0.625e-6 + 16_120 * 0.125e-6)


def test_the_router_is_billed_for_the_items_of_every_source_that_is_asked_in_each_run() -> None:
    """Electricity Maps is left out, as it is asked only where the other sources are silent."""
    at = datetime(2026, 11, 28, 17, 0, 3, 123_456, tzinfo=UTC)
    hour = HourMean(123.4567, at, 45.6789, 7)
    fast = profiles = 0
    for name in COLLECTORS.keys() - {"electricitymaps"}:
        # A source that several zones share is stored once, under one of them.
        stored = {source.provider_zone: (zone, source) for zone, source in zones_of(name)}
        for zone, source in stored.values():
            for basis in source.bases:
                reading = a_reading(
                    zone=zone.zone,
                    provider=name,
                    provider_zone=source.provider_zone,
                    kind=Kind(source.signal, basis),
                    gco2_kwh=123.4567,
                    gco2_low=101.2345,
                    gco2_high=234.5678,
                    coverage=0.8765,
                    fetched_at=at,
                )
                profile = HourProfile(
                    zone=zone.zone,
                    kind=reading.kind,
                    scope=source.scope,
                    provider=name,
                    hours=dict.fromkeys(range(24), hour),
                )
                key = source_key(zone.zone, name, reading.kind)
                fast += item_bytes(_keyed(f"READING#{key}") | encode_reading(reading))
                hours = {HOUR_NAMES[at]: encode_hour(hour, profile) for at in profile.hours}
                scope = {"scope": {"S": str(profile.scope)}}
                profiles += item_bytes(_keyed(f"PROFILE#{key}") | SCHEMA | scope | hours)
    statuses = len(COLLECTORS) * 300
    assert math.ceil((fast + statuses) / 4096) / 2 == cost.QUERY_READS
    assert math.ceil((fast + statuses + profiles) / 4096) / 2 == cost.PROFILES_QUERY_READS
    assert SLOW_MAX_AGE.total_seconds() == cost.PROFILES_EVERY_S


def _keyed(sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": "CURRENT"}, "sk": {"S": sk}}


def test_the_tuner_is_billed_for_what_it_reads() -> None:
    (tuner,) = (function for function in cost.functions() if function.name == "tuner")
    assert tuner.reads == pytest.approx(30 * cost.tuner_reads())
    assert cost.tuner_reads() > 1000


def test_a_measured_figure_replaces_the_assumed_one() -> None:
    assumed, measured = (
        {function.name: function for function in cost.functions(found)}
        for found in (None, {"eso": 1234.0})
    )
    assert assumed["eso"].assumed_s == 2
    assert (measured["eso"].duration_s, measured["eso"].assumed_s) == (1.234, 0)
    assert measured["entsoe"] == assumed["entsoe"]
    assert "(2 assumed)" in str(assumed["eso"])
    assert "assumed" not in str(measured["eso"])


def test_the_cost_includes_exactly_the_metrics_that_the_code_counts() -> None:
    counted = {(service, name) for service, names in COUNTED.items() for name in names}
    assert cost.metrics() == counted


def test_collecting_stays_within_three_dollars_and_a_million_requests_within_45_cents() -> None:
    *scheduled, router = cost.functions()
    assert sum(function.usd for function in scheduled) <= 3.0
    assert router.usd <= 0.45


def test_the_free_tier_never_makes_a_cost_negative() -> None:
    assert all(0 <= line.free_usd <= line.usd + 1e-9 for line in cost.lines())
