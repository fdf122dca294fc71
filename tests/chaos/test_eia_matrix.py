"""The column of `eia` in the fault matrix: the handler that reads workbooks, under each fault.

A run reads five authorities, which depend on the hour, and their workbooks change once a day. So
the clock stands at a turn of Los Angeles, and the table holds what a good run stored two turns
before.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from functions.eia.provider import AUTHORITIES_A_RUN, EVERY, Eia
from greenstream.ingest.http import HttpClient
from tests.chaos.conftest import WHOLE
from tests.chaos.fault_rows import BY_NAME, NOWHERE, SLOW, Fault
from tests.chaos.faulty import Bench, Items, Strike, bench_of, of_zones, zone_of
from tests.chaos.upstream_truth import is_true
from tests.integration.engines import dynoxide
from tests.integration.test_upstream import running
from tests.table_client import TableClient

SUITE = "fault matrix"
STRUCK, ITS_ZONE = "LDWP", "EIA_LDWP"
CYCLE = -(-len(Eia(HttpClient(provider="eia", base_url="")).wanted) // AUTHORITIES_A_RUN) * EVERY
"""The time from one turn of an authority to its next."""

FAULTS = {**BY_NAME, "spike": Fault(name="spike", posted=({"fault": "spike"},), content=True)}
ROWS = (*NOWHERE, *FAULTS) if WHOLE else ("NaN", "noise")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The function at the last turn of the first authorities, with a simulator at that time."""
    cycle_s = CYCLE.total_seconds()
    turn = datetime.fromtimestamp(datetime.now(UTC).timestamp() // cycle_s * cycle_s, UTC)
    now = turn + timedelta(minutes=5)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        engine = stack.enter_context(dynoxide(tmp_path_factory.mktemp("dynoxide")))
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine)
        frozen = ("--start", now.isoformat(), "--speed", "0")
        simulator = stack.enter_context(running(tmp_path_factory.mktemp("upstream"), *frozen))
        folder = tmp_path_factory.mktemp("eia")
        client = TableClient(read_timeout_s=30.0)
        bench = stack.enter_context(bench_of("eia", engine, client, folder, now))
        bench.simulators.put(simulator)
        bench.prepare(2 * CYCLE)
        assert newest(bench.usual, ITS_ZONE) > newest(bench.seed, ITS_ZONE)
        yield bench


def newest(items: Items, zone: str) -> str:
    """Return the end of the newest hour that a table holds of a zone."""
    return max(sk for pk, sk in items if pk.startswith("HISTORY#") and zone_of((pk, sk)) == zone)


def of_zone(items: Items, zone: str) -> Items:
    """Return what a table holds of a zone."""
    return {key: item for key, item in items.items() if zone_of(key) == zone}


def judge_all(strike: Strike, fault: Fault | None) -> None:
    """Assert what must hold where every workbook is faulty: true figures or a failure by name."""
    [status] = strike.snapshot.providers
    if fault is not None and (fault.content or fault.may_be_true):
        assert fault.may_be_true or status.last_error, strike.run.answer
        return
    assert strike.run.error == "CollectionFailedError", strike.run.log
    assert of_zones(strike.after) == of_zones(strike.before), "a figure was stored"
    assert (status.state, bool(status.last_error)) == ("failed", True)


def judge_one(strike: Strike, fault: Fault, bench: Bench) -> None:
    """Assert what must hold where one workbook is faulty: the others are read as ever."""
    run = strike.run
    assert run.error is None, run.log
    others = set(run.answer["zones"]) - {ITS_ZONE}
    assert len(others) == AUTHORITIES_A_RUN - 1, run.answer
    for zone in others:
        assert of_zone(strike.after, zone) == of_zone(bench.usual, zone)
    if fault.may_be_true:
        return
    assert ITS_ZONE in str(run.answer["errors"]), run.answer
    if not fault.content:
        assert of_zone(strike.after, ITS_ZONE) == of_zone(strike.before, ITS_ZONE)


@pytest.mark.parametrize("row", ROWS)
def test_eia_under_a_fault_stores_what_is_true_and_names_the_rest(
    row: str, bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    fault = FAULTS.get(row)

    def strike(zone: str | None = None) -> Strike:
        posted = () if fault is None else fault.posted
        place = {} if zone is None else {"zone": zone}
        faults = [{**target, **place} for target in posted]
        address = NOWHERE[row]() if fault is None else None
        with bench.simulator() as simulator:
            table = bench.table(bench.seed_items)
            return bench.strike(table, simulator, faults, address=address)

    strikes = []
    if row not in SLOW:  # The five would take their whole deadline one after another.
        strikes.append(strike())
        judge_all(strikes[-1], fault)
    if fault is not None:
        strikes.append(strike(STRUCK))
        judge_one(strikes[-1], fault, bench)
    for struck in strikes:
        assert struck.run.seconds < bench.limits.timeout_s
        assert struck.run.peak_mb < bench.limits.memory_mb
        assert struck.snapshot.damaged == ()
        assert all(is_true(reading, bench.now) for reading in struck.history)
    seconds, peak_mb = (
        max(struck.run.seconds for struck in strikes),
        max(struck.run.peak_mb for struck in strikes),
    )
    record_property("cell", (row, "eia", seconds, peak_mb))
