"""These tests check the figures of a replay.

Most worlds have two grids that are clean in turn, whose readings may arrive late, and visitors
beside each of two POPs.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from greenstream.domain.policy import FreshnessModel, Policy
from greenstream_tuning.feeds import DelayedTrace
from greenstream_tuning.replay import (
    BEST_STATIC,
    DEFAULT,
    DRIFT,
    NEAREST,
    ORACLE,
    Row,
    Span,
    replay,
)
from greenstream_tuning.traces import (
    Floats,
    Trace,
    TraceError,
    load_round_trips,
    load_traces,
    year_start_s,
)
from greenstream_tuning.world import Files, World, Years, load_world

DATASETS = Path(__file__).parents[3] / "shared" / "datasets"
HOUR_S = 3600
DAYS = 20
HOURS = 24 * DAYS
SPAN = Span(
    since_s=10 * 24 * HOUR_S,
    until_s=HOURS * HOUR_S,
    step_s=HOUR_S,
    trained_since_s=0,
    trained_until_s=10 * 24 * HOUR_S,
)
BY_DAY = np.where(np.arange(HOURS) % 24 < 12, 100.0, 400.0)
BY_NIGHT = 450.0 - BY_DAY  # 350 by day, 50 by night
NEAR_AND_FAR = [[5.0, 70.0], [70.0, 5.0]]


def a_world(
    *carbon: Floats, delays_s: tuple[float, ...] = (), demand: tuple[float, float] = (0.5, 0.5)
) -> World:
    """Return a world of two POPs, a and b, with visitors beside each."""
    traces = tuple(Trace(f"z{number}", 0, HOUR_S, values) for number, values in enumerate(carbon))
    delays_s = delays_s or (0.0,) * len(traces)
    return World(
        pops=("a", "b"),
        visitors=("by a", "by b"),
        rtt_ms=np.array(NEAR_AND_FAR),
        demand=np.array(demand),
        truth=traces,
        feeds=tuple(
            DelayedTrace(trace, delay_s, 2 * HOUR_S, float("nan"))
            for trace, delay_s in zip(traces, delays_s, strict=True)
        ),
    )


def rows_of(
    world: World, *, limit_ms: float = 80.0, policy: Policy | None = None
) -> dict[str, Row]:
    found = replay(world, SPAN, {DEFAULT: policy or Policy()}, limits_ms=[limit_ms])
    return {row.policy: row for row in found}


class TestAccount:
    def test_the_nearest_delivers_the_mean_of_all_grids_by_demand(self) -> None:
        row = rows_of(a_world(BY_DAY, BY_NIGHT, demand=(0.75, 0.25)))[NEAREST]

        assert row.delivered_gco2_kwh == pytest.approx(0.75 * 250 + 0.25 * 200)
        assert (row.reduction, row.switches_per_year, row.violations) == (0, 0, 0)
        assert (row.median_rtt_ms, row.p95_rtt_ms) == (5, 5)

    def test_the_oracle_takes_the_cleaner_grid_of_every_hour(self) -> None:
        row = rows_of(a_world(BY_DAY, BY_NIGHT))[ORACLE]

        assert row.delivered_gco2_kwh == pytest.approx((100 + 50) / 2)
        assert row.reduction == pytest.approx(1 - 75 / 225)
        assert row.p95_rtt_ms == 70
        assert row.switches_per_year == pytest.approx((2 * 10 - 1) * 365.25 / 10)

    def test_under_a_short_limit_everybody_stays_at_home(self) -> None:
        rows = rows_of(a_world(BY_DAY, BY_NIGHT), limit_ms=20)

        assert {row.delivered_gco2_kwh for row in rows.values()} == {225.0}

    def test_where_nothing_is_within_the_limit_every_decision_violates_it(self) -> None:
        rows = rows_of(a_world(BY_DAY, BY_NIGHT), limit_ms=1)

        assert {row.violations for row in rows.values()} == {2 * 24 * 10}

    def test_the_best_static_choice_is_made_on_the_training_time_alone(self) -> None:
        """Grid a is cleaner during training and dirtier afterwards."""
        turned = np.where(np.arange(HOURS) < 24 * 10, 10.0, 500.0)
        row = rows_of(a_world(turned, np.full(HOURS, 200.0)))[BEST_STATIC]

        assert row.delivered_gco2_kwh == 500

    def test_hours_of_unknown_truth_count_for_no_policy(self) -> None:
        gaps = BY_NIGHT.copy()
        gaps[24 * 11 : 24 * 12] = np.nan
        rows = rows_of(a_world(BY_DAY, gaps))

        assert rows[NEAREST].delivered_gco2_kwh == pytest.approx(225)
        assert rows[ORACLE].delivered_gco2_kwh == pytest.approx(75)

    def test_without_any_hour_known_there_is_no_figure(self) -> None:
        unknown = np.where(np.arange(HOURS) < 24 * 10, BY_DAY, np.nan)
        with pytest.raises(ValueError, match="at no step"):
            rows_of(a_world(unknown, BY_NIGHT))

    def test_splitting_the_time_into_pieces_does_not_change_the_result(self) -> None:
        world = a_world(BY_DAY, BY_NIGHT, delays_s=(7200.0, 10_800.0))
        whole = replay(world, SPAN, {DEFAULT: Policy()})
        pieces = replay(world, SPAN, {DEFAULT: Policy()}, chunk_steps=7)

        # The figures are whole numbers, whose sums are exact in any order.
        assert pieces == whole


class TestWhatIsNotCounted:
    def test_steps_of_unknown_truth_are_counted_beside_the_others(self) -> None:
        gaps = BY_NIGHT.copy()
        gaps[24 * 11 : 24 * 12] = np.nan
        rows = rows_of(a_world(BY_DAY, gaps))

        assert {(row.steps, row.skipped_steps) for row in rows.values()} == {(24 * 9, 24)}

    def test_without_a_gap_no_step_is_skipped(self) -> None:
        rows = rows_of(a_world(BY_DAY, BY_NIGHT))

        assert {(row.steps, row.skipped_steps) for row in rows.values()} == {(24 * 10, 0)}


class TestDecisionsWithoutAReading:
    """Grid a's source is three days late, so only the means by hour of the day are known for it."""

    SILENT = (3.0 * 86_400, 0.0)
    SHORT = replace(DRIFT, max_stale_s=3600.0, max_stale_profile_s=3600.0)

    def test_they_are_counted_with_what_they_delivered(self) -> None:
        """By day grid a's mean of the hour is the lowest figure; by night grid b's reading is."""
        row = rows_of(a_world(BY_DAY, BY_NIGHT, delays_s=self.SILENT), policy=self.SHORT)[DEFAULT]

        assert row.delivered_gco2_kwh == 75
        assert row.fallback_share == 0.5
        assert row.fallback_delivered_gco2_kwh == 100

    def test_their_share_is_by_demand(self) -> None:
        """With a limit of 20 ms all visitors get the POP beside them, and POP a has no reading."""
        world = a_world(BY_DAY, BY_NIGHT, delays_s=self.SILENT, demand=(0.25, 0.75))
        row = rows_of(world, policy=self.SHORT, limit_ms=20)[DEFAULT]

        assert row.fallback_share == 0.25
        assert row.fallback_delivered_gco2_kwh == 250

    def test_where_readings_are_known_there_are_none(self) -> None:
        row = rows_of(a_world(BY_DAY, BY_NIGHT))[DEFAULT]

        assert (row.fallback_share, row.fallback_delivered_gco2_kwh) == (0, None)

    def test_steps_of_unknown_truth_are_not_among_them(self) -> None:
        gaps = BY_NIGHT.copy()
        gaps[24 * 11 : 24 * 12 + 12] = np.nan
        row = rows_of(a_world(BY_DAY, gaps, delays_s=self.SILENT), policy=self.SHORT)[DEFAULT]

        assert row.fallback_delivered_gco2_kwh == 100
        assert row.fallback_share == pytest.approx((10 * 12 - 24) / (10 * 24 - 36))

    def test_choices_that_need_no_figure_of_the_hour_rest_on_none(self) -> None:
        rows = rows_of(a_world(BY_DAY, BY_NIGHT, delays_s=self.SILENT), policy=self.SHORT)

        for name in (NEAREST, BEST_STATIC, ORACLE):
            assert rows[name].fallback_share is None
            assert rows[name].fallback_delivered_gco2_kwh is None


