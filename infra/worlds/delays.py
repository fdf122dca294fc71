"""The delay tables of the bench: how late each source publishes, and which of them are lost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from greenstream.domain.zones import zones_of
from infra.worlds.given import HOUR_S, GivenWorld, WorldsError

USUAL: Final = ("usual 1h", "usual 2h", "usual 3h")
"""The tables of ordinary days, named by the delay of ENTSO-E's sources."""

ENTSOE_DELAY_S: Final[Mapping[str, float]] = {
    **dict(zip(USUAL, (HOUR_S, 2 * HOUR_S, 3 * HOUR_S), strict=True)),
    "6h": 6 * HOUR_S,
    "14h": 14 * HOUR_S,
}

NO_KEY: Final = "no key"
PROFILE_ONLY: Final = "profile only"
ONE_LATE: Final = "one late"
ALL_LATE: Final = "all late"
NO_HISTORY: Final = "no history"
DISTURBED: Final = USUAL[-1]
"""The table whose sources are disturbed in the tables above: the latest of the usual ones."""

LATE_S: Final = 14 * HOUR_S
"""The delay of a late source: half a day off, where the hour of the day misleads most."""

DELAY_S: Final[Mapping[str, float]] = {"US-MIDA-PJM": 2 * HOUR_S, "GB": 0.0}
"""Traces of one source of its own: PJM publishes hourly, NESO's actual is up to an hour old."""

US_DELAY_S: Final = 300.0
OTHER_DELAY_S: Final = HOUR_S


@dataclass(frozen=True, slots=True)
class SourceState:
    """Whether a POP's source has readings and a profile, and how late both are published."""

    delay_s: float
    has_readings: bool = True
    has_profile: bool = True


LOST: Final = SourceState(0.0, has_readings=False, has_profile=False)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a world: the name of its delays, and the state of each POP's source."""

    delay: str
    states: tuple[SourceState, ...]


def is_of_entsoe(trace: str) -> bool:
    """Return whether the figures of a trace's grid (``FR``, ``SE-SE3``) come from ENTSO-E."""
    return trace.partition("-")[0] in _entsoe_countries()


@cache
def _entsoe_countries() -> frozenset[str]:
    return frozenset(zone.country for zone, _ in zones_of("entsoe"))


def turn_of(delay: str, pop: str) -> str:
    """Return the name of the run of a table in which it is the turn of one POP's source."""
    return f"{delay}: {pop}"


def runs_of(world: GivenWorld, file_delays: Mapping[str, Mapping[str, float]]) -> Iterator[Run]:
    """Yield the runs of a world, in the order of the report.

    Parameters
    ----------
    file_delays
        The delays (s) of the file of worlds, by name of delay table and trace. What a table of
        the bench lacks there is as usual for the trace's source. What a world's own delays lack
        is as in `DISTURBED`.

    Raises
    ------
    WorldsError
        When a table of the file's own lacks a trace of the world.
    """
    usual = _delays(world, DISTURBED, file_delays.get(DISTURBED, {}))
    if world.delay_s is not None:
        yield _run(world, world.delay, {**usual, **world.delay_s})
        return
    for table in dict.fromkeys([*ENTSOE_DELAY_S, *file_delays]):
        yield _run(world, table, _delays(world, table, file_delays.get(table, {})))
    yield from _disturbed(world, _run(world, DISTURBED, usual).states)


def _disturbed(world: GivenWorld, usual: tuple[SourceState, ...]) -> Iterator[Run]:
    of_entsoe = [is_of_entsoe(site.trace) for site in world.sites]
    both = list(zip(usual, of_entsoe, strict=True))
    late = tuple(replace(state, delay_s=max(state.delay_s, LATE_S)) for state in usual)
    yield Run(NO_KEY, tuple(LOST if lost else state for state, lost in both))
    silent = (replace(state, has_readings=not lost and state.has_readings) for state, lost in both)
    yield Run(PROFILE_ONLY, tuple(silent))
    for turn, pop in enumerate(world.pops):
        states = (*usual[:turn], late[turn], *usual[turn + 1 :])
        yield Run(turn_of(ONE_LATE, pop), states)
    yield Run(ALL_LATE, late)
    yield Run(NO_HISTORY, tuple(replace(state, has_profile=False) for state in usual))


def _run(world: GivenWorld, name: str, delay_s: Mapping[str, float]) -> Run:
    return Run(
        name,
        tuple(
            LOST if pop in world.missing else SourceState(delay_s[pop] + world.late_s.get(pop, 0.0))
            for pop in world.pops
        ),
    )


def _delays(world: GivenWorld, table: str, stated: Mapping[str, float]) -> dict[str, float]:
    delays = {}
    for site in world.sites:
        if site.trace in stated:
            delays[site.pop] = stated[site.trace]
        elif table in ENTSOE_DELAY_S:
            delays[site.pop] = _usual_delay_s(site.trace, table)
        else:
            raise WorldsError(
                f"delay_s_by_trace, {table}: the delay of {site.trace} is not there, "
                f"which world {world.name!r} needs"
            )
    return delays


def _usual_delay_s(trace: str, table: str) -> float:
    if is_of_entsoe(trace):
        return ENTSOE_DELAY_S[table]
    return DELAY_S.get(trace, US_DELAY_S if trace.startswith("US-") else OTHER_DELAY_S)
