"""Runs that start twice, late, out of order or concurrently; collectors killed at any request.

The real pipeline and the real adapter run on a table that acts upon one request at a time, in an
order that a search chooses. After every request, a reading on the board must never have been
replaced by an older one, and a stored success must be one that happened. Once all runs have ended,
the board must have the newest delivered reading (by the interval's end, then by publication, then
by fetch), and HISTORY must have each interval once, in its latest revision. The exception that the
port names is allowed for, and nothing else.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from greenstream.aws.dynamodb import ConditionFailedError
from greenstream.domain.errors import NoDataError, TransientError
from tests.builders import NOW
from tests.chaos.deliveries import SECOND, Delivery, Scene, Seen, store_on
from tests.chaos.turns import Fate, Request, disturbed, every_order
from tests.integration import engines
from tests.integration.conftest import make_table
from tests.storing import profiles_of
from tests.table_client import MotoClient, TableClient

SUITE = "delivery"

DOWN = TransientError("refused", provider="p")
NOTHING_IN_ANOTHER_ZONE = NoDataError("nothing yet", provider="p", zone="Y")
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


OLD, NEW, NEWER = (Seen(slot, None, 100.0 + slot) for slot in range(3))
FIRST, SECOND_VERSION = Seen(1, 0, 200.0), Seen(1, 30, 300.0)
SILENT_CORRECTION = Seen(1, 0, 250.0)
PAIRS: tuple[tuple[tuple[Seen, ...], tuple[Seen, ...]], ...] = (
    ((NEW,), (NEW,)),
    ((OLD,), (NEW,)),
    ((NEW,), (OLD,)),
    ((FIRST,), (SECOND_VERSION,)),
    ((FIRST,), (SILENT_CORRECTION,)),
    ((FIRST,), (NEW,)),
    ((NEW,), ()),
)
TRIPLES = (
    ((OLD,), (NEW,), (NEWER,)),
    ((FIRST,), (SECOND_VERSION,), (SILENT_CORRECTION,)),
    ((NEW,), (NEW,), ()),
)


def deliveries_of(seen: Sequence[tuple[Seen, ...]], order: Sequence[int]) -> list[Delivery]:
    return [
        Delivery(one, offset_s=offset, errors=() if one else (DOWN,))
        for one, offset in zip(seen, order, strict=True)
    ]


@pytest.mark.parametrize("clocks", [(0, 1), (1, 0)], ids=["in order", "the first by a later clock"])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: " beside ".join(map(_named, pair)))
def test_two_collectors_race_on_one_zone_in_every_order(
    pair: tuple[tuple[Seen, ...], ...],
    clocks: tuple[int, int],
    threads: ThreadPoolExecutor,
    record_property: Record,
) -> None:
    def play(choose: Callable[[Sequence[int]], int]) -> None:
        scene = Scene(deliveries_of(pair, clocks), threads)
        scene.play(choose)
        scene.hold_the_end()
        scene.hold_the_status()

    record_property("cases", every_order(play))


def _named(seen: tuple[Seen, ...]) -> str:
    [one] = seen or [None]
    return "nothing" if one is None else f"{one.slot}/{one.published}/{one.gco2_kwh:.0f}"


@pytest.mark.parametrize("triple", TRIPLES, ids=lambda triple: " ".join(map(_named, triple)))
def test_three_collectors_race_on_one_zone_in_every_order(
    triple: tuple[tuple[Seen, ...], ...],
    threads: ThreadPoolExecutor,
    record_property: Record,
    *,
    whole: bool,
) -> None:
    if not whole:
        pytest.skip("left to the whole run: make chaos")

    # With a board that has just been copied each run takes as few requests as it can.
    begun = Delivery((Seen(0, None, 90.0),), offset_s=-60)

    def play(choose: Callable[[Sequence[int]], int]) -> None:
        racing = deliveries_of(triple, (2, 0, 1))
        scene = Scene([begun, *racing], threads)
        scene.after(begun)
        scene.play(choose, deliveries=racing)
        scene.hold_the_end()
        scene.hold_the_status()

    record_property("cases", every_order(play))


SEEN = st.builds(
    Seen,
    slot=st.integers(0, 2),
    published=st.none() | st.integers(0, 2),
    gco2_kwh=st.sampled_from([0.0, 100.0, 200.0]),
)


@st.composite
def races(draw: st.DrawFn) -> list[Delivery]:
    """Draw two or three runs, clocks in any order; each is served some of one upstream's data."""
    count = draw(st.integers(2, 3))
    clocks = draw(st.permutations(range(count)))
    return [
        Delivery(
            seen=tuple(
                draw(
                    st.lists(
                        SEEN,
                        max_size=3,
                        unique_by=lambda one: (one.slot, one.published),
                    )
                )
            ),
            offset_s=clock,
            errors=draw(st.sampled_from([(), (NOTHING_IN_ANOTHER_ZONE,)])),
        )
        for clock in clocks
    ]