PLAIN = Policy(freshness_model=FreshnessModel.PENALTY)


class TestLateness:
    def test_a_decision_sees_only_what_had_been_published(self) -> None:
        """For three hours of every morning, grid b's latest reading is still one of the night."""
        known_at_once = rows_of(a_world(BY_DAY, BY_NIGHT), policy=DRIFT)[DEFAULT]
        late = rows_of(
            a_world(BY_DAY, BY_NIGHT, delays_s=(0.0, 3 * 3600.0)),
            policy=replace(PLAIN, penalty_slope_gco2_kwh_min=0.0),
        )[DEFAULT]

        assert known_at_once.delivered_gco2_kwh == pytest.approx(75)
        assert late.delivered_gco2_kwh == pytest.approx(75 + 3 * (350 - 100) / 24)

    def test_drift_knows_the_hour_of_the_turn(self) -> None:
        late = a_world(BY_DAY, BY_NIGHT, delays_s=(0.0, 3 * 3600.0))

        assert rows_of(late, policy=DRIFT)[DEFAULT].delivered_gco2_kwh < 90


class TestFiles:
    def folder(self, tmp_path: Path, zones: dict[str, float]) -> Path:
        for zone, value in zones.items():
            for year in (2021, 2022):
                with (tmp_path / f"{zone}_{year}.csv").open("w", newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(
                        ["datetime_utc", "direct_gco2_kwh", "lifecycle_gco2_kwh", "estimated"]
                    )
                    for hour in range(24):
                        writer.writerow([f"{year}-01-01 {hour:02d}:00:00", value, "", "false"])
        return tmp_path

    def rtt(self, folder: Path, text: str) -> Path:
        path = folder / "rtt.txt"
        path.write_text(text)
        return path

    def test_a_value_that_is_missing_is_not_zero(self, tmp_path: Path) -> None:
        (tmp_path / "A_2022.csv").write_text(
            "datetime_utc,direct_gco2_kwh\n2022-01-01 00:00:00,1\n2022-01-01 01:00:00,\n"
            "2022-01-01 02:00:00,0\n"
        )
        trace = load_traces(tmp_path, [2022], "direct")["A"]

        assert trace.gco2_kwh.tolist() == pytest.approx([1, np.nan, 0], nan_ok=True)

    def test_an_unreadable_row_is_named_by_file_and_line(self, tmp_path: Path) -> None:
        (tmp_path / "A_2022.csv").write_text(
            "datetime_utc,direct_gco2_kwh\n2022-01-01 00:00:00,many\n"
        )
        with pytest.raises(TraceError, match=r"A_2022\.csv, line 2"):
            load_traces(tmp_path, [2022], "direct")

    @pytest.mark.parametrize("value", ["inf", "-inf", "-0.1"])
    def test_a_value_that_is_no_intensity_is_refused(self, value: str, tmp_path: Path) -> None:
        (tmp_path / "A_2022.csv").write_text(
            f"datetime_utc,direct_gco2_kwh\n2022-01-01 00:00:00,1\n2022-01-01 01:00:00,{value}\n"
        )
        with pytest.raises(TraceError, match=rf"A_2022\.csv, line 3: {value} is no intensity"):
            load_traces(tmp_path, [2022], "direct")

    def test_a_column_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "A_2022.csv").write_text("when,direct_gco2_kwh\n2022-01-01 00:00:00,1\n")
        with pytest.raises(TraceError, match=r"A_2022\.csv has no column 'datetime_utc'"):
            load_traces(tmp_path, [2022], "direct")

    def test_a_file_that_is_no_text_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "A_2022.csv").write_bytes(b"\x80\x00\xff")
        with pytest.raises(TraceError, match=r"A_2022\.csv, line 1: .*codec can't decode"):
            load_traces(tmp_path, [2022], "direct")

    def test_the_first_of_several_places_with_the_same_name_is_used(self, tmp_path: Path) -> None:
        table = load_round_trips(self.rtt(tmp_path, "origin,A,B,A\nA,1,2,3\nB,4,5,6\nA,7,8,9\n"))

        assert (table.origins, table.places) == (("A", "B"), ("A", "B"))
        assert table.rtt_ms.tolist() == [[1, 2], [4, 5]]

    def test_any_folder_is_accepted_whose_traces_have_the_names_of_places(
        self, tmp_path: Path
    ) -> None:
        folder = self.folder(tmp_path, {"A": 100.0, "B": 200.0, "C": 1.0})
        rtt = self.rtt(tmp_path, "origin,A,B,D\nA,1,20,3\nB,20,1,3\nD,3,30,1\n")
        world = load_world(Files(folder, rtt), Years((2021,), (2022,)), demand={"D": 3.0, "A": 1.0})

        assert world.pops == ("A", "B")
        assert world.rtt_ms.tolist() == [[3, 30], [1, 20]]
        assert world.demand.tolist() == [0.75, 0.25]

    def test_a_place_whose_grid_has_no_trace_is_said_to_be_no_pop(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, {"A": 100.0})
        rtt = self.rtt(tmp_path, "origin,A,D,E\nA,1,3,5\nD,3,1,7\nE,5,7,1\n")
        world = load_world(Files(folder, rtt), Years((2021,), (2022,)))

        assert world.left_out == ("D", "E")
        assert world.notes == ("no trace is known for 2 of the 3 places of rtt.txt: D, E",)

    def test_a_pop_without_a_year_is_left_out_by_name(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, {"A": 100.0, "B": 200.0})
        (folder / "B_2021.csv").unlink()
        rtt = self.rtt(tmp_path, "origin,A,B\nA,1,3\nB,3,1\n")
        world = load_world(Files(folder, rtt), Years((2021,), (2022,)))

        assert world.left_out == ("B",)
        assert world.notes == ("B is left out because B has no value in the training years",)

    def test_known_grids_stand_for_their_pops(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, {"GB": 100.0, "DE-LU": 200.0, "US-NY-NYIS": 150.0})
        rtt = self.rtt(tmp_path, "origin,GB,DE\nGB,5,13\nDE,13,5\n")
        world = load_world(Files(folder, rtt), Years((2021,), (2022,)))

        assert world.pops == ("lon", "fra", "nyc")
        assert world.rtt_ms[0, 2] == pytest.approx(91, abs=1)  # estimated by distance
        assert world.notes == ("nyc has no round trips in the table: the distance estimates them",)

    def test_only_the_wanted_pops_are_in_the_world(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, {"GB": 100.0, "DE-LU": 200.0, "US-NY-NYIS": 9.0, "FR": 5.0})
        rtt = self.rtt(
            tmp_path, "origin,GB,DE,FR,D\nGB,5,13,9,1\nDE,13,5,9,1\nFR,9,9,5,1\nD,1,1,1,1\n"
        )
        world = load_world(Files(folder, rtt), Years((2021,), (2022,)), only=["FR", "lon"])

        assert world.pops == world.visitors == ("lon", "FR")
        assert world.rtt_ms.tolist() == [[5, 9], [9, 5]]
        assert [trace.gco2_kwh[0] for trace in world.truth] == [100, 5]
        assert (world.notes, world.left_out) == ((), ())

    @pytest.mark.parametrize("given", [["A", "atlantis"], ["atlantis"]])
    def test_a_wanted_pop_that_nobody_knows_is_refused(
        self, given: list[str], tmp_path: Path
    ) -> None:
        folder = self.folder(tmp_path, {"A": 100.0})
        rtt = self.rtt(tmp_path, "origin,A\nA,1\n")
        with pytest.raises(TraceError, match="atlantis is not one of A"):
            load_world(Files(folder, rtt), Years((2021,), (2022,)), only=given)

    def test_a_delay_for_an_unknown_grid_is_refused(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, {"A": 100.0})
        rtt = self.rtt(tmp_path, "origin,A\nA,1\n")
        with pytest.raises(TraceError, match="atlantis is not one of A"):
            load_world(Files(folder, rtt), Years((2021,), (2022,)), delays_s={"atlantis": 60.0})


