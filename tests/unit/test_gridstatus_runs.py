"""How the gridstatus provider reports failures, and how its zones run side by side."""

import http.client
import logging
import os
import re
import resource
import subprocess
import sys
import urllib.error
from collections.abc import Callable
from datetime import date
from email.message import Message
from pathlib import Path
from threading import Event

import pandas as pd
import pytest
import requests
from gridstatus.base import NoDataFoundException, NotSupported
from gridstatus.pjm import DataMinerSnapshotMismatch

from functions.gridstatus.feed import keep_within
from functions.gridstatus.provider import DEADLINE_S, wanted
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    TransientError,
)
from greenstream.domain.intensity import factor_tables
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.zones import zones
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError
from greenstream.ports.settings import SettingsError
from tests.unit.gridstatus_tables import (
    NOW,
    NYISO_MW,
    Feed,
    kinds,
    nyiso,
    provider,
    the_error,
)

# --- The types of errors ---------------------------------------------------------------------


def of_status(status: int) -> Exception:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} for url", response=response)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (NoDataFoundException("No data found for gen_by_fuel"), NoDataError),
        (urllib.error.HTTPError("http://x", 404, "Not Found", Message(), None), NoDataError),
        (of_status(404), NoDataError),
        (of_status(401), PermanentError),
        (of_status(403), PermanentError),
        (of_status(400), PermanentError),
        (NotSupported("PJM does not support 'latest'"), PermanentError),
        (of_status(429), TransientError),
        (of_status(503), TransientError),
        (urllib.error.HTTPError("http://x", 500, "Oops", Message(), None), TransientError),
        (urllib.error.URLError("no route"), TransientError),
        (TimeoutError(), TransientError),
        (ConnectionResetError(), TransientError),
        (requests.ConnectTimeout(), TransientError),
        (http.client.IncompleteRead(b""), TransientError),
        (RuntimeError("Error: Failed after 1 retries"), TransientError),
        (DataMinerSnapshotMismatch("rows"), TransientError),
        (SecretsError("no Parameter Store"), TransientError),
        (requests.exceptions.JSONDecodeError("no JSON", "<html>", 0), InvalidError),
        (pd.errors.EmptyDataError("No columns"), InvalidError),
        (pd.errors.ParserError("tokenizing"), InvalidError),
        (KeyError("Gen MW"), InvalidError),
        (IndexError(), InvalidError),
        (UnboundLocalError(), InvalidError),
        (ValueError("No objects to concatenate"), InvalidError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value)[:40],
)
def test_every_exception_of_the_library_becomes_one_of_our_errors(
    raised: Exception, kind: type[GreenStreamError]
) -> None:
    error = the_error("NYISO", raised)
    assert type(error) is kind
    assert (error.provider, error.zone) == ("gridstatus", "NYISO")
    assert error.message.startswith(type(raised).__name__)
    assert ".py:" not in error.message  # The message names no source line.
    assert (error.__cause__, error.__context__, error.__traceback__) == (None, None, None)
    assert not isinstance(error, InvalidError) or error.reason == "malformed"


def test_the_key_is_removed_from_the_message() -> None:
    feed = Feed(PJM=RuntimeError("bad header Ocp-Apim-Subscription-Key: MARKED"))
    (fetched,) = provider(feed, "PJM", pjm_api_key=lambda: "MARKED").fetch(NOW)
    (error,) = fetched.errors
    assert "[secret]" in str(error)
    assert "MARKED" not in str(error)


def in_a_process_of_its_own(steps: Callable[[], None]) -> None:
    """Run a function of this module in a process that may limit its memory, for at most 60 s."""
    code = f"from {steps.__module__} import {steps.__name__}; {steps.__name__}()"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr


def test_an_answer_beyond_the_functions_memory_fails_without_the_other_zones() -> None:
    in_a_process_of_its_own(ask_for_an_answer_beyond_the_memory)


def ask_for_an_answer_beyond_the_memory() -> None:
    keep_within(memory_mb=1024)
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))

    def huge(market: str, day: date, api_key: str | None) -> pd.DataFrame:
        if market == "CAISO":
            bytearray(600 * 2**20)
        return feed(market, day, api_key)

    fetched = list(provider(huge, "CAISO,NYISO").fetch(NOW))
    [error] = [error for batch in fetched for error in batch.errors]
    assert isinstance(error, InvalidError)
    assert error.reason == "too_large"
    assert {reading.zone for batch in fetched for reading in batch.readings} == {"NYISO"}


