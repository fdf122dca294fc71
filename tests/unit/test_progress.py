"""A command that waits says on stderr for what, once it has been waiting for a while."""

import time

import pytest

from greenstream.cli import progress


def test_a_short_wait_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("asking the router"):
        pass
    assert capsys.readouterr().err == ""


def test_a_long_wait_says_what_is_waited_for_and_for_how_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.01)
    monkeypatch.setattr(progress, "EVERY_S", 0.05)

    said = ""
    with progress.progress("asking the router"):
        while said.count("\n") < 2:
            time.sleep(0.01)
            said += capsys.readouterr().err

    assert said.splitlines()[:2] == ["asking the router …", "asking the router for 0 s …"]


def test_an_error_ends_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="why"), progress.progress("asking the router"):
        raise ValueError("why")
    assert capsys.readouterr().err == ""
