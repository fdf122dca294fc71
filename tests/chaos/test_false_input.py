"""Well-formed but false input: how far a lie of a reporter or of an upstream moves visitors."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, cast

import pytest

from greenstream.api.report import MAX_SAMPLES
from greenstream.api.router import Router
from greenstream.aws.dynamo_latencies import encode_round_trips
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.dynamodb import ConditionFailedError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.places import colos
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.roundtrips import VOTES, add_report
from tests.builders import NOW
from tests.chaos.router_desk import event, report
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Log, SetClock, a_reading_of
from tests.storing import put_profile, put_reading

SUITE = "input"
WHOLE = os.environ.get("CHAOS") == "whole"
Record = Callable[[str, object], None]


HONEST_MS, LIE_MS, LIMIT_MS = 40.0, 60_000.0, 80.0
MOVED: dict[str, float] = {}
"""The largest share of places that a false figure moved, by zone."""


class Reports:
    """Sends true or false reports of one path and asks for the router's decision after them."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        for zone, gco2_kwh in (("CAISO_NORTH", 100), ("NYISO", 400)):
            put_reading(self._store, a_reading_of(zone, gco2_kwh))

    def send(self, rtt_ms: float, samples: int = 1, colo: str = "EWR") -> None:
        body = json.dumps({"samples": [{"colo": colo, "pop": "sfo", "rtt_ms": rtt_ms}] * samples})
        answer = Router(self._store, clock=SetClock(), telemetry=Log()).respond(report(body))
        assert answer["statusCode"] == 202

    def winner(self) -> str:
        """Return the chosen POP: the clean one, its RTT known only by reports, or the near one."""
        query = f"pops=sfo,nyc&colo=EWR&rtt=nyc:5&max_latency_ms={LIMIT_MS}"
        answer = Router(self._store, clock=SetClock(), telemetry=Log()).respond(event(query=query))
        return str(json.loads(answer["body"])["pop"])

    def until(self, winner: str, rtt_ms: float, samples: int = 1) -> int:
        """Send reports until this POP wins, and return how many that took."""
        for sent in range(1, 2 * VOTES):
            self.send(rtt_ms, samples)
            if self.winner() == winner:
                return sent
        return pytest.fail(f"{winner} never won")


@pytest.fixture
def reports() -> Reports:
    reports = Reports()
    for _ in range(VOTES):
        reports.send(HONEST_MS)
    assert reports.winner() == "sfo"
    return reports


