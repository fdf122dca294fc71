"""A new stack invokes each collector once, some at the same time."""

import time
from dataclasses import replace
from threading import Event, Lock
from typing import Any

import pytest

from greenstream.domain.places import pops, seed_pops
from greenstream.domain.zones import zones
from infra.local.collecting import AFTER, AT_ONCE, OF_POPS, SHORT, Following, collect_once
from infra.local.processes import StackError
from infra.local.stack import Stack
from infra.registry import COLLECTING
from tests.unit.test_local_view import STACK


class Collectors:
    """Notes which collectors begin and end, and lets some of them fail."""

    def __init__(self, *failing: str, times: int = 2) -> None:
        self.failures_left = dict.fromkeys(failing, times)
        self.events: list[tuple[str, str]] = []
        self.most = 0
        self._lock, self._running = Lock(), 0

    def invoke(self, name: str) -> Any:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
            self.events.append(("begin", name))
        with self._lock:
            self._running -= 1
            self.events.append(("end", name))
        if self.failures_left.get(name):
            self.failures_left[name] -= 1
            raise StackError(f"{name} failed: its upstream is down")


def collected(
    monkeypatch: pytest.MonkeyPatch, collectors: Collectors, upstream: str = "simulated"
) -> None:
    monkeypatch.setattr(Stack, "invoke", collectors.invoke)
    collect_once(replace(STACK, upstream=upstream))  # type: ignore[arg-type]


def test_every_collector_runs_once_and_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collectors = Collectors()
    collected(monkeypatch, collectors)
    assert sorted(name for event, name in collectors.events if event == "begin") == sorted(
        COLLECTING
    )
    assert collectors.most <= AT_ONCE
    said = capsys.readouterr().out
    assert all(f"{name} " in said for name in COLLECTING)
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(("later", "earlier"), AFTER.items())
def test_what_reads_anothers_readings_runs_after_it(
    later: str, earlier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    collectors = Collectors()
    collected(monkeypatch, collectors)
    assert collectors.events.index(("end", earlier)) < collectors.events.index(("begin", later))


def test_a_second_failure_of_a_simulated_upstream_ends_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collectors = Collectors("eso")
    with pytest.raises(StackError, match="eso failed"):
        collected(monkeypatch, collectors)
    assert collectors.events.count(("begin", "eso")) == 2


def test_what_failed_beside_others_is_collected_again_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collectors = Collectors("eso", times=1)
    collected(monkeypatch, collectors)
    assert collectors.events[-2:] == [("begin", "eso"), ("end", "eso")]
    assert "collecting eso again, alone" in capsys.readouterr().out


def test_live_upstreams_that_are_down_are_named_and_the_others_collected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collectors = Collectors("eso", "entsoe")
    collected(monkeypatch, collectors, "live")
    assert len(collectors.events) == 2 * len(COLLECTING)
    said = capsys.readouterr().out
    assert "eso failed: its upstream is down" in said
    assert "entsoe failed: its upstream is down" in said


def test_an_error_of_many_lines_is_shown_in_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def invoke(name: str) -> Any:
        raise StackError(f"{name} failed: {'no route to host ' * 50}\n{{}}\n{{}}")

    monkeypatch.setattr(Stack, "invoke", lambda _, name: invoke(name))
    collect_once(replace(STACK, upstream="live"))
    _, *errors, advice = capsys.readouterr().out.splitlines()
    assert len(errors) == len(COLLECTING)
    assert max(map(len, errors)) <= SHORT
    assert advice == "`greenstream invoke NAME` shows the whole error of one of them"


def test_the_figures_of_the_six_pops_are_read_before_the_first_page() -> None:
    for pop in map(pops().__getitem__, seed_pops()):
        first = zones()[pop.zones[0].zone]
        assert {source.provider for source in first.sources} & set(OF_POPS), pop.pop


def test_the_first_page_waits_for_no_other_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    collectors = Collectors()
    monkeypatch.setattr(Stack, "invoke", collectors.invoke)
    collect_once(STACK, OF_POPS)
    assert {name for _, name in collectors.events} == set(OF_POPS)


class TestWhatFollowsTheFirstPage:
    REST = frozenset(COLLECTING) - frozenset(OF_POPS)

    def test_is_named_until_it_is_collected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        may_end = Event()
        monkeypatch.setattr(Stack, "invoke", lambda *_: may_end.wait(10))
        following = Following(STACK)
        (line,) = following.lines()
        assert line.startswith("still collecting for the first time: ")
        assert set(line.partition(": ")[2].split(", ")) == self.REST
        may_end.set()
        assert ended(following) == []

    def test_is_every_other_collector_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        collectors = Collectors()
        monkeypatch.setattr(Stack, "invoke", collectors.invoke)
        ended(Following(STACK))
        begun = [name for event, name in collectors.events if event == "begin"]
        assert sorted(begun) == sorted(self.REST)

    def test_names_what_has_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Stack, "invoke", Collectors("elexon").invoke)
        assert ended(Following(STACK)) == ["elexon failed: its upstream is down"]


def ended(following: Following) -> list[str]:
    deadline = time.monotonic() + 10
    while (lines := following.lines()) and lines[0].startswith("still"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return lines