def test_a_run_that_begins_with_its_memory_used_up_ends_in_time() -> None:
    """A thread that has no memory to start must not make the run wait for ever."""
    in_a_process_of_its_own(run_with_the_memory_used_up)


def run_with_the_memory_used_up() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    # The tables are read before, since they need more room than is left here, and not in a thread.
    zones(), factor_tables(), rules_of_source("gridstatus", "NYISO")
    stack = 8 * 2**20  # A thread needs this much, unless it reuses an earlier stack.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    for free in (0, 0, 0, 4096, 32768, stack, stack + 4096, stack + 32768):
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + free, hard))
        fetched = list(provider(feed, deadline_s=2.0).fetch(NOW))
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
        assert len(fetched) == 1, free


def data_bytes() -> int:
    """Return the bytes that this process uses of the memory that `keep_within` limits."""
    [kilobytes] = re.findall(
        r"^VmData:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    return int(kilobytes) * 1024


def test_the_librarys_logger_writes_nothing_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for level in (logging.INFO, logging.ERROR):
        logging.getLogger("gridstatus").log(level, "Requesting with MARKED")
    assert caplog.records == []


# --- Zones and runs --------------------------------------------------------------------------


def test_pjm_without_a_key_is_unconfigured_and_is_not_requested() -> None:
    feed = Feed()
    (fetched,) = provider(feed, "PJM", pjm_api_key=lambda: None).fetch(NOW)
    assert fetched == Batch(unconfigured=("PJM",))
    assert feed.asked == []


def test_only_pjm_receives_the_key() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW), PJM=NoDataFoundException())
    list(provider(feed, "NYISO,PJM").fetch(NOW))
    assert {(market, key) for market, _, key in feed.asked} == {("NYISO", None), ("PJM", "key")}


def test_a_failing_secret_store_affects_only_pjm() -> None:
    def refuse() -> str:
        raise SecretsError("denied")

    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    fetched = list(provider(feed, "PJM,NYISO", pjm_api_key=refuse).fetch(NOW))
    assert sorted(len(part.readings) for part in fetched) == [0, 2]
    assert [error.zone for part in fetched for error in part.errors] == ["PJM"]


class Stuck:
    """A feed that answers for NYISO at once, and for CAISO only after ``release`` is set."""

    def __init__(self) -> None:
        self.release = Event()

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        if market == "CAISO":
            self.release.wait()
            raise NoDataFoundException
        return nyiso(NYISO_MW, NYISO_MW)


def test_a_zone_that_hangs_affects_no_other_and_is_not_requested_again_until_it_ends() -> None:
    feed = Stuck()
    stuck = provider(feed, "CAISO,NYISO", deadline_s=2.0)
    first = list(stuck.fetch(NOW))
    assert [(len(part.readings), kinds(part)) for part in first] == [(2, []), (0, ["transient"])]
    assert "no answer within" in str(first[1].errors[0])

    second = [error for part in stuck.fetch(NOW) for error in part.errors]
    assert [error.zone for error in second] == ["CAISO_NORTH"]
    assert "still hangs" in str(second[0])

    hanging = stuck.busy["CAISO_NORTH"]
    feed.release.set()
    hanging.join()
    third = [error for part in stuck.fetch(NOW) for error in part.errors]
    assert [error.kind for error in third] == ["no_data"]


def test_a_zone_that_has_answered_is_requested_again_by_the_next_run() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    for _ in range(50):
        (fetched,) = warm.fetch(NOW)
        assert fetched.errors == ()
        assert warm.busy == {}


def test_zones_are_named_by_the_librarys_classes_and_default_to_all() -> None:
    def names(markets: str) -> list[str]:
        return [zone.zone for zone, _ in wanted(markets)]

    assert names("CAISO, NYISO,CAISO") == ["CAISO_NORTH", "NYISO"]
    assert {"CAISO_NORTH", "NYISO", "PJM"} <= set(names(""))
    with pytest.raises(SettingsError, match="ERCOOT"):
        names("NYISO,ERCOOT")


def test_a_run_reserves_time_for_storing() -> None:
    asked = provider(Feed())
    limits = [asked.within(left_ms).deadline_s for left_ms in (60_000, 14_000, 3_000)]
    assert limits == [DEADLINE_S, 4.0, 0.0]
    assert asked.within(60_000).busy is asked.busy
