"""The cost of one source that is 14 h late, and how much of it a forecast could win back.

Run from anywhere: ``python tests/bench/late_source.py``, with the published traces beside the
project. The first table is the test year under the default policy. The second is the training
year alone: the intensity of Great Britain, predicted 14 h ahead by that policy, by the best linear
combination of what is known (its own past, the other grids' hours up to three hours ago, the
calendar), and by a forecast of a stated error (in brackets: the measured RMSE, g/kWh). The
combination appears twice: fitted on other months than it is judged on, and fitted on the very
hours it is judged on. The latter is a bound that no honest linear forecast can beat.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from greenstream.domain.policy import Policy
from greenstream_tuning.choosing import Bools
from greenstream_tuning.feeds import Seen
from greenstream_tuning.replay import DEFAULT, LIMITS_MS, ORACLE, Span, replay
from greenstream_tuning.traces import Floats, Ints
from greenstream_tuning.world import Files, World, Years, load_world
from infra.local.replay_cli import DATASETS

YEARS = Years((2022,), (2023,))
LATE_H, STEP_S = 14, 900
GOAL = 0.015
POPS = ("sfo", "iad", "nyc", "lon", "fra")
LATE_POP = "lon"
OWN_LAGS_H = (*range(14, 27), 36, 38, 48, 72, 96, 120, 144, 168)
OTHER_LAGS_H = (*range(3, 16), 17, 20, 24, 27)


def a_world(late: str | None) -> World:
    """Return the published world, with one POP's source late."""
    delays_s = {} if late is None else {late: LATE_H * 3600.0}
    files = Files(DATASETS / "carbon", DATASETS / "rtt" / "gcp_region_rtt_ms.csv")
    return load_world(files, YEARS, delays_s=delays_s, only=POPS)


