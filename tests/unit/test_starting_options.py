"""A stack is configured by options, or by the environment variables that `make` passes on."""

import sys
from itertools import product
from pathlib import Path

import pytest

from greenstream.cli.main import main
from infra.local import starting, worker


@pytest.mark.parametrize(
    ("variable", "wrong", "command"),
    [
        *product(["UPSTREAM"], ["Simulated", ""], ["up", "invoke eso", "providers", "worker"]),
        *product(["AUTH"], ["IAM"], ["up", "invoke eso", "worker"]),
    ],
)
def test_a_misspelt_value_in_the_environment_is_refused_before_anything_starts(
    variable: str,
    wrong: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    nowhere = ["--state-dir", str(tmp_path / "file" / "state")]  # no stack can start there
    run, words = (worker.main, []) if command == "worker" else (main, command.split())
    monkeypatch.setattr(sys, "argv", ["greenstream", *nowhere, *words])
    monkeypatch.setenv(variable, wrong)
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"argument --{variable.lower()}: invalid choice: {wrong!r} (choose from " in said


def test_the_environment_applies_where_no_option_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPSTREAM", "live")
    monkeypatch.setenv("AUTH", "IAM")
    read = starting.options().parse_args(["--auth", "none"])
    assert (read.upstream, read.auth) == ("live", "none")


def test_by_default_data_are_simulated_and_the_router_needs_no_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("UPSTREAM", "AUTH"):
        monkeypatch.delenv(variable, raising=False)
    read = starting.options().parse_args([])
    assert (read.upstream, read.auth) == ("simulated", "none")


def test_the_check_of_the_providers_refuses_the_option_for_router_access(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["greenstream", "providers", "--auth", "iam"])
    with pytest.raises(SystemExit):
        main()
    assert "unrecognized arguments: --auth iam" in capsys.readouterr().err
