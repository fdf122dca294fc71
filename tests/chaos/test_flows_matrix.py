"""The column of `flows` in the fault matrix: the handler that traces flows, under each fault.

A run reads some 180 answers and the mixes that ENTSO-E's collector has stored, and the answer about
one border moves the figures of many zones. So a cell is judged by what a good run traces from the
same mixes: where every answer is faulty, nothing is stored and the run fails by name; where the
answers about what flows into one zone are faulty, the bounds of each stored figure hold the figure
of the good run.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from greenstream.domain.reading import Basis, Reading
from greenstream.domain.zones import zones_of
from tests.chaos.conftest import WHOLE
from tests.chaos.fault_rows import BY_NAME, ONE_ZONE, SLOW, Fault
from tests.chaos.faulty import Bench, Items, Strike, bench_of, of_zones
from tests.integration.engines import dynoxide
from tests.integration.test_upstream import Simulator, running
from tests.table_client import TableClient

SUITE = "fault matrix"
HOUR = timedelta(hours=1)
EARLIER_RUNS = 3
ROWS = tuple(BY_NAME) if WHOLE else ("NaN",)
PART = ONE_ZONE["entsoe"].posted
"""The answers about what flows into one zone, as posted to the simulator."""

Traced = Mapping[tuple[str, Basis], Reading]


@dataclass(frozen=True)
class Network:
    """The function `flows` beside a table with the mixes, and what a good run traces from them."""

    bench: Bench
    mixes: Items
    good: Traced
    simulator: Simulator


def traced(strike: Strike) -> Traced:
    return {
        (reading.zone, reading.basis): reading
        for reading in strike.history
        if reading.provider == "flows"
    }


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    now = datetime.now(UTC).replace(microsecond=0)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        engine = stack.enter_context(dynoxide(tmp_path_factory.mktemp("dynoxide")))
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine)
        frozen = ("--start", now.isoformat(), "--speed", "0")
        simulator = stack.enter_context(running(tmp_path_factory.mktemp("upstream"), *frozen))
        client = TableClient(read_timeout_s=30.0)
        collector, flows = (
            stack.enter_context(
                bench_of(provider, engine, client, tmp_path_factory.mktemp(provider), now)
            )
            for provider in ("entsoe", "flows")
        )
        table = collector.table({})
        # Each run of the collector reads a share of the zones.
        for moment in (now - hours * HOUR for hours in range(EARLIER_RUNS, -1, -1)):
            strike = collector.strike(table, simulator, now=moment, upstream_now=moment)
            assert strike.run.error is None, strike.run.log
        good = flows.strike(flows.table(strike.items), simulator)
        assert good.run.error is None, good.run.log
        assert not good.run.answer["errors"], good.run.answer
        assert len(traced(good)) > len(zones_of("flows")), good.run.answer
        yield Network(flows, strike.items, traced(good), simulator)


def assert_bounded(strike: Strike, good: Traced) -> None:
    """Each stored figure's bounds hold the figure that a good run traces."""
    for key, reading in traced(strike).items():
        truth = good[key].gco2_kwh
        assert reading.gco2_low - 0.01 <= truth <= reading.gco2_high + 0.01, (key, reading, truth)


def judge_all(strike: Strike, fault: Fault, network: Network) -> None:
    if fault.may_be_true and strike.run.error is None:
        assert_bounded(strike, network.good)
        return
    assert strike.run.error == "CollectionFailedError", strike.run.log
    assert of_zones(strike.after) == of_zones(strike.before), "a figure was stored"
    [status] = [status for status in strike.snapshot.providers if status.provider == "flows"]
    assert (status.state, bool(status.last_error)) == ("failed", True)


@pytest.mark.parametrize("row", ROWS)
def test_flows_under_a_fault_store_no_figure_that_the_truth_contradicts(
    row: str, network: Network, record_property: Callable[[str, object], None]
) -> None:
    fault, bench = BY_NAME[row], network.bench
    everywhere = [{**posted} for posted in fault.posted]
    into_one = [{**posted, **PART} for posted in fault.posted]
    strikes = []
    for faults in (everywhere,) if row in SLOW else (into_one, everywhere):
        strike = bench.strike(bench.table(network.mixes), network.simulator, faults)
        run = strike.run
        strikes.append(strike)
        assert run.seconds < bench.limits.timeout_s
        assert run.peak_mb < bench.limits.memory_mb
        assert strike.snapshot.damaged == ()
        if faults is everywhere or run.error is not None:  # A refused token ends the run.
            judge_all(strike, fault, network)
        else:
            assert_bounded(strike, network.good)
            assert run.answer["errors"] or fault.may_be_true, run.answer
    seconds, peak_mb = (
        max(strike.run.seconds for strike in strikes),
        max(strike.run.peak_mb for strike in strikes),
    )
    record_property("cell", (row, "flows", seconds, peak_mb))