TURNS = st.lists(st.integers(0, 5), max_size=40)
FATES = st.dictionaries(
    st.integers(0, 25),
    st.sampled_from([fate for fate in Fate if fate is not Fate.ANSWERED]),
    max_size=3,
)


def chooser(turns: Sequence[int]) -> Callable[[Sequence[int]], int]:
    waiting = iter(turns)
    return lambda ready: ready[next(waiting, 0) % len(ready)]


def test_any_race_in_any_order_ends_with_the_newest(
    threads: ThreadPoolExecutor, record_property: Record, *, whole: bool
) -> None:
    played: list[int] = []

    @settings(max_examples=5_000 if whole else 120, deadline=None)
    @given(deliveries=races(), turns=TURNS)
    def race(deliveries: list[Delivery], turns: list[int]) -> None:
        scene = Scene(deliveries, threads)
        scene.play(chooser(turns))
        played.append(scene.turns)
        scene.hold_the_end()
        scene.hold_the_status()

    race()
    record_property("cases", len(played))
    record_property("requests raced", sum(played))


def test_any_race_in_which_requests_and_collectors_die_is_repaired_by_the_next_run(
    threads: ThreadPoolExecutor, record_property: Record, *, whole: bool
) -> None:
    """The upstream serves the next run everything that it served to any earlier run."""
    played: list[int] = []

    @settings(max_examples=5_000 if whole else 120, deadline=None)
    @given(deliveries=races(), turns=TURNS, fates=FATES)
    def race(deliveries: list[Delivery], turns: list[int], fates: dict[int, Fate]) -> None:
        served = {(one.slot, one.published): one for run in deliveries for one in run.seen}
        last = Delivery(tuple(served.values()), offset_s=100, errors=() if served else (DOWN,))
        scene = Scene([*deliveries, last], threads)
        scene.play(chooser(turns), disturbed(fates), deliveries=deliveries)
        scene.after(last)
        played.append(scene.turns)
        scene.hold_repaired(last)

    race()
    record_property("cases", len(played))


HOUR_S = 3600
KILLINGS: dict[str, tuple[tuple[Delivery, ...], Delivery]] = {
    "the first reading ever": ((), Delivery((OLD,), 0)),
    "a newer reading": ((Delivery((OLD,), 0),), Delivery((NEW,), 1)),
    "a revision": ((Delivery((FIRST,), 0),), Delivery((SECOND_VERSION,), 1)),
    "a late reading": ((Delivery((NEWER,), 0),), Delivery((OLD,), 1)),
    "the same again": ((Delivery((NEW,), 0),), Delivery((NEW,), 1)),
    "several, and an error": ((), Delivery((OLD, NEW, NEWER), 1, (NOTHING_IN_ANOTHER_ZONE,))),
    "nothing but an error": ((Delivery((NEW,), 0),), Delivery((), 1, (DOWN,))),
    "a new hour": (
        (Delivery((Seen(10, None, 90.0), Seen(11, None, 110.0)), HOUR_S),),
        Delivery((Seen(12, None, 130.0),), HOUR_S + 1),
    ),
}
NEXT_HOUR = Delivery((Seen(24, None, 170.0),), 2 * HOUR_S)
DEADLY = (Fate.DIES_BEFORE, Fate.DIES_AFTER)
DISTURBED = tuple(fate for fate in Fate if fate is not Fate.ANSWERED)


def alone(scene: Scene, delivery: Delivery, at: dict[int, Fate]) -> int:
    """Run one delivery, disturb its requests with these numbers, and return its request count."""
    before = scene.turns
    scene.play(
        lambda ready: ready[0],
        disturbed(at),
        deliveries=[delivery],
    )
    return scene.turns - before


