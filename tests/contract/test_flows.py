"""Flow tracing as a provider: A11's wire format, late flows, and the simulated network."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from functions.flows.document import HOUR, read
from functions.flows.network import (
    HourMix,
    Known,
    NetFlow,
    Network,
    mix_at,
    mixes_of,
    net_flow,
    newest_hour,
    outer_figures,
)
from functions.flows.provider import FlowTracing
from greenstream.domain.borders import Border, borders, outer_means_gco2_kwh
from greenstream.domain.errors import InvalidError, NoDataError, PermanentError, TransientError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.policy import RankedScope
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Scope, Signal
from greenstream.domain.zones import zones, zones_of
from greenstream.ports.store import StoreError
from infra.local.upstream import entsoe, entsoe_flows
from infra.local.upstream.wire import Answer, Request
from tests.contract.provider_wire import Wire

NOW = datetime(2026, 11, 28, 12, 10, tzinfo=UTC)
AT = NOW.replace(minute=0) - 2 * HOUR
NL, DE = "10YNL----------L", "10Y1001A1001A82H"
NL_DE = next(b for b in borders() if b.zones == ("ENTSOE_NL", "ENTSOE_DE_LU"))


def a_period(start: str, end: str, minutes: int, points: Mapping[int, float]) -> str:
    listed = "".join(
        f"<Point><position>{at}</position><quantity>{mw}</quantity></Point>"
        for at, mw in points.items()
    )
    return (
        f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        f"<resolution>PT{minutes}M</resolution>{listed}</Period>"
    )


def a_document(*periods: str, curve: str = "A03", **changes: str) -> bytes:
    body = entsoe_flows.DOCUMENT.format(
        mrid="1", created="x", start="x", end="x", into=NL, out_of=DE, periods="".join(periods)
    ).replace("<curveType>A03", f"<curveType>{curve}")
    for old, new in changes.items():
        body = body.replace(old, new)
    return body.encode()


DAY = "2026-11-28T"


class TestDocument:
    def test_quarter_hours_are_averaged_and_repeats_are_filled_in(self) -> None:
        body = a_document(a_period(f"{DAY}08:00Z", f"{DAY}10:00Z", 15, {1: 100, 3: 200, 6: 0}))
        assert read(body, NL, DE, "NL-DE") == {
            datetime(2026, 11, 28, 8, tzinfo=UTC): 150.0,
            datetime(2026, 11, 28, 9, tzinfo=UTC): 50.0,
        }

    def test_without_repeats_an_hour_with_a_hole_is_unknown(self) -> None:
        period = a_period(
            f"{DAY}08:00Z", f"{DAY}10:00Z", 15, {1: 1, 2: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 2}
        )
        assert list(read(a_document(period, curve="A01"), NL, DE, "").values()) == [2.0]

    def test_the_resolution_may_change_and_a_hole_begins_a_new_period(self) -> None:
        first = a_period(f"{DAY}06:00Z", f"{DAY}07:00Z", 60, {1: 40})
        second = a_period(f"{DAY}08:00Z", f"{DAY}09:00Z", 30, {1: 10, 2: 30})
        assert list(read(a_document(first, second), NL, DE, "").values()) == [40.0, 20.0]

    def test_no_data_is_told_apart_from_a_refused_request(self) -> None:
        missing = entsoe.acknowledged("No matching data found for Data item", NOW, 200).body
        with pytest.raises(NoDataError):
            read(missing, NL, DE, "NL-DE")
        with pytest.raises(PermanentError, match="Delivered"):
            read(entsoe.acknowledged("Delivered time interval", NOW, 400).body, NL, DE, "NL-DE")

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"<html", "not_xml"),
            (a_document(MAW="KWT"), "unknown_unit"),
            (a_document(**{f">{DE}<": ">10YBE----------2<"}), "wrong_zone"),
            (a_document(A11="A09"), "wrong_document"),
            (a_document(curve="A05"), "unknown_curve"),
            (a_document(a_period(f"{DAY}08:00Z", f"{DAY}09:00Z", 15, {1: -3})), "implausible_mw"),
            (a_document(a_period(f"{DAY}08:00Z", f"{DAY}09:00Z", 15, {5: 3})), "malformed"),
            (a_document(a_period(f"{DAY}08:10Z", f"{DAY}09:10Z", 60, {1: 3})), "malformed"),
            (a_document(a_period(f"{DAY}08:15Z", f"{DAY}09:15Z", 60, {1: 3})), "malformed"),
            (a_document(a_period(f"{DAY}08:15Z", f"{DAY}08:45Z", 30, {1: 3})), "malformed"),
            (
                a_document(
                    a_period(f"{DAY}08:00Z", f"{DAY}09:00Z", 60, {1: 3}),
                    a_period(f"{DAY}08:00Z", f"{DAY}09:00Z", 60, {1: 4}),
                ),
                "contradiction",
            ),
        ],
    )
    def test_a_document_that_cannot_be_true_is_refused_by_name(
        self, body: bytes, reason: str
    ) -> None:
        with pytest.raises(InvalidError) as refused:
            read(body, NL, DE, "NL-DE")
        assert refused.value.reason == reason

    def test_the_recorded_documents_are_read_whole(self, recordings: Path) -> None:
        hours = {}
        for path in sorted((recordings / "entsoe_flows").glob("A11*.xml")):
            text = path.read_text()
            into, out_of = (
                re.search(f'{way}_Domain.mRID codingScheme="A01">([^<]*)', text)[1]  # type: ignore[index]
                for way in ("in", "out")
            )
            hours[path.stem] = read(path.read_bytes(), into, out_of, path.stem)
        assert {len(of_border) for of_border in hours.values()} == {24, 44, 47, 168}
        week, day = (
            hours["A11_NL_from_DE-LU_2024-09-02_week"],
            hours["A11_NL_from_DE-LU_2024-09-02"],
        )
        assert {hour: week[hour] for hour in day} == pytest.approx(day)
        both = hours["A11_DE-LU_from_NL_2024-09-02_week"]
        assert sum(week[hour] > 0 and both[hour] > 0 for hour in week) > 0  # it is not netted


class TestLateFlows:
    def net(self, forth: Mapping[int, float], back: Mapping[int, float]) -> tuple[float, Known]:
        """Return the net flow, of flows by how many hours they are before the traced hour."""
        flows = {
            ("ENTSOE_NL", "ENTSOE_DE_LU"): {AT - ago * HOUR: mw for ago, mw in forth.items()},
            ("ENTSOE_DE_LU", "ENTSOE_NL"): {AT - ago * HOUR: mw for ago, mw in back.items()},
        }
        return net_flow(NL_DE, flows, AT, one_way=False)

    def test_both_directions_are_subtracted(self) -> None:
        assert self.net({0: 100}, {0: 30}) == (70.0, Known.MEASURED)

    def test_a_late_border_is_carried_for_three_hours(self) -> None:
        assert self.net({2: 100, 3: 1}, {2: 30, 3: 1}) == (70.0, Known.CARRIED)

    def test_then_the_day_before_stands_and_then_nothing(self) -> None:
        assert self.net({24: 100}, {24: 30}) == (70.0, Known.DAY_BEFORE)
        assert self.net({5: 100}, {5: 30}) == (0.0, Known.UNKNOWN)

    def test_a_direction_that_is_late_makes_the_border_late(self) -> None:
        assert self.net({0: 100, 1: 90}, {1: 30}) == (60.0, Known.CARRIED)

    def test_a_direction_that_is_never_reported_carries_nothing(self) -> None:
        assert self.net({0: 100}, {}) == (100.0, Known.MEASURED)

    def test_a_zero_says_nothing_of_a_direction_that_is_never_reported(self) -> None:
        assert self.net({0: 0}, {}) == (0.0, Known.UNKNOWN)
        assert self.net({1: 100, 0: 0}, {}) == (0.0, Known.UNKNOWN)

    def test_a_direction_without_any_answer_leaves_the_border_unknown(self) -> None:
        flows = {("ENTSOE_NL", "ENTSOE_DE_LU"): {AT: 100.0}}
        assert net_flow(NL_DE, flows, AT, one_way=False) == (0.0, Known.UNKNOWN)

    def test_zeros_that_fill_the_newest_hours_are_late(self) -> None:
        assert self.net({1: 100, 0: 0}, {1: 0, 0: 0}) == (100.0, Known.CARRIED)

    def test_a_zero_in_the_only_direction_that_is_asked_is_true(self) -> None:
        flows = {("ENTSOE_DE_LU", "ENTSOE_NL"): {AT - HOUR: 50.0, AT: 0.0}}
        assert net_flow(NL_DE, flows, AT, one_way=True) == (0.0, Known.MEASURED)

    def test_zeros_that_last_are_true(self) -> None:
        out = dict.fromkeys(range(4), 0.0)
        assert self.net({4: 100, **out}, {4: 0, **out}) == (0.0, Known.MEASURED)
        assert self.net(out, out) == (0.0, Known.MEASURED)


def mix(mw: float, direct: float, coverage: float = 1.0) -> HourMix:
    return HourMix(mw, (direct, direct, direct, direct + 50, direct + 40, direct + 60), coverage)


class TestNetwork:
    A_B = Border(("A", "B"), ("a", "b"))
    B_C = Border(("B", "C"), ("b", "c"))

    def network(self, **flows: Any) -> Network:
        return Network(
            AT,
            {self.A_B: flows["a_b"], self.B_C: flows.get("b_c", NetFlow(0.0, Known.MEASURED))},
            {"A": (mix(100, 0), Known.MEASURED), "B": (mix(100, 800), Known.MEASURED)},
            {"C": (400.0,) * 6},
        )

    def test_imports_are_counted_on_both_bases(self) -> None:
        results = self.network(a_b=NetFlow(100.0, Known.MEASURED)).results()
        assert results["B"].figures == pytest.approx((400, 400, 400, 450, 440, 460))
        assert results["B"].detail["imports_mw"] == {"A": 100.0}
        assert results["A"].figures[0] == 0

    def test_an_unknown_border_widens_the_bounds_to_both_sides(self) -> None:
        results = self.network(a_b=NetFlow(0.0, Known.UNKNOWN)).results()
        assert results["B"].figures[:3] == pytest.approx((800, 0, 800))
        assert results["A"].figures[:3] == pytest.approx((0, 0, 800))
        assert results["B"].detail["unknown_borders"] == ["A-B"]

    def test_what_may_pass_through_several_unknown_borders_is_within_the_bounds(self) -> None:
        unknown = NetFlow(0.0, Known.UNKNOWN)
        network = replace(
            self.network(a_b=unknown, b_c=unknown),
            mixes={
                zone: (mix(100, direct), Known.MEASURED)
                for zone, direct in (("A", 100), ("B", 200), ("C", 900))
            },
            means={},
        )
        results = network.results()
        assert [results[zone].figures[:3] for zone in "ABC"] == [
            (100, 100, 900),
            (200, 100, 900),
            (900, 100, 900),
        ]

    def test_bounds_that_a_known_flow_brings_reach_a_zone_with_an_unknown_border(self) -> None:
        c_d = Border(("C", "D"), ("c", "d"))
        network = replace(
            self.network(a_b=NetFlow(0.0, Known.UNKNOWN), b_c=NetFlow(100.0, Known.MEASURED)),
            mixes={
                zone: (mix(100, direct), Known.MEASURED)
                for zone, direct in (("A", 900), ("B", 100), ("C", 100), ("D", 100))
            },
            means={},
        )
        borders = {**network.borders, c_d: NetFlow(0.0, Known.UNKNOWN)}
        results = replace(network, borders=borders).results()
        # B may be as dirty as A, so that half of what C gets may be, and D may get it all from C.
        assert results["C"].figures[:3] == pytest.approx((100, 100, 500))
        assert results["D"].figures[:3] == pytest.approx((100, 100, 500))

    def test_zones_of_which_no_border_is_known_are_named(self) -> None:
        network = self.network(a_b=NetFlow(0.0, Known.UNKNOWN))
        assert network.without_flows() == {"A"}

    def test_a_late_border_lowers_the_coverage_and_is_named(self) -> None:
        results = self.network(a_b=NetFlow(100.0, Known.CARRIED)).results()
        assert results["B"].coverage == 0.5
        assert results["B"].detail["late_borders"] == ["A-B"]

    def test_an_outer_zone_delivers_at_its_mean_and_is_named(self) -> None:
        flows = {"a_b": NetFlow(0, Known.MEASURED), "b_c": NetFlow(-100, Known.MEASURED)}
        results = self.network(**flows).results()
        assert results["B"].figures[0] == pytest.approx(600)
        assert results["B"].detail["at_yearly_mean"] == ["C"]

    def test_a_zone_that_sends_out_more_than_it_gets_is_out_of_balance(self) -> None:
        network = self.network(a_b=NetFlow(150.0, Known.MEASURED))
        assert network.out_of_balance() == {"A": (100, 150)}


def a_reading(zone: str, start: datetime, basis: Basis, **changes: Any) -> Reading:
    values: dict[str, Any] = {
        "zone": zone,
        "provider": "entsoe",
        "provider_zone": "z",
        "signal": Signal.AVERAGE,
        "basis": basis,
        "scope": Scope.PRODUCTION,
        "factor_set": GREENSTREAM,
        "quality": Quality.MEASURED,
        "gco2_kwh": 100.0,
        "gco2_low": 100.0,
        "gco2_high": 100.0,
        "valid_from": start,
        "valid_to": start + HOUR,
        "fetched_at": NOW,
        "detail": {"fuel_mw": {"B04": 10.0, "B10": -2.0}},
    }
    return Reading(**{**values, **changes})


class TestMixes:
    def test_quarters_are_weighed_by_what_was_generated(self) -> None:
        quarters = [
            a_reading(
                "Z",
                AT + index * HOUR / 4,
                basis,
                valid_to=AT + (index + 1) * HOUR / 4,
                gco2_kwh=float(g),
                gco2_low=float(g),
                gco2_high=float(g),
                detail={"fuel_mw": {"B04": mw}},
            )
            for basis in Basis
            for index, (mw, g) in enumerate([(10.0, 100), (10.0, 100), (10.0, 100), (30.0, 700)])
        ]
        [(hour, of_hour)] = mixes_of(quarters).items()
        assert (hour, of_hour.mw, of_hour.coverage) == (AT, 15.0, 1.0)
        assert of_hour.figures == pytest.approx((400,) * 6)
        assert mixes_of(quarters[1:]) == {}

    def test_an_hour_without_one_of_the_bases_is_left_out(self) -> None:
        assert mixes_of([a_reading("Z", AT, Basis.DIRECT)]) == {}

    def test_the_newest_hour_is_that_of_three_quarters_of_the_zones(self) -> None:
        early, late = {AT - HOUR: mix(1, 1)}, {AT - HOUR: mix(1, 1), AT: mix(1, 1)}
        assert newest_hour({"A": late, "B": late, "C": late, "D": early}, NOW) == AT
        assert newest_hour({"A": late, "B": late, "C": early, "D": early}, NOW) == AT - HOUR
        assert newest_hour({"A": {}}, NOW) is None

    def test_a_late_mix_is_carried_for_three_hours(self) -> None:
        assert mix_at({AT - 3 * HOUR: mix(1, 1)}, AT) == (mix(1, 1), Known.CARRIED)
        assert mix_at({AT - 4 * HOUR: mix(1, 1)}, AT) is None


def simulated_history(
    zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
) -> list[Reading]:
    """Return hourly mixes whose figure is known: 10 g/kWh for each letter of the zone's name."""
    if provider != "entsoe":
        return []
    figure = 10.0 * len(zone) + (50.0 if kind.basis is Basis.LIFECYCLE else 0.0)
    code = next(s.provider_zone for z, s in zones_of("entsoe") if z.zone == zone)
    first = since.replace(minute=0) + HOUR
    return [
        a_reading(
            zone,
            start,
            kind.basis,
            gco2_kwh=figure,
            gco2_low=figure,
            gco2_high=figure,
            detail={"fuel_mw": {"B04": entsoe.AREAS[code].mean_mw}},
        )
        for start in (first + index * HOUR for index in range(20))
        if start + HOUR <= until - timedelta(minutes=80)
    ]


