"""``route``, ``window`` and ``zones`` ask a router over HTTP, here on the loopback address."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenstream.cli import asking, repository
from greenstream.cli.asking import BY_MEANS
from greenstream.cli.main import main
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Answer, Client
from tests.served_router import ServedRouter


def run(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    """Run a command, and return its exit code and its output."""
    code = main(["--state-dir", str(folder), *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def router() -> ServedRouter:
    return ServedRouter(Client(MemoryStore()))


@pytest.fixture
def url(router: ServedRouter) -> Iterator[str]:
    with router.serving() as address:
        yield address


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no credentials of this machine be found."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def test_a_named_router_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str
) -> None:
    code, out, _ = run(
        capsys, tmp_path, "route", "--url", url, "--pops", "LHR,ams", "--allow", "GB"
    )

    assert code == 0
    assert BY_MEANS not in out
    assert out.splitlines()[-1].split()[:2] == ["lhr", "GBR-13"]


def test_the_refusal_of_a_named_router_is_shown_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str
) -> None:
    code, _, err = run(capsys, tmp_path, "route", "--url", url, "--pops", "sydny")
    assert (code, "pops: does not know sydny" in err) == (1, True)


def test_a_router_that_is_not_there_is_said_to_be_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = run(capsys, tmp_path, "route", "--url", "http://127.0.0.1:1")
    said = "greenstream: the router at http://127.0.0.1:1 cannot be asked: Connection refused"
    assert (code, err.strip()) == (1, said)


def test_a_page_that_is_no_router_is_said_to_be_none(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    url: str,
    router: ServedRouter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Page:
        def ask(self, path: str, query: str) -> Answer:
            return Answer(200, {}, f"<!doctype html><title>{path} {query}</title>")

    monkeypatch.setattr(router, "client", Page())
    code, _, err = run(capsys, tmp_path, "route", "--url", url)

    said = f"greenstream: the router at {url} cannot be asked: what it answers is no JSON, so it "
    assert (code, err.strip()) == (1, f"{said}is no router")


def test_a_wheel_asks_the_local_stack_whose_records_it_is_given(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    url: str,
    router: ServedRouter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repository, "ROOT", None)
    monkeypatch.setattr(asking, "ROOT", None)
    (tmp_path / "stack.json").write_text(json.dumps({"router_url": url}))
    code, out, _ = run(capsys, tmp_path, "route", "--pops", "lon", "--json")

    assert (code, json.loads(out)["answered_by"]) == (0, "local stack")
    assert len(router.signatures) == 1


def test_several_zones_for_one_are_named_by_the_tables_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = run(capsys, tmp_path, "zones", "GBR-13,NYISO")

    assert code == 1
    assert "zone: takes one zone, and here are several (GBR-13, NYISO)" in err


@pytest.mark.parametrize("record", ["", "[]", '{"router_url": 5}'])
def test_a_wheel_without_the_record_of_a_stack_answers_by_yearly_means(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: str,
) -> None:
    monkeypatch.setattr(repository, "ROOT", None)
    monkeypatch.setattr(asking, "ROOT", None)
    (tmp_path / "stack.json").write_text(record)

    assert run(capsys, tmp_path, "route")[1].startswith(BY_MEANS)


def test_the_environment_may_name_the_router(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    router: ServedRouter,
    url: str,
) -> None:
    monkeypatch.setenv("GREENSTREAM_URL", f"{url}/")
    for words, path in (
        (("window", "--zones", "GBR-13,NYISO", "--duration", "45m"), "/v1/window"),
        (("zones",), "/v1/zones"),
        (("zones", "NYISO"), "/v1/zones/NYISO"),
    ):
        code, out, _ = run(capsys, tmp_path, *words, "--json")

        answer = json.loads(out)
        assert (code, answer["answered_by"]) == (0, "router")
        assert answer.keys() >= router.client.ask(path).body.keys()
    assert len(router.signatures) == 3


def test_a_router_that_wants_a_signature_gets_it_and_others_do_not(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    router: ServedRouter,
    url: str,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    assert run(capsys, tmp_path, "window", "--url", url, "--from", "new york")[0] == 0
    assert router.signatures == [""]

    router.needs_signature = True
    assert run(capsys, tmp_path, "window", "--url", url, "--from", "new york")[0] == 0
    signature = router.signatures[-1]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/lambda/aws4_request" in signature


def test_without_credentials_it_is_said_what_a_signature_needs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, router: ServedRouter, url: str
) -> None:
    router.needs_signature = True
    code, out, err = run(capsys, tmp_path, "zones", "--url", url)

    assert (code, out) == (1, "")
    assert "the router takes signed requests only, and no AWS credentials are set" in err
