"""`greenstream invoke` shows the end of a failed function's log."""

from infra.local.stack import LOG_TAIL_BYTES, whole_lines


def test_a_short_log_is_shown_as_it_is() -> None:
    assert whole_lines(b"one\ntwo\n") == "one\ntwo\n"


def test_a_log_cut_by_lambda_loses_its_broken_first_line_and_says_so() -> None:
    log = b"x" * LOG_TAIL_BYTES + b"\nupstream failed\nrun\n"

    assert whole_lines(log[-LOG_TAIL_BYTES:]) == "…\nupstream failed\nrun\n"


RAN = '{"level":"INFO","message":"run","state":"failed"}\n'
TRACE = 'Traceback (most recent call last):\n  File "app.py", line 31, in handler\n'
FAILED = "greenstream.ingest.collect.CollectionFailedError: eso: HTTP 500\n"


def test_a_run_whose_upstreams_all_failed_shows_no_traceback() -> None:
    assert whole_lines(f"{RAN}{TRACE}{FAILED}".encode()) == RAN


def test_no_rest_of_a_traceback_is_shown_where_lambda_cut_its_begin() -> None:
    log = b"x" * LOG_TAIL_BYTES + f"\n  File {FAILED}{FAILED}".encode()

    assert whole_lines(log[-LOG_TAIL_BYTES:]) == "…\n"


def test_the_traceback_of_any_other_error_is_shown() -> None:
    log = f"{RAN}{TRACE}KeyError: 'zone'\n"

    assert whole_lines(log.encode()) == log
