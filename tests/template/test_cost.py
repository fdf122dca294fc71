"""The cost table in the document is up to date, and its figures follow from the template."""

import math
from collections import Counter
from datetime import UTC, datetime
from pkgutil import resolve_name

import pytest

from functions.national.provider import National
from greenstream.api.snapshot_cache import PROFILES_TIME_TO_LIVE, TIME_TO_LIVE
from greenstream.aws.board_items import ALWAYS as BOARD
from greenstream.aws.board_items import empty_board, encode_row, with_status
from greenstream.aws.dynamo_boards import board_key
from greenstream.aws.dynamo_profiles import hour_key
from greenstream.aws.packed_items import pack
from greenstream.aws.packed_rows import scaled, with_rows
from greenstream.aws.profile_items import ALWAYS as HOUR
from greenstream.aws.profile_items import encode_hour
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.intensity import factor_tables
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Kind
from greenstream.domain.zones import zones_of
from greenstream.ports.store import ProviderState, ProviderStatus
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


def test_a_run_is_billed_by_its_board_its_new_figures_and_what_it_writes_hourly() -> None:
    billed = cost.Function(
        "gridstatus",
        runs=7200,
        memory_gb=0,
        duration_s=0,
        readings=9,
        run_writes=7,
        run_reads=1,
        new_writes=5,
        new_s=3600,
    )
    assert billed.writes == 7200 * 7 + 720 * 5 + 720 * (4 * 2 + 7)
    assert billed.reads == 7200 + 720 * (9 * 7 + 4 * cost.HOURS_READS)
    usd = 7200 * 0.2e-6 + billed.writes * 0.625e-6 + billed.reads * 0.125e-6
    assert billed.usd == pytest.approx(usd)


def test_each_provider_of_a_function_sets_the_hour_of_its_own_zones() -> None:
    several = cost.Function(
        "several", runs=7200, memory_gb=0, duration_s=0, readings=26, providers=7
    )
    single = cost.Function("single", runs=7200, memory_gb=0, duration_s=0, readings=26)
    assert several.writes - single.writes == 720 * (7 - 4) * 2
    assert several.reads - single.reads == 720 * (7 - 4) * cost.HOURS_READS


@pytest.mark.parametrize(
    ("name", "runs", "writes"), [("flows", 720, 1), ("eso", 7200, 2), ("elexon", 7200, 1)]
)
def test_an_hour_is_not_set_more_often_than_a_function_runs_or_its_zones_come(
    name: str, runs: float, writes: int
) -> None:
    billed = cost.Function(name, runs=runs, memory_gb=0, duration_s=0, readings=2)
    assert billed.writes == 720 * writes * 2
    assert billed.reads == 720 * (2 * 7 + writes * cost.HOURS_READS)


def test_a_process_reads_the_means_of_the_last_week_for_each_provider_with_storage() -> None:
    billed = cost.Function("national", runs=0, memory_gb=0, duration_s=0, week_means=4)
    assert billed.reads == 30 * 12 * 4 * cost.HOURS_READS


def test_the_providers_that_count_storage_by_the_last_week_are_those_of_the_code() -> None:
    """Those that hold a `WeekMeans`, and whose table of factors has a round trip."""
    with_storage = {
        name
        for (name, _), table in factor_tables().items()
        if any(factor.storage for factor in table.factors.values())
    }
    counted: Counter[str] = Counter()
    for row in COLLECTORS.values():
        provider = resolve_name(str(row.provider))
        of_one_table = issubclass(provider, National)
        if "week" in provider.__dataclass_fields__ and (
            not of_one_table or provider.feed.table in with_storage
        ):
            counted[row.function] += 1
    assert counted == cost.WEEK_MEANS
    billed = {function.name: function.week_means for function in cost.functions()}
    assert {name: number for name, number in billed.items() if number} == cost.WEEK_MEANS


def test_the_router_is_billed_for_the_boards_and_four_hours_of_profiles_of_every_source() -> None:
    """Electricity Maps is left out, as it is asked only where the other sources are silent."""
    at = datetime(2026, 11, 28, 17, 0, 3, 123_456, tzinfo=UTC)
    boards = hours = 0
    for name in COLLECTORS:
        run = ProviderStatus(
            provider=name,
            state=ProviderState.PARTIAL,
            last_run_at=at,
            last_success_at=at,
            newest_valid_to=at,
            last_error="".join(map(chr, range(32, 32 + 90))) * 3,
            last_error_kind="transient",
            last_error_at=at,
        )
        board, hour = empty_board(name), {}
        by_source = {}
        # A source that several zones share is stored once, under one of them.
        stored = {source.provider_zone: (zone, source) for zone, source in zones_of(name)}
        asked = [] if name == "electricitymaps" else stored.values()
        for number, (zone, source) in enumerate(asked):
            for basis in source.bases:
                gco2_kwh = 50 + number * 7919 % 900_000 / 1000 + len(basis)
                reading = a_reading(
                    zone=zone.zone,
                    provider=name,
                    provider_zone=source.provider_zone,
                    kind=Kind(source.signal, basis),
                    gco2_kwh=gco2_kwh,
                    gco2_low=gco2_kwh * 0.81,
                    gco2_high=gco2_kwh * 1.17,
                    coverage=0.6 + number / 1000,
                    fetched_at=at,
                )
                mean = HourMean(gco2_kwh, at, gco2_kwh / 7, 7)
                profile = HourProfile(
                    zone=zone.zone,
                    kind=reading.kind,
                    scope=source.scope,
                    factor_set=GREENSTREAM,
                    provider=name,
                    hours={17: mean},
                )
                key = (zone.zone, str(source.signal), str(basis))
                by_source[key] = encode_row(reading)
                hour[key] = encode_hour(profile, 17) | {"y": scaled(gco2_kwh / 8)}
        board = with_status(with_rows(board, by_source, BOARD), run)
        boards += item_bytes(pack(board_key(name), board, 12345))
        if hour:
            document = with_rows({"provider": name, "hour": 17}, hour, HOUR)
            hours += item_bytes(pack(hour_key(name, 17), document, 12345))
    assert math.ceil(boards / 4096) / 2 == cost.QUERY_READS
    assert math.ceil(4 * hours / 4096) / 2 == cost.PROFILES_QUERY_READS
    assert math.ceil(24 * hours / 4096) / 2 == cost.HOURS_READS
    assert PROFILES_TIME_TO_LIVE.total_seconds() == cost.PROFILES_EVERY_S
    assert TIME_TO_LIVE.total_seconds() == cost.QUERY_EVERY_S


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
