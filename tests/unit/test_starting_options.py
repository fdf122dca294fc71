"""How a stack is told to start: by options, or by the environment that `make` hands through."""

import sys
from pathlib import Path

import pytest

from infra.local import cli, starting, worker


@pytest.mark.parametrize(
    ("variable", "wrong"), [("UPSTREAM", "Simulated"), ("UPSTREAM", ""), ("AUTH", "IAM")]
)
@pytest.mark.parametrize("command", ["up", "invoke eso", "providers", "worker"])
def test_what_the_environment_misspells_is_refused_before_anything_starts(
    command: str,
    variable: str,
    wrong: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    nowhere = ["--state-dir", str(tmp_path / "file" / "state")]  # nothing can be started there
    main, words = (worker.main, []) if command == "worker" else (cli.main, command.split())
    monkeypatch.setattr(sys, "argv", ["greenstream", *nowhere, *words])
    monkeypatch.setenv(variable, wrong)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"argument --{variable.lower()}: invalid choice: {wrong!r} (choose from " in said


def test_what_the_environment_says_counts_where_no_option_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPSTREAM", "live")
    monkeypatch.setenv("AUTH", "IAM")
    read = starting.options().parse_args(["--auth", "none"])
    assert (read.upstream, read.auth) == ("live", "none")


def test_without_a_word_data_are_simulated_and_all_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("UPSTREAM", "AUTH"):
        monkeypatch.delenv(variable, raising=False)
    read = starting.options().parse_args([])
    assert (read.upstream, read.auth) == ("simulated", "none")