def wired(answer: Callable[[Request], Answer]) -> Wire:
    return Wire(clean=lambda request, _now: answer(request), now=NOW)


def a_provider(wire: Wire, **changes: Any) -> FlowTracing:
    return replace(
        FlowTracing(http=wire.http("flows"), token=lambda: "key", history=simulated_history),
        **changes,
    )


class TestProvider:
    def test_the_simulated_network_comes_out_as_an_independent_solver_says(
        self,
    ) -> None:
        wire = wired(lambda request: entsoe.answer(request, NOW))
        [batch] = a_provider(wire).fetch(NOW)
        assert not batch.errors
        stored = {r.zone: r for r in batch.readings if r.basis is Basis.DIRECT}
        hour = next(iter(stored.values())).valid_from
        truth = dense_solution(hour)
        assert len(stored) == 44
        for zone, reading in stored.items():
            assert reading.gco2_kwh == pytest.approx(truth[zone], abs=1e-6), zone
            assert reading.scope is Scope.CONSUMPTION
            assert reading.quality is Quality.ESTIMATED
            assert reading.gco2_low <= reading.gco2_kwh <= reading.gco2_high

    def test_each_direction_of_each_border_is_asked_once(self) -> None:
        wire = wired(lambda request: entsoe.answer(request, NOW))
        list(a_provider(wire).fetch(NOW))
        one_way = sum(b.zones[1] in outer_means_gco2_kwh() for b in borders())
        assert len(wire.requests) == 2 * len(borders()) - one_way == 182

    def test_a_border_that_fails_costs_only_itself(self) -> None:
        def answer(request: Request) -> Answer:
            if request.query["in_Domain"] == NL and request.query["out_Domain"] == DE:
                return Answer(b"gone", "text/plain", 404)
            return entsoe.answer(request, NOW)

        wire = wired(answer)
        [batch] = a_provider(wire).fetch(NOW)
        assert [error.kind for error in batch.errors] == ["permanent"]
        assert len(batch.readings) == 88

    @pytest.mark.parametrize("body", [bytes(9_000_000), b"noise"], ids=["too large", "not XML"])
    def test_an_error_does_not_keep_the_refused_answer_in_memory(self, body: bytes) -> None:
        """180 refused answers of 8 MB would need six times the function's memory."""

        def answer(request: Request) -> Answer:
            if request.query["in_Domain"] == NL and request.query["out_Domain"] == DE:
                return Answer(body, "application/xml")
            return entsoe.answer(request, NOW)

        [batch] = a_provider(wired(answer)).fetch(NOW)
        [error] = batch.errors
        assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)

    def test_a_run_that_reads_no_border_fails(self) -> None:
        wire = wired(lambda _: Answer(b"gone", "text/plain", 404))
        with pytest.raises(TransientError, match="no border could be read"):
            list(a_provider(wire).fetch(NOW))

    def test_a_throttled_run_goes_on_with_what_it_knows(self) -> None:
        count = iter(range(1000))
        wire = wired(
            lambda request: (
                entsoe.answer(request, NOW) if next(count) < 20 else Answer(b"", "text/xml", 429)
            )
        )
        [batch] = a_provider(wire).fetch(NOW)
        assert type(batch.errors[0]).__name__ == "ThrottledError"
        assert {type(error) for error in batch.errors[1:]} == {NoDataError}
        unknown = [r for r in batch.readings if r.detail["unknown_borders"]]
        assert unknown

    def test_a_zone_without_any_flow_gets_no_figure(self) -> None:
        wire = wired(lambda _: Answer(b"", "text/xml", 429))
        [batch] = a_provider(wire).fetch(NOW)
        assert not batch.readings

    def test_a_zone_without_its_mix_of_the_hour_is_named(self) -> None:
        def without_germany(zone: str, *rest: Any, **more: Any) -> list[Reading]:
            return [] if zone == "ENTSOE_DE_LU" else simulated_history(zone, *rest, **more)

        wire = wired(lambda request: entsoe.answer(request, NOW))
        [batch] = a_provider(wire, history=without_germany).fetch(NOW)
        assert "ENTSOE_DE_LU" not in {reading.zone for reading in batch.readings}
        assert (batch.skipped, batch.errors) == (("ENTSOE_DE_LU",), ())

    def test_a_failed_direction_is_not_taken_for_a_flow_of_zero(self) -> None:
        def answer(request: Request) -> Answer:
            if request.query["in_Domain"] == NL and request.query["out_Domain"] == DE:
                return Answer(b"gone", "text/plain", 404)
            return entsoe.answer(request, NOW)

        [batch] = a_provider(wired(answer)).fetch(NOW)
        unknown = {reading.zone for reading in batch.readings if reading.detail["unknown_borders"]}
        assert unknown == {"ENTSOE_NL", "ENTSOE_DE_LU"}

    @pytest.mark.parametrize(
        "fault", ["nan", "negative", "null", "wrong_unit", "entity_bomb", "no_data", "status"]
    )
    @pytest.mark.parametrize("ways", [{(NL, DE)}, {(DE, NL)}, {(NL, DE), (DE, NL)}])
    def test_under_a_fault_of_a_border_the_bounds_hold_the_truth(
        self, fault: str, ways: set[tuple[str, str]]
    ) -> None:
        def answer(request: Request) -> Answer:
            clean = entsoe.answer(request, NOW)
            if (request.query["in_Domain"], request.query["out_Domain"]) not in ways:
                return clean
            if fault == "status":
                return Answer(b"", "text/xml", 500)
            spoilt = entsoe.PROVIDER.payload_faults[fault](clean.body.decode(), {})
            return replace(clean, body=spoilt.encode())

        [batch] = a_provider(wired(answer)).fetch(NOW)
        stored = {r.zone: r for r in batch.readings if r.basis is Basis.DIRECT}
        truth = dense_solution(stored["ENTSOE_NL"].valid_from)
        for zone, reading in stored.items():
            low, high = reading.gco2_low - 1e-6, reading.gco2_high + 1e-6
            assert low <= truth[zone] <= high, zone
        if fault != "no_data":
            assert batch.errors
            assert stored["ENTSOE_NL"].detail["unknown_borders"] == [NL_DE.name]

    def test_a_refused_token_ends_the_run(self) -> None:
        wire = wired(lambda _: Answer(b"<html>", "text/html", 401))
        with pytest.raises(PermanentError, match="token is refused"):
            list(a_provider(wire).fetch(NOW))

    def test_a_token_that_the_platform_repeats_is_in_no_error(self) -> None:
        wire = wired(lambda request: Answer(request.headers["security_token"].encode(), "x/y", 404))
        provider = a_provider(wire, token=lambda: "invented-token-0123")
        with pytest.raises(TransientError) as failed:
            list(provider.fetch(NOW))
        assert "invented-token" not in str(failed.value)

    def test_without_a_token_every_zone_is_unconfigured(self) -> None:
        wire = wired(lambda request: entsoe.answer(request, NOW))
        [batch] = a_provider(wire, token=lambda: None).fetch(NOW)
        assert len(batch.unconfigured) == 44
        assert not wire.requests

    def test_without_any_mix_nothing_is_asked(self) -> None:
        wire = wired(lambda request: entsoe.answer(request, NOW))
        [batch] = a_provider(wire, history=lambda *_, **__: []).fetch(NOW)
        assert len(batch.skipped) == 44
        assert not wire.requests

    def test_a_store_that_fails_is_named(self) -> None:
        def failing(*_: object, **__: object) -> list[Reading]:
            raise StoreError("away")

        with pytest.raises(TransientError, match="the store with the mixes"):
            list(a_provider(wired(lambda _: Answer(b"")), history=failing).fetch(NOW))


