"""A command that waits says on stderr for what, once it has been waiting for a while."""

import io
import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from greenstream.cli import policy, progress
from greenstream.cli.main import main
from greenstream.ports.store import StoreError


class Terminal(io.StringIO):
    """A terminal that notes what is written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return the terminal that stderr is; a command waits for 10 ms before it says something."""
    monkeypatch.setattr(progress, "PATIENCE_S", 0.01)
    monkeypatch.setattr(progress, "EVERY_S", 0.05)
    terminal = Terminal()
    # pytest sets sys.stderr anew after the fixtures, so the module gets a stderr of its own.
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=terminal))
    return terminal


def wait_for_words(terminal: Terminal, *, lines: int = 1, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while terminal.getvalue().count("\n") < lines and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_short_wait_is_silent(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 60.0)
    with progress.progress("asking the router"):
        pass
    assert terminal.getvalue() == ""


def test_a_long_wait_says_what_is_waited_for_and_for_how_long(terminal: Terminal) -> None:
    with progress.progress("asking the router"):
        wait_for_words(terminal, lines=2)
    assert terminal.getvalue().splitlines()[:2] == [
        "asking the router …",
        "asking the router for 0 s …",
    ]


def test_nothing_is_said_where_nobody_looks(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    with progress.progress("asking the router"):
        time.sleep(0.1)
    assert terminal.getvalue() == ""


def test_an_error_ends_the_words(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 60.0)
    with pytest.raises(ValueError, match="why"), progress.progress("asking the router"):
        raise ValueError("why")
    assert terminal.getvalue() == ""


class SlowLogs:
    """A client of CloudWatch Logs that answers once the terminal says something."""

    def __init__(self, terminal: Terminal, within_s: float = 10.0) -> None:
        self.terminal, self.within_s = terminal, within_s

    def get_paginator(self, _: str) -> "SlowLogs":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        wait_for_words(self.terminal, within_s=self.within_s)
        return []


def test_a_slow_report_says_what_it_reads_and_prints_its_answer_alone(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boto3, "client", lambda _: SlowLogs(terminal))
    assert main(["report", "--log-group", "/aws/lambda/x-router"]) == 0
    assert terminal.getvalue().startswith("reading the log group /aws/lambda/x-router …\n")
    assert "reading" not in capsys.readouterr().out


def test_a_slow_report_as_json_says_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", lambda _: SlowLogs(terminal, 0.2))
    assert main(["report", "--json", "--log-group", "/aws/lambda/x-router"]) == 0
    assert terminal.getvalue() == ""


def test_a_slow_table_of_policies_is_named(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class SlowStore:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def snapshot(self) -> Any:
            wait_for_words(terminal)
            raise StoreError("the table does not answer")

    monkeypatch.setattr(policy, "dynamodb_client", lambda: None)
    monkeypatch.setattr(policy, "DynamoStore", SlowStore)
    assert main(["policy", "list", "--table", "t"]) == 1
    assert terminal.getvalue().splitlines()[0] == "asking the table t …"
    assert capsys.readouterr().out == ""
