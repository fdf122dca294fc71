"""The end of a failed function's log, as `greenstream invoke` shows it."""

from infra.local.stack import LOG_TAIL_BYTES, whole_lines


def test_a_short_log_is_shown_as_it_is() -> None:
    assert whole_lines(b"one\ntwo\n") == "one\ntwo\n"


def test_a_log_cut_by_lambda_loses_its_broken_first_line_and_says_so() -> None:
    log = b"x" * LOG_TAIL_BYTES + b"\nupstream failed\nrun\n"

    assert whole_lines(log[-LOG_TAIL_BYTES:]) == "…\nupstream failed\nrun\n"