def excess(world: World, time_s: tuple[int, int]) -> list[float]:
    """Return by latency limit the relative excess of delivered carbon over the oracle's."""
    trained = dict(zip(("trained_since_s", "trained_until_s"), YEARS.train_s, strict=True))
    span = Span(since_s=time_s[0], until_s=time_s[1], step_s=STEP_S, **trained)
    rows = replay(world, span, {DEFAULT: Policy()})
    delivered = {(row.policy, row.limit_ms): row.delivered_gco2_kwh for row in rows}
    return [delivered[DEFAULT, ms] / delivered[ORACLE, ms] - 1 for ms in LIMITS_MS]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A feed that gives the forecast of each hour, g/kWh, as if it were a reading of that hour."""

    start_s: int
    hourly: Floats
    max_age_s: float = 0.0
    annual_mean_gco2_kwh: float = float("nan")

    def seen(self, epoch_s: Ints) -> Seen:
        """Return the hour's figure at each instant."""
        told = self.hourly[(epoch_s - self.start_s) // 3600]
        nothing = np.full(len(told), np.nan)
        return Seen(told, np.zeros(len(told)), nothing, nothing, nothing, nothing)


def features(world: World, own: int) -> Floats:
    """Return the features known at each hour that may predict a zone: shape (hours, features)."""
    columns: list[Floats] = []
    hours = np.arange(len(world.truth[own].gco2_kwh))
    for number, trace in enumerate(world.truth):
        values = trace.gco2_kwh
        lags_h = OWN_LAGS_H if number == own else OTHER_LAGS_H
        columns += [_later(values, lag_h) for lag_h in lags_h]
        summed = np.cumsum(np.nan_to_num(values))
        for length_h in (24, 72, 168, 672):
            mean = (summed - _later(summed, length_h)) / length_h
            columns.append(_later(mean, min(lags_h)))
    columns.append(np.mean([_later(world.truth[own].gco2_kwh, 24 * day) for day in range(1, 8)], 0))
    weekend = (hours // 24 + 5) % 7 >= 5  # 1 January 2022 was a Saturday
    for wave in (1, 2, 3):
        turn = np.exp(2j * np.pi * wave * hours / 24)
        columns += [turn.real, turn.imag, turn.real * weekend, turn.imag * weekend]
    return np.array([*columns, weekend.astype(float)]).T


def _later(values: Floats, hours: int) -> Floats:
    return np.concatenate([np.full(hours, np.nan), values[: len(values) - hours]])


def fitted(known: Floats, true: Floats, on: Bools, ridge: float) -> Floats:
    """Return for all hours the ridge regression that is fitted on some hours, g/kWh."""
    on = on & ~np.isnan(known).any(axis=1) & ~np.isnan(true)
    scaled = (known - known[on].mean(axis=0)) / (known[on].std(axis=0) + 1e-9)
    table = np.column_stack([scaled, np.ones(len(scaled))])
    weights = np.diag([ridge] * known.shape[1] + [0.0])
    solved = np.linalg.solve(table[on].T @ table[on] + weights, table[on].T @ true[on])
    best: Floats = np.maximum(0.0, table @ solved)
    return best


def foreseen(world: World, own: int) -> Iterator[tuple[str, Floats]]:
    """Yield the name and the hourly values of each forecast of a zone."""
    true = world.truth[own].gco2_kwh
    hours = np.arange(len(true))
    trained = hours < (YEARS.train_s[1] - world.truth[own].start_s) // 3600
    known, month = features(world, own), hours // (24 * 30) % 4
    crossed = np.full(len(true), np.nan)
    for held_out in range(4):
        crossed[month == held_out] = fitted(known, true, trained & (month != held_out), ridge=30.0)[
            month == held_out
        ]
    yield "all grids, linear, unseen months", crossed
    yield "all grids, linear, fitted in sample", fitted(known, true, trained, ridge=1.0)
    noise = np.zeros(len(true))
    for hour, shock in enumerate(np.random.default_rng(1).standard_normal(len(true))):
        noise[hour] = 0.95 * noise[hour - 1] + (1 - 0.95**2) ** 0.5 * shock
    for error in (30.0, 25.0, 20.0, 15.0):
        yield f"a forecast of RMSE {error:g} g/kWh", np.maximum(0.0, true + error * noise)


def main() -> int:
    """Print the tables."""
    if not DATASETS.is_dir():
        print("NO REAL TRACES: the folder shared/datasets is not beside this checkout")
        return 0
    world = a_world(None)
    print(f"{'share above the oracle, limit ms':40}" + "".join(f"{ms:>8g}" for ms in LIMITS_MS))
    worst = 0.0
    for late in (None, *world.pops):
        found = excess(a_world(late), YEARS.test_s)
        worst = max(worst, *found)
        _tell(f"{YEARS.test[0]}, {late or 'none'} late", found)
    own = world.pops.index(LATE_POP)
    true = world.truth[own].gco2_kwh
    since_s = YEARS.train_s[0] + 31 * 86_400  # features look a month back
    judged = slice(31 * 24, (YEARS.train_s[1] - YEARS.train_s[0]) // 3600)
    _tell(
        f"{YEARS.train[0]}, {LATE_POP} late, as shipped",
        excess(a_world(LATE_POP), (since_s, YEARS.train_s[1])),
    )
    for name, hourly in foreseen(world, own):
        error = np.sqrt(np.nanmean((hourly - true)[judged] ** 2))
        feeds = [*world.feeds]
        feeds[own] = Foreseen(world.truth[own].start_s, hourly)
        found = excess(replace(world, feeds=tuple(feeds)), (since_s, YEARS.train_s[1]))
        _tell(f"{name} ({error:.0f})", found)
    print(f"the worst costs {worst:.2%} (goal {GOAL:.1%})")
    return 0


def _tell(name: str, found: list[float]) -> None:
    print(f"{name:40}" + "".join(f"{share:8.2%}" for share in found), flush=True)


if __name__ == "__main__":
    sys.exit(main())
