"""``greenstream window`` and ``greenstream zones`` ask a router, or answer by yearly means."""

import argparse
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from greenstream.cli import asking, window
from greenstream.cli.asking import BY_MEANS, URL_VARIABLE, AnsweredBy
from greenstream.cli.errors import RefusedError
from greenstream.cli.main import main
from greenstream.cli.table import age
from greenstream.cli.window import length, wait
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, SetClock
from tests.unit.test_router_window import a_forecast

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command and returns its exit code and its output."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)

    def do(*words: str) -> tuple[int, str, str]:
        code = main(["--state-dir", str(tmp_path), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return do


class Stack:
    """A local stack whose router answers in this process."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str) -> Any:
        target, _, query = path.partition("?")
        answer = self.client.ask(target, query)
        if answer.status >= 400:
            raise RefusedError(f"GET {path} answered {answer.status}", answer.status, answer.text)
        return answer.body


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Let a local stack run, in which London is cleanest an hour from now."""
    store = MemoryStore()
    store.put_forecast(a_forecast("GBR-13", [200, 180, 100, 120, 300], simulated=True))
    stack = Stack(Client(store))
    monkeypatch.setattr(asking, "running_stack", lambda _state_dir: stack)
    return stack


class TestTheLocalStack:
    def test_the_window_is_shown_with_its_kind_its_age_and_its_source(
        self, run: Run, stack: Stack
    ) -> None:
        code, out, err = run("window", "--pops", "lon", "--from", "london", "--duration", "1h")

        assert (code, err) == (0, "")
        warning, reason, row = out.splitlines()
        assert warning == "SIMULATED data: no figure here is real"
        assert reason == (
            "The cleanest time is 2026-11-22 17:00 to 18:00 UTC in lon (GBR-13): 110 g/kWh "
            "average/direct by the forecast of eso; starting at once would be 190 g/kWh."
        )
        assert row.split("  ") == [
            *("lon", "GBR-13", "Sun 17:00 to 18:00 UTC", "110 g/kWh", "at once 190"),
            *("average/direct consumption", "forecast", "eso 30 min old", "3 ms"),
        ]

    def test_json_is_the_routers_answer_and_what_has_given_it(self, run: Run, stack: Stack) -> None:
        _, out, _ = run("window", "--zones", "gbr-13", "--within", "12h", "--json")

        answer = json.loads(out)
        assert answer.pop("answered_by") == AnsweredBy.LOCAL_STACK
        assert answer == stack.client.ask("/v1/window", "zones=GBR-13&within_h=12").body

    def test_the_job_waits_for_its_window_and_then_begins(
        self, run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[datetime] = []
        monkeypatch.setattr(window, "wait", waited.append)

        assert run("window", "--zones", "GBR-13", "--wait")[0] == 0
        assert waited == [NOW + timedelta(hours=1)]

    def test_a_job_that_may_begin_at_once_does_not_wait(
        self, run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[datetime] = []
        monkeypatch.setattr(window, "wait", waited.append)
        stack.client.clock.forward(20)

        assert run("window", "--zones", "NYISO", "--wait")[0] == 0
        assert waited == []

    def test_without_a_figure_of_the_kind_the_command_fails(self, run: Run, stack: Stack) -> None:
        code, out, _ = run("window", "--zones", "NYISO", "--signal", "marginal", "--wait")

        assert code == 1
        assert "No figure of the kind marginal/direct or marginal/lifecycle is known" in out

    def test_a_refusal_is_shown_in_words(self, run: Run, stack: Stack) -> None:
        for words, said in (
            (("window", "--zones", "PJN"), "zones: does not know PJN; near it is PJM"),
            (("zones", "PJN"), "zone: does not know PJN; near it is PJM"),
            (("route", "--pops", "lon;ams"), "names are separated by commas, as in lon,ams"),
        ):
            code, out, err = run(*words)
            assert (code, out) == (1, "")
            assert said in err

    def test_a_zone_is_shown_with_its_sources(self, run: Run, stack: Stack) -> None:
        code, out, _ = run("zones", "gbr-13")

        assert code == 0
        assert "GBR-13: London (GB, Europe/London)" in out
        assert "source eso" in out
        assert "forecast of eso, average/direct, until 2026-11-22T18:30:00Z" in out


class TestWithoutARouter:
    def test_the_answer_rests_on_yearly_means_and_says_so(self, run: Run) -> None:
        for words in (("window", "--from", "tokyo"), ("zones",), ("zones", "NYISO")):
            code, out, err = run(*words)
            assert (code, err) == (0, "")
            assert out.splitlines()[0] == BY_MEANS
            assert "annual_mean" in out

    def test_json_says_so_too(self, run: Run) -> None:
        answer = json.loads(run("zones", "--json")[1])

        assert answer["answered_by"] == "tables of this package (yearly means)"
        assert answer["freshness"] == "fallback"
        assert len(answer["zones"]) > 200

    def test_the_list_takes_one_kind_and_a_zone_none(self, run: Run) -> None:
        assert "average/lifecycle" in run("zones", "--basis", "lifecycle")[1]
        code, _, err = run("zones", "NYISO", "--basis", "lifecycle")
        assert (code, "--signal and --basis are of the list" in err) == (2, True)


class TestLengths:
    @pytest.mark.parametrize(
        ("text", "minutes"),
        [("45m", 45), ("12h", 720), ("1h30m", 90), ("3d", 4320), ("90min", 90), ("2H", 120)],
    )
    def test_a_length_has_a_unit(self, text: str, minutes: int) -> None:
        assert length(text) == timedelta(minutes=minutes)

    @pytest.mark.parametrize("text", ["", "45", "h", "1.5h", "30m1h", "-1h", "1 h"])
    def test_anything_else_is_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(argparse.ArgumentTypeError, match="as in 45m, 12h, 1h30m or 3d"):
            length(text)

    def test_the_router_counts_in_whole_hours(self, run: Run) -> None:
        code, _, err = run("window", "--within", "90m")
        assert (code, "--within takes whole hours" in err) == (1, True)

    @pytest.mark.parametrize(
        ("seconds", "said"),
        [(None, ""), (0, "0 s old"), (119, "119 s old"), (7100, "118 min old"), (7200, "2 h old")],
    )
    def test_an_age_has_the_largest_unit_of_which_there_are_two(
        self, seconds: float | None, said: str
    ) -> None:
        assert age(seconds) == said


def test_the_wait_ends_when_the_window_begins_and_says_how_long_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = SetClock()
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        clock.forward(seconds)

    wait(NOW + timedelta(minutes=25, seconds=10), clock=clock, sleep=sleep)

    assert clock.now == NOW + timedelta(minutes=25, seconds=10)
    assert max(naps) <= window.NAP_S
    assert capsys.readouterr().err.splitlines() == [
        "waiting 25 min until 16:25 UTC …",
        "waiting 15 min until 16:25 UTC …",
        "waiting 5 min until 16:25 UTC …",
    ]
