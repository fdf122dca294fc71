"""The bench of worlds gives the same figures as plain loops and as one replay for each run."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.policy import Policy
from greenstream_tuning.feeds import DelayedTrace, Profile
from greenstream_tuning.replay import BEST_STATIC, DRIFT, NEAREST, ORACLE, OWNER, Span, replay
from greenstream_tuning.traces import load_traces, year_start_s
from greenstream_tuning.world import World, mean_between
from infra.worlds.bench import Grids, Row, rtt_ms_between, run_bench
from infra.worlds.delays import runs_of
from infra.worlds.given import GivenWorld, GivenWorlds, Site, WorldsError

YEAR = 2023
OSLO, LONDON, PARIS = (59.91, 10.75), (51.51, -0.13), (48.86, 2.35)


def a_world(*sites: Site, limit_ms: float = 80.0, **changes: Any) -> GivenWorld:
    fields: dict[str, Any] = {
        "delay_s": None,
        "missing": frozenset[str](),
        "late_s": {},
        "delay": "own",
    }
    return GivenWorld(name="w", limit_ms=limit_ms, sites=sites, **(fields | changes))


def write_trace(folder: Path, zone: str, first: datetime, values: Sequence[float]) -> None:
    with (folder / f"{zone}_{first.year}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["datetime_utc", "direct_gco2_kwh", "lifecycle_gco2_kwh"])
        for hour, value in enumerate(values):
            at = first + timedelta(hours=hour)
            writer.writerow([f"{at:%Y-%m-%dT%H:%M}", "" if np.isnan(value) else value, ""])


class TestPlainLoops:
    """The bench of three invented days is checked by loops that share no code with the product."""

    hours = 72
    sites = (Site("osl", *OSLO, "NO"), Site("lon", *LONDON, "GB"), Site("par", *PARIS, "FR"))
    delay_h = (3, 0, 2)
    limit_ms = 21.0  # London and Paris reach each other, Oslo reaches only itself
    last_year = 300.0

    @pytest.fixture
    def values(self) -> list[list[float]]:
        rng = np.random.default_rng(11)
        walks = 200 + np.cumsum(rng.normal(0, 25, (3, self.hours)), axis=1)
        return [[round(float(value), 2) for value in np.maximum(5.0, walk)] for walk in walks]

    @pytest.fixture
    def rows(self, values: list[list[float]], tmp_path: Path) -> dict[str, Row]:
        for site, of_site in zip(self.sites, values, strict=True):
            december = datetime(YEAR - 1, 12, 31, 12, tzinfo=UTC)
            write_trace(tmp_path, site.trace, december, [self.last_year] * 12)
            write_trace(tmp_path, site.trace, datetime(YEAR, 1, 1, tzinfo=UTC), of_site)
        world = a_world(
            *self.sites,
            limit_ms=self.limit_ms,
            delay_s={
                site.pop: 3600.0 * h for site, h in zip(self.sites, self.delay_h, strict=True)
            },
        )
        grids = Grids(tmp_path, frozenset({"NO", "GB", "FR"}), YEAR)
        rows = run_bench(GivenWorlds((world,), {}), grids, {"owner": OWNER})
        return {row.policy: row for row in rows}

    def reachable(self) -> list[dict[int, float]]:
        """Return for each visitor the round trips, ms, to the POPs within the limit."""
        reached = []
        for here in self.sites:
            within = {}
            for number, there in enumerate(self.sites):
                km = great_circle_km(here.lat, here.lon, there.lat, there.lon)
                if estimate_rtt_ms(km) <= self.limit_ms:
                    within[number] = estimate_rtt_ms(km)
            reached.append(within)
        return reached

    def test_the_baselines(self, rows: dict[str, Row], values: list[list[float]]) -> None:
        nearest = static = oracle = 0.0
        for visitor, within in enumerate(self.reachable()):
            nearest += sum(values[visitor])
            static += min(sum(values[pop]) for pop in within)
            oracle += sum(min(values[pop][hour] for pop in within) for hour in range(self.hours))
        count = len(self.sites) * self.hours

        assert [len(within) for within in self.reachable()] == [1, 2, 2]
        assert rows["owner"].nearest_gco2_kwh == pytest.approx(nearest / count)
        assert rows["owner"].best_static_gco2_kwh == pytest.approx(static / count)
        assert rows["owner"].oracle_gco2_kwh == pytest.approx(oracle / count)
        assert oracle < static < nearest

    def test_what_the_plain_formula_delivers(
        self, rows: dict[str, Row], values: list[list[float]]
    ) -> None:
        delivered = 0.0
        for within in self.reachable():
            current = None
            for hour in range(self.hours):
                score = {}
                for pop, rtt_ms in within.items():
                    late_h = self.delay_h[pop]
                    reading = values[pop][hour - late_h] if hour >= late_h else self.last_year
                    price = max(0, 3600 * late_h - 600) / 60
                    score[pop] = reading + price + 0.05 * rtt_ms
                best = min(score, key=lambda pop: score[pop])
                if current is None or score[best] < 0.95 * score[current]:
                    current = best
                delivered += values[current][hour]

        found = rows["owner"]
        assert found.delivered_gco2_kwh == pytest.approx(delivered / len(self.sites) / self.hours)
        assert found.oracle_gco2_kwh < found.delivered_gco2_kwh


class TestAgainstTheReplay:
    """The bench, which decides all runs at once, equals a replay of each run alone.

    The traces are random walks over a quarter of a year.
    """

    sites = (
        Site("osl", *OSLO, "NO"),
        Site("lon", *LONDON, "GB"),
        Site("par", *PARIS, "FR"),
        Site("nyc", 40.71, -74.01, "US-NY-NYIS"),
    )
    policies = {"owner": OWNER, "default": Policy(), "drift": DRIFT}  # noqa: RUF012 - read only

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        rng = np.random.default_rng(5)
        hour = np.arange(24 * 90)
        for number, site in enumerate(self.sites):
            daily = 60 * np.sin(2 * np.pi * (hour + 6 * number) / 24)
            values = np.maximum(2.0, 250 + daily + np.cumsum(rng.normal(0, 8, hour.size)))
            new_year = datetime(YEAR, 1, 1, tzinfo=UTC)
            write_trace(tmp_path, site.trace, new_year, values.tolist())
            before = datetime(YEAR - 1, 12, 22, tzinfo=UTC)
            write_trace(tmp_path, site.trace, before, values[:240].tolist())
        return tmp_path

    def test_every_run(self, folder: Path) -> None:
        world = a_world(*self.sites, limit_ms=95.0)
        grids = Grids(folder, frozenset(site.trace for site in self.sites), YEAR)
        rows = {
            (row.delay, row.policy): row
            for row in run_bench(GivenWorlds((world,), {}), grids, self.policies)
        }
        traces = load_traces(folder, [YEAR - 1, YEAR], "direct")
        truth = tuple(traces[site.trace] for site in self.sites)
        begin_s, end_s = year_start_s(YEAR), truth[0].end_s
        span = Span(
            since_s=begin_s + 1800,
            until_s=end_s,
            step_s=3600,
            trained_since_s=begin_s,
            trained_until_s=end_s,
        )
        delivered = set()
        for run in runs_of(world, {}):
            feeds = [
                DelayedTrace(
                    trace if state.has_readings else trace.silent(),
                    state.delay_s,
                    3 * 3600.0,
                    mean_between(trace, year_start_s(YEAR - 1), begin_s),
                    Profile(trace if state.has_profile else trace.silent()),
                )
                for trace, state in zip(truth, run.states, strict=True)
            ]
            alone = replay(
                World(
                    pops=world.pops,
                    visitors=world.pops,
                    rtt_ms=rtt_ms_between(world),
                    demand=np.full(len(world.pops), 1 / len(world.pops)),
                    truth=truth,
                    feeds=tuple(feeds),
                ),
                span,
                self.policies,
                limits_ms=[world.limit_ms],
            )
            expected = {row.policy: row.delivered_gco2_kwh for row in alone}
            for name in self.policies:
                row = rows[run.delay, name]
                assert row.delivered_gco2_kwh == pytest.approx(expected[name])
                assert row.nearest_gco2_kwh == pytest.approx(expected[NEAREST])
                assert row.best_static_gco2_kwh == pytest.approx(expected[BEST_STATIC])
                assert row.oracle_gco2_kwh == pytest.approx(expected[ORACLE])
                delivered.add(round(row.delivered_gco2_kwh, 6))
        assert len(delivered) > 20  # equal figures would make the comparison meaningless

    def test_one_source_late_is_the_mean_of_its_turns(self, folder: Path) -> None:
        world = a_world(*self.sites)
        grids = Grids(folder, frozenset(site.trace for site in self.sites), YEAR)
        rows = run_bench(GivenWorlds((world,), {}), grids, {"owner": OWNER})
        delivered = {row.delay: row.delivered_gco2_kwh for row in rows}
        turns = [delivered[f"one late: {pop}"] for pop in world.pops]

        assert delivered["one late"] == pytest.approx(sum(turns) / len(turns))
        assert len(set(turns)) > 1

    def test_a_world_that_names_its_own_delays_like_a_turn_has_no_means(self, folder: Path) -> None:
        world = a_world(*self.sites, delay_s={}, delay="one late: osl")
        grids = Grids(folder, frozenset(site.trace for site in self.sites), YEAR)
        (row,) = run_bench(GivenWorlds((world,), {}), grids, {"owner": OWNER})
        assert row.delay == "one late: osl"

    def test_the_best_static_choice_is_the_lowest_however_near_the_next(self, folder: Path) -> None:
        """For a visitor beside Paris, London is farther away and cleaner by 0.4 g/kWh."""
        new_year = datetime(YEAR, 1, 1, tzinfo=UTC)
        write_trace(folder, "FR", new_year, [100.4] * 240)
        write_trace(folder, "GB", new_year, [100.0] * 240)
        world = a_world(self.sites[2], self.sites[1])
        grids = Grids(folder, frozenset({"FR", "GB"}), YEAR)
        (row, *_) = run_bench(GivenWorlds((world,), {}), grids, {"owner": OWNER})

        assert row.best_static_gco2_kwh == row.oracle_gco2_kwh == pytest.approx(100.0)
        assert row.nearest_gco2_kwh == pytest.approx(100.2)

    def test_hours_of_an_unknown_figure_are_in_nobodys_account(self, folder: Path) -> None:
        """One grid is known for ten days only, so only the hours of these ten days count."""
        ten_days = np.full(240, 100.0)
        write_trace(folder, "FR", datetime(YEAR, 1, 1, tzinfo=UTC), ten_days.tolist())
        world = a_world(self.sites[2], self.sites[1], limit_ms=1.0)
        grids = Grids(folder, frozenset({"FR", "GB"}), YEAR)
        (row, *_) = run_bench(GivenWorlds((world,), {}), grids, {"owner": OWNER})

        london = load_traces(folder, [YEAR], "direct")["GB"].gco2_kwh[:240].mean()
        assert row.nearest_gco2_kwh == pytest.approx((100.0 + london) / 2)

    def test_a_world_without_one_common_hour_is_refused(self, folder: Path) -> None:
        late = [float("nan")] * 2200 + [100.0] * 10
        write_trace(folder, "FR", datetime(YEAR, 1, 1, tzinfo=UTC), late)
        world = a_world(self.sites[2], self.sites[1])
        grids = Grids(folder, frozenset({"FR", "GB"}), YEAR)
        with pytest.raises(WorldsError, match="world 'w': no hour is known for all of its POPs"):
            run_bench(GivenWorlds((world,), {}), grids, {"owner": OWNER})

    def test_a_trace_that_lacks_a_year_is_named(self, folder: Path) -> None:
        (folder / "FR_2022.csv").unlink()
        with pytest.raises(WorldsError, match=r"FR_2022\.csv with direct figures is not in"):
            Grids(folder, frozenset({"FR", "GB"}), YEAR)