def kept(scene: Scene) -> tuple[object, ...]:
    """Return what readers of the table get: the newest readings, the history and the run status."""
    snapshot = store_on(scene.table).snapshot()
    [status] = snapshot.providers
    told = replace(status, stored=0)  # the run that repairs stores more readings
    # The history has the time when the figures were fetched first, which may be that of any run.
    history = [replace(reading, fetched_at=NOW + HOUR_S * SECOND) for reading in scene.history()]
    return snapshot.readings, history, told


@pytest.mark.parametrize("what", KILLINGS)
def test_a_collector_killed_at_any_request_is_repaired_by_the_next_run(
    what: str, threads: ThreadPoolExecutor, record_property: Record, *, whole: bool
) -> None:
    """The table ends as if the collector had not been killed.

    Only the profile of an hour that ended at that time is repaired later, when the next hour ends.
    In the whole run the repairing run is killed too, at any request, and a third run repairs.
    """
    earlier, run = KILLINGS[what]
    again = replace(run, offset_s=run.offset_s + 60)
    once_more = replace(run, offset_s=run.offset_s + 120)
    runs = (*earlier, run, again, once_more, NEXT_HOUR)

    def ended(first: dict[int, Fate], second: dict[int, Fate]) -> tuple[Scene, int, int]:
        scene = Scene(runs, threads)
        for delivery in earlier:
            scene.after(delivery)
        counts = alone(scene, run, first), alone(scene, again, second)
        scene.after(once_more)
        return scene, *counts

    whole_scene, count, _ = ended({}, {})
    expected = kept(whole_scene)
    whole_scene.after(NEXT_HOUR)
    profiles = profiles_of(store_on(whole_scene.table))
    cases = 0
    for at, fate in product(range(count), DISTURBED):
        _, _, repairing = ended({at: fate}, {})
        seconds: list[dict[int, Fate]] = [{}]
        if whole:
            seconds += [{n: other} for n, other in product(range(repairing), DEADLY)]
        for second in seconds:
            scene, _, _ = ended({at: fate}, second)
            assert kept(scene) == expected, f"request {at} {fate}, then {second}"
            scene.after(NEXT_HOUR)
            found = profiles_of(store_on(scene.table))
            assert found == profiles, f"request {at} {fate}, then {second}"
            cases += 1
    record_property("cases", cases)


@pytest.fixture(scope="module", params=["dynoxide", "moto"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, *, whole: bool
) -> Iterator[TableClient]:
    if request.param == "moto":
        if not whole:
            pytest.skip("left to the whole run: make chaos")
        with mock_aws():
            yield MotoClient()
        return
    with (
        engines.dynoxide(tmp_path_factory.mktemp("dynoxide")) as address,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        client = TableClient()
        yield client
        client.close()


def test_the_model_answers_as_the_engines_do(
    engine: TableClient, threads: ThreadPoolExecutor, record_property: Record, *, whole: bool
) -> None:
    """An engine gets the requests of some of the runs above and gives the same answers."""
    compared = 0
    for number in range(60 if whole else 6):
        chance = random.Random(number)
        races = (*PAIRS, *TRIPLES)
        seen = races[number % len(races)]
        scene = Scene(deliveries_of(seen, chance.sample(range(len(seen)), len(seen))), threads)
        fates = {chance.randrange(6): chance.choice(DISTURBED)}
        scene.play(chance.choice, disturbed(fates))
        scene.read()
        name = f"readings-{number}"
        make_table(engine, name)
        for request in scene.log:
            assert answer_of(engine, request, name) == plain(request), request
            compared += 1
    record_property("cases", compared)


def answer_of(engine: TableClient, request: Request, table_name: str) -> object:
    send = getattr(engine, request.operation)
    try:
        answer = send(**request.arguments | {"TableName": table_name})
    except ConditionFailedError as refused:
        return "refused", numbers(refused.item)
    return "done", numbers(
        {name: answer[name] for name in ("Attributes", "Items") if name in answer}
    )


def plain(request: Request) -> object:
    if request.answer is None:
        return "refused", numbers(request.refused)
    return "done", numbers(request.answer)


def numbers(value: Any) -> Any:
    """Return a value with its numbers decoded, since engines write the same number differently."""
    if isinstance(value, list):
        return [numbers(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {
        name: Decimal(part) if name == "N" and isinstance(part, str) else numbers(part)
        for name, part in value.items()
    }
