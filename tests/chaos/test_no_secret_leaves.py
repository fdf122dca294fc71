"""No token reaches an error, a log line or an artefact."""

import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from greenstream.domain.errors import (
    GreenStreamError,
)
from greenstream.ingest.http import HttpClient
from infra.local.deploying import ROOT
from infra.supply.supply_chain import SECRETS
from tests.chaos.raw_upstream import GZIP, HEAD, MAX_BYTES, answer, speaking

SUITE = "hardening"
Record = Callable[[str, object], None]


CANARY = "MARKED-11111111-2222"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="nothing"),
        pytest.param([b"no HTTP at all\r\n\r\n"], id="not HTTP"),
        pytest.param(answer(b"no", GZIP), id="not gzip"),
        pytest.param(answer(b"x" * MAX_BYTES * 2), id="too large"),
        pytest.param([HEAD + b"Content-Length: 9\r\n\r\n"], id="torn"),
        pytest.param(answer(b"", status="503 Busy"), id="503"),
        pytest.param(answer(b"", status="429 Wait"), id="429"),
        pytest.param(None, id="refused"),
    ],
)
def test_a_token_in_header_or_query_appears_in_no_error_cause_or_log_line(
    caplog: pytest.LogCaptureFixture, pieces: list[bytes] | None
) -> None:
    """ENTSO-E takes its token in either place; httpx would log the whole URL."""
    caplog.set_level("INFO")
    with speaking(lambda: pieces or []) as upstream:
        url = upstream.url
        if pieces is None:
            upstream.close()
        client = HttpClient(
            provider="entsoe", base_url=url, max_bytes=MAX_BYTES, attempts=2, sleep=lambda _: None
        )
        with client as http, pytest.raises(GreenStreamError) as failed:
            http.get("/api", params={"securityToken": CANARY}, headers={"SECURITY_TOKEN": CANARY})
    told = "".join(traceback.format_exception(failed.value)) + caplog.text
    assert CANARY not in told


def test_a_good_answer_to_a_question_with_a_token_logs_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    with speaking(lambda: answer(b"{}")) as upstream:
        client = HttpClient(provider="entsoe", base_url=upstream.url)
        with client as http:
            assert http.get("/api", params={"securityToken": CANARY}).status == 200
    assert CANARY not in caplog.text


SHIPPED = [
    *(ROOT / ".aws-sam/build").glob("*/python/greenstream*"),
    *(ROOT / ".aws-sam/build").glob("*/functions"),
]


@pytest.mark.skipif(not SHIPPED, reason="NOTHING IS BUILT: `make build` first")
def test_what_is_built_holds_no_key_and_no_place_of_the_machine_that_built_it() -> None:
    assert files_with_secrets(SHIPPED) == []


def test_what_the_page_and_the_worker_ship_holds_no_key() -> None:
    worker = ROOT / "infra/worker"
    assert files_with_secrets([worker / "public", worker / "src", worker / "wrangler.jsonc"]) == []


def test_the_search_for_shipped_keys_finds_a_planted_key(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("key = 'AKIA" + "Z7" * 8 + "'")
    (tmp_path / "b.py").write_text(f"# {ROOT}")
    assert len(files_with_secrets([tmp_path])) == 2


def files_with_secrets(places: Iterable[Path]) -> list[str]:
    """Return the files that contain a key or the path of this checkout."""
    files = [
        file
        for place in places
        for file in (place.rglob("*") if place.is_dir() else [place])
        if file.is_file()
    ]
    assert files
    machine = str(ROOT).encode()
    return [
        str(file)
        for file in files
        if machine in (held := file.read_bytes()) or SECRETS.search(held.decode("latin-1"))
    ]