FIVE_GRIDS = ("US-CAL-CISO", "US-MIDA-PJM", "US-NY-NYIS", "GB", "DE-LU")
READ_BY_ALL = replace(DRIFT, switch_margin=0.001, latency_price_gco2_kwh_ms=0.01)


@pytest.mark.skipif(
    not DATASETS.is_dir(), reason="NO REAL TRACES: shared/datasets is not beside this checkout"
)
@pytest.mark.parametrize(("late_h", "most_excess"), [({}, 0.005), ({"fra": 14.0}, 0.015)])
@pytest.mark.parametrize(("learnt", "judged"), [(2022, 2023), (2023, 2022)])
def test_drift_stays_near_the_oracle_on_a_year_of_five_grids(
    late_h: dict[str, float], most_excess: float, learnt: int, judged: int
) -> None:
    """The bound holds at every limit, with the usual delays and with one source 14 h late."""
    world = load_world(
        Files(DATASETS / "carbon", DATASETS / "rtt" / "gcp_region_rtt_ms.csv"),
        Years((learnt,), (judged,)),
        delays_s={pop: hours * HOUR_S for pop, hours in late_h.items()},
        only=FIVE_GRIDS,
    )
    span = Span(
        since_s=year_start_s(judged),
        until_s=year_start_s(judged + 1),
        step_s=900,
        trained_since_s=year_start_s(learnt),
        trained_until_s=year_start_s(learnt + 1),
    )
    rows = replay(world, span, {"drift": READ_BY_ALL})
    oracle = {row.limit_ms: row.delivered_gco2_kwh for row in rows if row.policy == ORACLE}

    assert set(world.pops) == {"sfo", "iad", "nyc", "lon", "fra"}
    for row in rows:
        if row.policy == "drift":
            assert row.delivered_gco2_kwh / oracle[row.limit_ms] - 1 <= most_excess
