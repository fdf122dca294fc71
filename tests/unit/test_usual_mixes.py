"""A window is believed as a whole only where each of its mixes would be believed by itself."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from greenstream.domain import judging
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.plausibility import (
    GreatestMw,
    Middle,
    SourceRules,
    rules_of_provider,
    rules_of_source,
)
from greenstream.domain.usual_mixes import all_believed

NIGHT = datetime(2026, 6, 10, tzinfo=UTC)
STEP = timedelta(minutes=30)
PROVIDER = replace(rules_of_provider("entsoe"), solar=frozenset({"sun"}), wind=frozenset({"wind"}))
RULES = SourceRules(
    needed=frozenset({"gas"}),
    needed_any=(frozenset({"gas", "coal"}),),
    needed_by_day=frozenset({"sun"}),
    never_zero=frozenset({"gas"}),
    never_zero_any=(frozenset({"gas", "wind"}),),
    usual=frozenset({"gas", "water"}),
    least_total_mw=500.0,
    greatest_total_mw=30_000.0,
    greatest_mw=(GreatestMw(frozenset({"gas"}), 9000.0), GreatestMw(frozenset({"wind"}), 5000.0)),
    middle=Middle(52.0, 5.0),
)
SUN_MW = [0.0] * 8 + [250.0 * min(nth, 32 - nth) for nth in range(33)] + [0.0] * 7


def two_days(step: timedelta = STEP) -> list[Mix]:
    """Return mixes of two days in June, in which every fuel moves."""
    return [
        Mix(
            NIGHT + nth * step,
            NIGHT + (nth + 1) * step,
            {
                "gas": 5000.0 + nth % 7,
                "wind": 800.0 + 11 * (nth % 5),
                "sun": SUN_MW[nth % 48],
                "water": 90.0 + nth % 3,
            },
        )
        for nth in range(96)
    ]


def believed(
    mixes: list[Mix], rules: SourceRules = RULES, memory: FuelMemory | None = None
) -> bool:
    return all_believed(mixes, PROVIDER, rules, memory or FuelMemory(PROVIDER, rules))


@pytest.fixture
def singly(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[judging.Judged]]:
    """Return what judges mixes one by one."""

    def judged(mixes: list[Mix], rules: SourceRules, memory: FuelMemory) -> list[judging.Judged]:
        with monkeypatch.context() as patched:
            patched.setattr(judging, "all_believed", lambda *_: False)
            return judging.judge(mixes, PROVIDER, rules, memory=memory)

    return judged


def spoilt(mixes: list[Mix], chance: random.Random) -> Iterator[Mix]:
    """Yield the mixes with one to three of them, or of their fuels, changed."""
    changed = list(mixes)
    for _ in range(chance.randint(1, 3)):
        if not changed:
            return
        nth = chance.randrange(len(changed))
        until = min(len(changed), nth + chance.choice((1, 1, 2, 6, 60)))
        fuel = chance.choice(("gas", "wind", "sun", "water", "coal"))
        mw = chance.choice((0.0, -1.0, -400.0, 1.0, 90.0, 150.0, 2500.0, 6000.0, 9e4, float("nan")))
        way = chance.choice(("put", "put", "put", "drop", "repeat", "hole", "part", "refuse"))
        for at in range(nth, until):
            mix, mw_of = changed[at], dict(changed[at].generation_mw)
            if way == "put":
                mw_of[fuel] = mw
            elif way == "drop":
                mw_of.pop(fuel, None)
            elif way == "repeat":
                mw_of = dict(changed[nth].generation_mw)
            elif way == "part":
                mw_of = {fuel: mw / 3 for fuel, mw in mw_of.items()}
            changed[at] = mix._replace(
                generation_mw=mw_of,
                refusal=Refusal("not_a_number", "n/e") if way == "refuse" else mix.refusal,
            )
        if way == "hole":
            del changed[nth:until]
    yield from changed


def test_two_usual_days_are_believed_as_a_whole() -> None:
    assert believed(two_days())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda mw: {**mw, "gas": 0.0},
        lambda mw: {**mw, "gas": -5.0},
        lambda mw: {**mw, "gas": 9001.0},
        lambda mw: {**mw, "sun": 0.0},
        lambda mw: {**mw, "coal": 1.0},
        lambda mw: {fuel: at / 4 for fuel, at in mw.items()},
        lambda mw: {fuel: at for fuel, at in mw.items() if fuel != "wind"},
    ],
    ids=["zero", "negative", "too much", "dark", "new fuel", "part", "lost"],
)
@pytest.mark.parametrize("nth", [20, 70])
def test_nothing_is_said_of_a_window_with_an_odd_mix(
    spoil: Callable[[dict[str, float]], dict[str, float]], nth: int
) -> None:
    mixes = two_days()
    mixes[nth] = mixes[nth]._replace(generation_mw=spoil(dict(mixes[nth].generation_mw)))
    assert not believed(mixes)


def test_nothing_is_said_of_a_window_with_a_hole() -> None:
    mixes = two_days()
    del mixes[30]
    assert not believed(mixes)


def test_nothing_is_said_of_a_window_that_stands_still() -> None:
    mixes = two_days()
    last = mixes[80].generation_mw
    assert not believed([*mixes[:80], *(mix._replace(generation_mw=last) for mix in mixes[80:])])


def test_nothing_is_said_where_a_fuel_is_remembered_that_the_window_lacks() -> None:
    memory = FuelMemory(PROVIDER, RULES)
    memory.learn(two_days()[:1])
    rest = [
        mix._replace(
            generation_mw={fuel: mw for fuel, mw in mix.generation_mw.items() if fuel != "water"}
        )
        for mix in two_days()
    ]
    assert believed(rest)
    assert not believed(rest, memory=memory)


@pytest.mark.parametrize("rules", [RULES, SourceRules(), rules_of_source("entsoe", "ENTSOE_NL")])
def test_what_is_believed_as_a_whole_is_believed_one_by_one(
    rules: SourceRules, singly: Callable[..., list[judging.Judged]]
) -> None:
    chance, whole, some_refused = random.Random(20261128), 0, 0
    for _ in range(2000):
        step = chance.choice((STEP, STEP, timedelta(minutes=15), timedelta(hours=1)))
        memory = FuelMemory(PROVIDER, rules)
        if chance.random() < 0.3:
            memory.learn(two_days()[: chance.randint(1, 40)])
        mixes = list(spoilt(two_days(step)[: chance.randint(2, 96)], chance))
        if not mixes:
            continue
        one_by_one = singly(mixes, rules, memory)
        some_refused += any(judged.refusal for judged in one_by_one)
        if believed(mixes, rules, memory):
            whole += 1
            assert [judged.refusal for judged in one_by_one if judged.refusal] == []
    if rules.needed <= {"gas"}:
        assert whole > 50
    assert some_refused > 500