def dense_solution(hour: datetime) -> dict[str, float]:
    """Solve the simulated network with numpy, from the simulation's own functions."""
    codes = {zone.zone: source.provider_zone for zone, source in zones_of("entsoe")}
    mean_mw = {code: area.mean_mw for code, area in entsoe.AREAS.items()}
    outer = {zone: means[Basis.DIRECT] for zone, means in outer_means_gco2_kwh().items()}
    names = sorted({zone for b in borders() for zone in b.zones} - outer.keys())
    index = {zone: at for at, zone in enumerate(names)}
    matrix, right = np.zeros((len(names), len(names))), np.zeros(len(names))
    for zone in names:
        if zone in codes:
            mw = mean_mw[codes[zone]]
            matrix[index[zone], index[zone]] += mw
            right[index[zone]] += mw * 10.0 * len(zone)
    step = timedelta(minutes=15)
    for border in borders():
        starts = [hour + at * step for at in range(4)] if set(border.eic) == {NL, DE} else [hour]
        net = sum(entsoe_flows.net_mw(border, start, mean_mw) for start in starts) / len(starts)
        source, target = border.zones if net > 0 else border.zones[::-1]
        if target not in index:
            continue
        matrix[index[target], index[target]] += abs(net)
        if source in outer:
            right[index[target]] += abs(net) * outer[source]
        else:
            matrix[index[target], index[source]] -= abs(net)
    return dict(zip(names, np.linalg.solve(matrix, right), strict=True))


def test_every_border_names_zones_of_the_table_or_outer_zones() -> None:
    known = zones().keys() | outer_figures().keys()
    assert {zone for border in borders() for zone in border.zones} <= known
    bordering = {zone for border in borders() for zone in border.zones}
    assert {zone.zone for zone, _ in zones_of("flows")} == {
        zone.zone for zone, _ in zones_of("entsoe") if zone.zone in bordering
    }


def test_feeds_that_are_beside_answer_only_where_consumption_is_ranked() -> None:
    zone = zones()["ENTSOE_NL"]
    assert "flows" not in [s.provider for s in zone.ranked(RankedScope.USUAL).sources]
    assert zone.ranked(RankedScope.CONSUMPTION).sources[0].provider == "flows"
    assert zones()["NYISO"].ranked(RankedScope.CONSUMPTION) is zones()["NYISO"]
