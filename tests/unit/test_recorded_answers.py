"""Every answer of the HTTP API equals the recorded answer byte for byte.

The recorded answers are in ``tests/unit/answers``, one file for each group of routes. An answer
begins with a line of ``###``, the name of its world and its request. Its status, its headers and
its body follow. A line break is inserted before each ``{`` of a body, so that a change shows as
one changed line; joining the lines gives the original body. The worlds, which are the contents of
the store that the requests meet, are in ``tests/recorded_world.py``.

When a change of behaviour is intended, record the answers again, read the difference, and commit
the answers together with the change::

    RECORD_ANSWERS=1 .venv/bin/pytest -n 0 tests/unit/test_recorded_answers.py
    git diff tests/unit/answers
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from tests.recorded_world import WORLDS

FOLDER: Final = Path(__file__).parent / "answers"
BEGINNING: Final = "### "
SHOWN_CHARS: Final = 300
"""The number of characters of a differing line that the failure message shows."""

DIGESTED: Final = "/openapi.json"
"""The path whose body is recorded as a digest, because the repository contains the document."""


@dataclass(frozen=True)
class Question:
    """A request in a world; ``note`` describes what the request line does not show."""

    world: str
    target: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    is_base64: bool = False
    note: str = ""

    @property
    def title(self) -> str:
        return f"{self.world}: {self.method} {self.target}{self.note and f' ({self.note})'}"

    def event(self) -> dict[str, Any]:
        """Return the request as a Function URL sends it."""
        path, _, query = self.target.partition("?")
        return {
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"x-correlation-id": "recorded", **self.headers},
            "requestContext": {"http": {"method": self.method}},
            "body": self.body,
            "isBase64Encoded": self.is_base64,
        }


def gets(world: str, path: str, *queries: str) -> tuple[Question, ...]:
    return tuple(Question(world, f"{path}?{query}" if query else path) for query in queries)


def post(body: object, note: str, **changes: Any) -> Question:
    """Return a request that reports round trips; a body that is not text is written as JSON."""
    fields: dict[str, Any] = {
        "world": "rich",
        "target": "/v1/latency",
        "headers": {"content-type": "application/json"},
    }
    text = body if isinstance(body, str) else json.dumps(body)
    return Question(method="POST", body=text, note=note, **fields | changes)


def samples(*changes: Mapping[str, object]) -> dict[str, object]:
    return {"samples": [{"colo": "SJC", "pop": "sfo", "rtt_ms": 12.3, **each} for each in changes]}


AMSTERDAM: Final = "lat=52.37&lon=4.9"
NEW_YORK: Final = "lat=40.71&lon=-74.01"
EUROPE: Final = "pops=ams,lon,fra,cdg,mad,lis,waw,arn"
ALL_RTT: Final = "rtt=sfo:12,lax:21.5,iad:70,nyc:74,lon:140,ams:150"

QUESTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "route": (
        *gets(
            "rich",
            "/v1/route",
            "",
            AMSTERDAM,
            NEW_YORK,
            f"{NEW_YORK}&max_latency_ms=20",
            f"{NEW_YORK}&max_latency_ms=0",
            ALL_RTT,
            f"{ALL_RTT}&max_latency_ms=200",
            f"{ALL_RTT}&max_latency_ms=5.5",
            "rtt=lon:3",
            "pops=sfo,lax,iad,nyc,lon,ams&rtt=lon:3",
            "colo=SJC",
            "colo=AMS",
            "colo=FRA",
            "colo=lhr",
            f"colo=LHR&{NEW_YORK}",
            "colo=SJC&lat=37.77&lon=-122.42&rtt=nyc:61",
            f"{AMSTERDAM}&signal=auto",
            f"{AMSTERDAM}&signal=average&max_latency_ms=300",
            f"{NEW_YORK}&signal=marginal&max_latency_ms=300",
            f"{NEW_YORK}&signal=any&max_latency_ms=300",
            f"{NEW_YORK}&current=nyc",
            f"{NEW_YORK}&current=iad",
            "pops=lon,man&current=lon&rtt=lon:1,man:6",
            "pops=nyc,buf&current=buf&rtt=nyc:5,buf:9",
            "split=true",
            "pops=LHR,eu-west-2,gcp:asia-southeast1&from=sydney",
            "pops=sydney",
            "pops=lon,ams&allow=EU",
            "allow=JP",
            f"{NEW_YORK}&split=true",
            f"{ALL_RTT}&split=false",
            "pops=iad",
            "pops=iad,nyc",
            "pops=sfo,lax,ewr&signal=marginal",
            "pops=lon,man,edi&lat=51.5&lon=-0.12",
            "pops=fra,ber,ham",
            f"{EUROPE}&lat=48.86&lon=2.35",
            f"{EUROPE}&lat=48.86&lon=2.35&signal=any&split=true&current=arn&max_latency_ms=40",
            f"{EUROPE}&{AMSTERDAM}&rtt=ams:2.04,lon:9.96&colo=AMS",
        ),
        *gets(
            "steered",
            "/v1/route",
            "",
            NEW_YORK,
            f"{ALL_RTT}&current=nyc",
            f"{EUROPE}&{AMSTERDAM}&split=true",
            "colo=SJC&lat=37.77&lon=-122.42&split=true",
        ),
        *gets("empty", "/v1/route", "", AMSTERDAM, "signal=marginal", "signal=marginal&rtt=lon:4"),
        *gets("damaged", "/v1/route", NEW_YORK),
        *gets("unreachable", "/v1/route", NEW_YORK, "colo=AMS&pops=ams"),
        *gets("remembered", "/v1/route", NEW_YORK, "colo=AMS"),
    ),
    "route_refused": gets(
        "rich",
        "/v1/route",
        "pops=",
        "pops=atlantis,sfo",
        "pops=sfo,sfo",
        "pops=<script>",
        "pops=sfo&pops=lax",
        "lat=52",
        "lon=4.9",
        "lat=90.5&lon=nan",
        "rtt=sfo",
        "rtt=sfo:fast",
        "rtt=sfo:1,sfo:2",
        "rtt=atlantis:3",
        "rtt=sfo:60001",
        "rtt=sfo:1,nyc:2&pops=sfo",
        "colo=ZZZ",
        "colo=amz",
        "colo=AMS1",
        "current=atlantis",
        "current=cdg",
        "pops=sfo,lax&current=nyc",
        "max_latency_ms=-1",
        "max_latency_ms=60001",
        "signal=cleanest",
        "split=yes",
        "colour=green",
        "pops=atlantis&lat=91&rtt=x&colo=1&current=y&max_latency_ms=z&signal=q&split=2&extra=3",
    ),
    "window": (
        *gets(
            "rich",
            "/v1/window",
            "",
            "zones=GBR-13",
            "zones=GBR-13,GBR,CAISO_NORTH",
            "zones=GBR-13,ENTSOE_DE_LU",
            "zones=CAISO_NORTH,NYISO,ENTSOE_NL&duration_min=150&within_h=12",
            "zones=GBR-13,GBR&duration_min=1440&within_h=48",
            "zones=NYISO,GBR-13&duration_min=5&within_h=1",
            "zones=ENTSOE_NL",
            "zones=Atlantis",
            "zones=GBR,GBR",
            "duration_min=4",
            "duration_min=7.5",
            "within_h=73",
            "duration_min=120&within_h=1",
            "pops=lon",
        ),
        *gets("empty", "/v1/window", "zones=GBR-13"),
        *gets("unreachable", "/v1/window", "zones=GBR-13,GBR"),
        *gets("remembered", "/v1/window", "zones=GBR-13"),
    ),
    "zones": (
        *gets(
            "rich",
            "/v1/zones",
            "",
            "signal=average&basis=lifecycle",
            "signal=marginal",
            "signal=x&basis=y",
        ),
        *gets("remembered", "/v1/zones", "basis=direct&signal=marginal"),
    ),
    "zone": (
        *gets("rich", "/v1/zones/CAISO_NORTH", ""),
        *gets("rich", "/v1/zones/NYISO", "", "history_h=2"),
        *gets("rich", "/v1/zones/PJM", ""),
        *gets(
            "rich",
            "/v1/zones/GBR-13",
            "history_h=4",
            "history_h=0",
            "history_h=49",
            "history_h=1.5",
            "history_h=all",
            "since=today",
        ),
        *gets("rich", "/v1/zones/GBR-2", ""),
        *gets("rich", "/v1/zones/ENTSOE_NL", ""),
        *gets("rich", "/v1/zones/ENTSOE_DE_LU", ""),
        *gets("rich", "/v1/zones/ENTSOE_ES", ""),
        *gets("rich", "/v1/zones/ENTSOE_PT", ""),
        *gets("rich", "/v1/zones/ENTSOE_SE3", "history_h=48"),
        *gets("rich", "/v1/zones/Atlantis", ""),
        *gets("rich", "/v1/zones/", ""),
        *gets("rich", "/v1/zones/nyiso", ""),
        *gets("steered", "/v1/zones/NYISO", ""),
        *gets("empty", "/v1/zones/NYISO", "history_h=1"),
        *gets("damaged", "/v1/zones/GBR", "history_h=1"),
        *gets("unreachable", "/v1/zones/NYISO", "history_h=1"),
        *gets("remembered", "/v1/zones/GBR", "history_h=3"),
    ),
    "latency": (
        post(samples({}, {"rtt_ms": 14}, {"pop": "lax"}, {"colo": "AMS"}), "four samples"),
        post(
            base64.b64encode(json.dumps(samples({})).encode()).decode(),
            "in base64",
            is_base64=True,
            headers={"content-type": "Application/JSON; charset=utf-8"},
        ),
        post("!", "not base64", is_base64=True),
        post(samples({}), "as text", headers={"content-type": "text/plain"}),
        post(samples({}), "without a type", headers={}),
        post("{", "not JSON"),
        post("[]", "no object"),
        post({}, "no samples"),
        post({"samples": []}, "an empty list"),
        post(samples(*({} for _ in range(101))), "101 samples"),
        post(" " * (16 * 1024 + 1), "too large"),
        post(samples({}, {"rtt_ms": 0.05, "pop": "atlantis", "colo": "sjc"}), "a wrong sample"),
        post(samples({}, {"colo": "AMZ"}), "an unknown colo"),
        post(samples({"ip": "203.0.113.7"}), "a member too many"),
        post('{"samples": [], "samples": []}', "a member twice"),
        post({"samples": [{"colo": "SJC"}]}, "members missing"),
        post(samples({}), "with a parameter", target="/v1/latency?colo=SJC"),
        post(samples({}), "the store is away", world="unreachable"),
    ),
    "others": (
        *gets("rich", "/", "", "x=1"),
        *gets("rich", "/v1/pops", "", "pops=lon"),
        *gets("rich", "/v1/places", "pops=lon"),
        *gets("rich", "/openapi.json", ""),
        *(
            question
            for path in ("/v1/providers", "/v1/policy", "/v1/health")
            for world in WORLDS
            for question in gets(world, path, "")
        ),
        *gets("rich", "/v1/health", "verbose=true"),
        *gets("rich", "/v1", ""),
        *gets("rich", "/v1/route/", ""),
        *gets("rich", "/favicon.ico", ""),
        *gets("rich", "/v1/latency", ""),
        *(
            Question("rich", target, method)
            for method, target in (
                ("HEAD", "/v1/route"),
                ("HEAD", "/v1/health"),
                ("HEAD", "/v1/zones/NYISO"),
                ("HEAD", "/v1/route?split=yes"),
                ("HEAD", "/v2"),
                ("OPTIONS", "/v1/route"),
                ("OPTIONS", "/v1/latency"),
                ("POST", "/v1/route"),
                ("PUT", "/"),
                ("DELETE", "/v1/zones/NYISO"),
                ("get", "/v1/policy"),
            )
        ),
        Question("rich", "/v1/pops", headers={"if-none-match": "*"}, note="has any"),
        Question("rich", "/v1/policy", headers={"if-none-match": "*"}, note="has any"),
        Question("rich", "/v1/route", headers={"if-none-match": 'W/"x"'}, note="has another"),
        Question("rich", "/v1/policy", headers={"x-correlation-id": "a-b.c_9"}, note="an id"),
    ),
}


def as_recorded(question: Question) -> str:
    """Send a request to a newly made world and return the answer in the format of the files."""
    answer = WORLDS[question.world]().send(question.event())
    headers = [f"{name}: {value}" for name, value in sorted(answer.headers.items())]
    return "\n".join([str(answer.status), *headers, "", *_body(question, answer.text)])


def _body(question: Question, text: str) -> list[str]:
    if question.target == DIGESTED:
        return [f"{len(text)} characters of SHA-256 {sha256(text.encode()).hexdigest()}"]
    assert "\n" not in text, "A body that has line breaks cannot be folded at its braces."
    # Before Python 3.13, `http` has the older phrase of status 413, which RFC 9110 changed.
    text = text.replace('"Request Entity Too Large"', '"Content Too Large"')
    return text.replace("{", "\n{").removeprefix("\n").split("\n")


def record(group: str) -> None:
    """Write a group's file from the answers that the router gives now."""
    blocks = [
        f"{BEGINNING}{question.title}\n{as_recorded(question)}\n" for question in QUESTIONS[group]
    ]
    FOLDER.mkdir(exist_ok=True)
    _file(group).write_text("\n".join(blocks), encoding="utf-8")