@pytest.mark.parametrize("samples", [1, 100])
def test_eight_false_reports_in_a_row_move_the_winner_and_eight_true_ones_restore_it(
    reports: Reports, record_property: Record, samples: int
) -> None:
    """A report has one vote, whatever it holds; the last fifteen votes decide."""
    lies = reports.until("nyc", LIE_MS, samples)
    truths = reports.until("sfo", HONEST_MS)
    assert (lies, truths) == (VOTES // 2 + 1, VOTES // 2 + 1) == (8, 8)
    record_property("lies_in_a_row_that_move_the_winner", lies)
    record_property("truths_in_a_row_that_bring_it_back", truths)


@pytest.mark.parametrize(("lies_of_ten", "moved_at_most"), [(1, 0.0005), (2, 0.01), (3, 0.07)])
def test_a_liar_among_honest_reporters_seldom_moves_the_winner(
    record_property: Record, lies_of_ten: int, moved_at_most: float
) -> None:
    chance = Random(lies_of_ten)
    known, moved, reports = None, 0, 100_000 if WHOLE else 5_000
    for _ in range(reports):
        said = LIE_MS if chance.random() * 10 < lies_of_ten else HONEST_MS
        known = add_report(known, "EWR", "sfo", [said], NOW)
        moved += known.rtt_ms > LIMIT_MS
    assert moved / reports <= moved_at_most
    record_property(f"share_of_time_moved_by_{lies_of_ten}0_percent_of_lies", moved / reports)


def test_a_false_report_about_one_colo_affects_no_other_colo(reports: Reports) -> None:
    for colo in ("PHL", "IAD"):
        for _ in range(VOTES):
            reports.send(LIE_MS, colo=colo)
    assert reports.winner() == "sfo"


@pytest.mark.parametrize("lie_gco2_kwh", [0.0, 2000.0])
@pytest.mark.parametrize("zone", ["NYISO", "CAISO_NORTH", "GBR-13", "ENTSOE_NL"])
def test_a_false_upstream_figure_moves_visitors_only_within_their_latency_limit(
    record_property: Record, zone: str, lie_gco2_kwh: float
) -> None:
    """A false figure within valid bounds is accepted; nobody is sent further than the limit."""
    truth = {"NYISO": 260.0, "CAISO_NORTH": 210.0, "GBR-13": 120.0, "ENTSOE_NL": 240.0}
    chosen: list[list[str]] = []
    step = 5 if WHOLE else 15  # degrees
    for said in (truth, truth | {zone: lie_gco2_kwh}):
        store = MemoryStore()
        for name, gco2_kwh in said.items():
            put_reading(store, a_reading_of(name, gco2_kwh))
        router = Router(store, clock=SetClock(), telemetry=Log())
        chosen.append([])
        for lat in range(25, 61, step):
            for lon in range(-125, 31, step):
                answer = router.respond(event(query=f"lat={lat}&lon={lon}"))
                body = json.loads(answer["body"])
                first = body["candidates"][0]
                nearest = min(candidate["latency_ms"] for candidate in body["candidates"])
                assert first["latency_ms"] <= max(LIMIT_MS, nearest)
                chosen[-1].append(str(first["zone"]))
    moved = sum(before != after for before, after in zip(*chosen, strict=True))
    MOVED[zone] = max(MOVED.get(zone, 0.0), round(moved / len(chosen[0]), 2))
    record_property("share_of_places_moved_by_a_lying_zone", dict(MOVED))


@pytest.mark.parametrize("lie_gco2_kwh", [0.0, 2000.0])
@pytest.mark.parametrize("profiled", [True, False])
def test_a_lie_that_a_second_source_contradicts_moves_nobody(
    record_property: Record, lie_gco2_kwh: float, *, profiled: bool
) -> None:
    """Elexon contradicts NESO; the answer says so, and rests on the source that is usual."""
    truth = {"NYISO": 260.0, "CAISO_NORTH": 210.0, "ENTSOE_NL": 240.0}
    london = {"GBR-13": 120.0, "GBR": 120.0}
    chosen: list[list[str]] = []
    disputed = 0
    for neso_gco2_kwh in (london, dict.fromkeys(london, lie_gco2_kwh)):
        store = MemoryStore()
        for name, gco2_kwh in {**truth, **neso_gco2_kwh}.items():
            put_reading(store, a_reading_of(name, gco2_kwh))
        elexon = replace(a_reading_of("GBR", 130.0), provider="elexon", provider_zone="GB")
        put_reading(store, elexon)
        if profiled:
            put_profile(
                store,
                HourProfile(
                    zone="GBR",
                    kind=elexon.kind,
                    scope=elexon.scope,
                    factor_set=GREENSTREAM,
                    provider="eso",
                    hours={hour: HourMean(125.0, NOW, 20.0, 7) for hour in range(24)},
                ),
            )
        router = Router(store, clock=SetClock(), telemetry=Log())
        chosen.append([])
        for lat in range(25, 61, 5 if WHOLE else 15):
            for lon in range(-125, 31, 5 if WHOLE else 15):
                body = json.loads(router.respond(event(query=f"lat={lat}&lon={lon}"))["body"])
                chosen[-1].append(str(body["candidates"][0]["zone"]))
                disputed += any("disputed" in candidate for candidate in body["candidates"])
    moved = sum(before != after for before, after in zip(*chosen, strict=True))
    assert disputed == len(chosen[1])
    assert moved == 0
    record_property("share_of_places_moved_by_a_contradicted_lie", moved / len(chosen[0]))


def test_a_report_costs_at_most_two_writes_for_each_of_its_samples(record_property: Record) -> None:
    class Counted:
        """A table that knows every path: it refuses the first write and accepts the second."""

        writes = 0

        def update_item(self, **arguments: Any) -> None:
            self.writes += 1
            if arguments["ConditionExpression"].startswith("NOT"):
                known = add_report(None, "SJC", "sfo", [HONEST_MS], NOW)
                item = {**arguments["Key"], **encode_round_trips(known)}
                raise ConditionFailedError("UpdateItem", item)

    table = Counted()
    store = DynamoStore(cast("Any", table), "readings", clock=SetClock())
    most = list(colos())[:MAX_SAMPLES]
    sent = {"samples": [{"colo": colo, "pop": "sfo", "rtt_ms": 1} for colo in most]}
    answer = Router(store, clock=SetClock(), telemetry=Log()).respond(report(json.dumps(sent)))

    assert json.loads(answer["body"]) == {"accepted": MAX_SAMPLES}
    assert table.writes == 2 * MAX_SAMPLES
    record_property("writes_per_report_at_most", table.writes)
