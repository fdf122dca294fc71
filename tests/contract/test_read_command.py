"""``greenstream read``: its patterns and steps, what it refuses, and its transport."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest
import requests

from functions.eso.provider import Eso
from infra.local.upstream.wire import Answer
from infra.reading.transport import answered_by
from tests.contract.provider_wire import unzipped
from tests.contract.read_command import (
    FRANCE,
    HALF_HOUR,
    LATEST,
    NESO_AHEAD,
    NESO_AT,
    NESO_GB,
    NESO_MIX,
    NESO_NOW,
    Read,
    as_published,
    mixed,
    nation,
)

# --- patterns, statuses, steps ----------------------------------------------------------------


def test_the_first_pattern_that_matches_wins(read: Read) -> None:
    words = "electricitymaps --at 2026-11-22T16:07Z --zone ENTSOE_FR --json --answer"
    files = {"a": LATEST, "b": LATEST | {"carbonIntensity": 12}}
    assert read(f"{words} *latest*=<a> *=<b>", **files).steps[0]["stored"][0]["gco2_kwh"] == 48
    assert read(f"{words} *zone=FR&*=<b> *=<a>", **files).steps[0]["stored"][0]["gco2_kwh"] == 12


def test_what_no_pattern_matches_is_answered_404_and_named(read: Read) -> None:
    done = read(
        "electricitymaps --at 2026-11-22T16:07Z --zone ENTSOE_FR --json --answer *zone=DE*=<a>",
        a=LATEST,
    )
    (step,) = done.steps
    assert (step["state"], step["stored"]) == ("failed", [])
    (url,) = step["unmatched"]
    assert url.startswith("https://api.electricitymaps.com/v3/carbon-intensity/latest?zone=FR")


def test_a_file_may_come_with_another_status(read: Read) -> None:
    done = read(
        "electricitymaps --at 2026-11-22T16:07Z --zone ENTSOE_FR --json --answer *=403:<no>",
        no={"error": "not today"},
    )
    (refused,) = done.steps[0]["refused"]
    assert (refused["zone"], refused["reason"]) == ("ENTSOE_FR", "permanent")
    assert "403" in refused["message"]
    assert "not today" in refused["message"]


CORRECTED = {
    "ahead": NESO_AHEAD,
    "first": NESO_NOW,
    "second": nation(NESO_AT - HALF_HOUR, forecast=151, actual=139, index="moderate"),
    "gb": NESO_GB,
    "mix": NESO_MIX,
    "other": mixed(139),
}


def test_a_later_step_adds_answers_before_those_that_stay(read: Read) -> None:
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR --json --answer */intensity=<first>"
        " */generation/*=<mix> */regional/*=<gb> */fw24h=<ahead>"
        " --then 2026-05-06T00:27Z */intensity=<second> */generation/*=<other>"
        " --then 2026-05-06T00:28Z",
        **CORRECTED,
    )
    first, second, third = done.steps
    assert as_published(first["stored"]) == [148]
    assert as_published(second["stored"]) == [139]
    assert second["refused"] == first["refused"] == []
    assert (third["state"], third["stored"]) == ("ok", [])
    assert as_published(done.document["current"]) == [139]
    assert as_published(done.document["history"]) == [139]


def throttled_then_good(read: Read, *more: str) -> list[str]:
    done = read(
        "entsoe --at 2026-05-06T14:10Z --zone ENTSOE_FR --json --answer *=429:<busy>"
        " --then 2026-05-06T14:15Z *=<france>",
        *more,
        busy="busy",
        france=FRANCE,
    )
    return [step["state"] for step in done.steps]


def test_the_provider_remembers_as_in_a_warm_sandbox(read: Read) -> None:
    assert throttled_then_good(read) == ["failed", "failed"], "silent for ten minutes"


def test_a_cold_step_has_a_provider_that_remembers_nothing(read: Read) -> None:
    assert throttled_then_good(read, "--cold") == ["failed", "ok"]


def test_the_summary_is_readable(read: Read) -> None:
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR"
        " --answer */intensity=<first> */regional/*=<gb> */generation/*=<mix>"
        " --then 2026-05-06T00:27Z */intensity=<second> */generation/*=<other>",
        **CORRECTED,
    )
    assert done.code == 0
    assert "2026-05-06T00:17:00Z: partial, 2 readings stored, 1 refused or failed" in done.out
    assert "GBR: permanent: HTTP 404" in done.out
    assert (
        "no pattern matches, answered 404: https://api.carbonintensity.org.uk/intensity/"
        in done.out
    )
    rows = [line.split() for line in done.out.partition("after the last step")[2].splitlines()]
    counted = ["consumption", "greenstream"]
    assert ["GBR", "average/direct", *counted, "139.1"] in [row[:5] for row in rows]


def test_a_defect_of_a_provider_is_shown_with_its_place(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("regions")

    monkeypatch.setattr(Eso, "_nation", broken)
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR --json --answer */regional/*=<gb>", gb=NESO_GB
    )
    assert done.code == 1
    (step,) = json.loads(done.out)["steps"]
    assert step["state"] == "failed"
    assert step["refused"] == [
        {"zone": None, "reason": "unexpected", "message": "KeyError: 'regions'"}
    ]
    assert 'raise KeyError("regions")' in done.err


# --- what cannot be used ----------------------------------------------------------------------

GOOD = "eso --at 2026-05-06T00:17Z --answer *=<a>"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (GOOD.replace("eso", "entso"), "no provider 'entso': did you mean entsoe"),
        (GOOD.replace("eso", "xyz"), "no provider 'xyz': there is eso, elexon, gridstatus,"),
        (GOOD.replace("eso", "router"), "no provider 'router'"),
        (f"{GOOD} --zone GBR13", "no zone of eso 'GBR13': did you mean GBR-13"),
        (f"{GOOD} --zone NYISO", "eso does not read the zone NYISO"),
        (
            GOOD.replace("eso", "gridstatus") + " --zone GBR",
            "it reads CAISO_NORTH, CAISO_SANDIEGO, NYISO",
        ),
        (GOOD.replace("05-06", "13-06"), "'2026-13-06T00:17Z' is not a time in ISO 8601"),
        (f"{GOOD} --then noon", "'noon' is not a time in ISO 8601"),
        (f"{GOOD} --then 2026-05-05T00:00Z", "is before the time of the step before it"),
        ("eso --at 2026-05-06T00:17Z --answer *=/no/file.json", "'/no/file.json' of"),
        ("eso --at 2026-05-06T00:17Z --answer *=.", "Is a directory"),
        ("eso --at 2026-05-06T00:17Z --answer <a>", "is not PATTERN=FILE or PATTERN=STATUS:FILE"),
        ("eso --at 2026-05-06T00:17Z --answer *=404:", "is not PATTERN=FILE"),
        (f"{GOOD} --then 2026-05-06T00:18Z b=/no/b", "'/no/b' of"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(read: Read, words: str, said: str) -> None:
    done = read(words, a={})
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize("time", ["2026-05-06T02:17+02:00", "2026-05-06T00:17", "2026-05-06 00:17"])
def test_a_time_is_taken_to_utc_and_without_an_offset_is_in_it(read: Read, time: str) -> None:
    done = read("eso --zone GBR --json --answer *=<a> --at", time, a={})
    assert done.steps[0]["at"] == "2026-05-06T00:17:00Z"


# --- the transport ----------------------------------------------------------------------------


@pytest.mark.usefixtures("no_sockets")
def test_all_three_libraries_are_answered_and_let_go() -> None:
    asked: list[tuple[str, str]] = []

    def answer(url: str, headers: dict[str, str]) -> Answer:
        asked.append((url, headers["x-mark"]))
        return Answer(b"12", "text/csv", 404 if "missing" in url else 200)

    url, headers = "https://grid.test/a?b=c%20d", {"X-Mark": "m"}
    before = (httpx.HTTPTransport.handle_request, requests.adapters.HTTPAdapter.send)
    timeout_s = socket.getdefaulttimeout()
    with answered_by(answer):
        socket.setdefaulttimeout(7)
        for body in (
            httpx.get(url, headers=headers).content,
            requests.get(url, headers=headers, timeout=9).content,
            urllib.request.urlopen(urllib.request.Request(url, headers=headers)).read(),
        ):
            assert body == b"12"
        missing = urllib.request.Request("http://grid.test/missing", headers=headers)
        with pytest.raises(urllib.error.HTTPError, match="404: Not Found"):
            urllib.request.urlopen(missing)
        with pytest.raises(requests.HTTPError, match="404 Client Error: Not Found"):
            requests.get(missing.full_url, headers=headers, timeout=9).raise_for_status()
    assert asked[:3] == [(url, "m")] * 3
    assert (httpx.HTTPTransport.handle_request, requests.adapters.HTTPAdapter.send) == before
    assert socket.getdefaulttimeout() == timeout_s


def test_an_archive_holds_the_days_that_have_an_answer(tmp_path: Path) -> None:
    from infra.reading.answers import FileAnswer, answer_to

    day = tmp_path / "day.csv"
    day.write_text("a")
    url = "http://mis.nyiso.com/public/csv/rtfuelmix/20260201rtfuelmix_csv.zip"
    answers = [FileAnswer.parse(f"*0217rtfuelmix.csv={day}")]
    packed = answer_to(answers, url)
    assert packed is not None
    assert unzipped(packed.body) == ("20260217rtfuelmix.csv", b"a")
    assert answer_to(answers, url.replace("202602", "202603")) is None