def _file(group: str) -> Path:
    return FOLDER / f"{group}.txt"


@cache
def recorded(group: str) -> Mapping[str, str]:
    """Return a group's recorded answers by the titles of their requests."""
    if os.environ.get("RECORD_ANSWERS"):
        record(group)
    answers = {}
    for block in ("\n" + _file(group).read_text(encoding="utf-8")).split("\n" + BEGINNING)[1:]:
        title, _, answer = block.partition("\n")
        answers[title] = answer.removesuffix("\n")
    return answers


def difference(before: str, now: str) -> str:
    """Return the first lines that differ, each cut to the text around the first difference.

    An ``ETag`` differs whenever the body differs, so it is shown only if nothing else differs.
    """
    lines = list(unified_diff(before.split("\n"), now.split("\n"), n=0, lineterm=""))[2:]
    lines = [line for line in lines if not line[1:].startswith("ETag: ")] or lines
    gone = [line for line in lines if line.startswith("-")]
    come = [line for line in lines if line.startswith("+")]
    start = max(1, _first_difference(gone, come) - SHOWN_CHARS // 3)
    shown = [f"{line[0]} {line[start : start + SHOWN_CHARS]}" for line in (*gone[:1], *come[:1])]
    return "\n".join([f"{len(gone)} lines (-) became {len(come)} lines (+), at first:", *shown])


def _first_difference(gone: list[str], come: list[str]) -> int:
    """Return the index at which the first lines of both begin to differ, 0 if one is missing."""
    if not gone or not come:
        return 0
    pairs = zip(gone[0][1:], come[0][1:], strict=False)
    return next((place for place, (old, new) in enumerate(pairs, start=1) if old != new), 0)


@pytest.mark.parametrize(
    ("group", "question"),
    [
        pytest.param(group, question, id=question.title)
        for group, questions in QUESTIONS.items()
        for question in questions
    ],
)
def test_an_answer_equals_the_recorded_answer(group: str, question: Question) -> None:
    before = recorded(group).get(question.title)
    if before is None:
        pytest.fail(f"{question.title} has no recorded answer in {_file(group)}")
    now = as_recorded(question)
    if now != before:
        pytest.fail(f"{question.title}\n{difference(before, now)}", pytrace=False)


@pytest.mark.parametrize("group", QUESTIONS)
def test_every_recorded_answer_has_its_question(group: str) -> None:
    assert list(recorded(group)) == [question.title for question in QUESTIONS[group]]


def test_every_recorded_file_has_its_group() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(QUESTIONS)


def test_one_changed_character_far_into_a_long_line_is_shown() -> None:
    before = "200\nETag: 1\n\n" + "x" * 5_000 + '"rung":"live"'

    shown = difference(before, before.replace("live", "life").replace("1", "2"))

    assert '"rung":"live"' in shown
    assert '"rung":"life"' in shown
    assert len(shown) < 3 * SHOWN_CHARS
