"""The deployed stack on this machine, from `greenstream run` to Ctrl-C, with IAM enforced."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from greenstream.domain.clock import utc_now
from infra.local.deploying import ROOT
from infra.local.processes import Child
from infra.local.stack import LocalStack, Stack
from tests.ending import a_local_stack

T = TypeVar("T")

START_WITHIN_S = 240  # enough for a cold package cache and two busy cores
SCHEDULE_WITHIN_S = 150  # the rate is one minute; the emulator checks schedules every ten seconds
BOARDS = frozenset({"CURRENT", "SPARE"})  # the partitions that the router reads


@dataclass
class Running:
    local: LocalStack
    stack: Stack
    process: subprocess.Popen[str]
    output: Path


def until(what: str, ask: Callable[[], T | None], within_s: float) -> T:
    deadline = time.monotonic() + within_s
    while (found := ask()) is None:
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {within_s:.0f} s")
        time.sleep(0.5)
    return found


@contextmanager
def started(folder: Path) -> Iterator[Running]:
    """Start a stack in the foreground, and stop it after the block."""
    with a_local_stack(folder / "state") as local, run_of(local, folder / "run.txt") as running:
        yield running


@contextmanager
def run_of(local: LocalStack, output: Path) -> Iterator[Running]:
    """Run `greenstream run` for a stack, and end it after the block if it still runs."""
    command = [
        sys.executable,
        "-m",
        "greenstream.cli.main",
        "--state-dir",
        str(local.state_dir),
        "run",
    ]
    with output.open("w") as printed:
        process = subprocess.Popen(
            [*command, "--auth", "iam", "--upstream", "simulated"],
            cwd=ROOT,
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ready() -> Stack | None:
        if process.poll() is not None:
            pytest.fail(f"`greenstream run` ended:\n{output.read_text()}")
        return local.running() if "A visitor in" in output.read_text() else None

    try:
        yield Running(local, until("the stack's start", ready, START_WITHIN_S), process, output)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


@dataclass
class Stacks:
    """Starts the stack that the tests share, and another one after a test has ended it."""

    folders: pytest.TempPathFactory
    contexts: ExitStack
    newest: Running | None = None
    starts: bool = False

    def running(self) -> Running:
        if self.newest is None or self.newest.process.poll() is not None:
            assert not self.starts, "an earlier start of the stack has failed"
            self.starts = True
            folder = self.folders.mktemp("stack")
            self.newest = self.contexts.enter_context(started(folder))
            self.starts = False
        return self.newest


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with ExitStack() as contexts:
        yield Stacks(tmp_path_factory, contexts)


@pytest.fixture
def running(stacks: Stacks) -> Running:
    return stacks.running()


def no_one_in(child: Child) -> bool | None:
    """Return true once no process is left in the process group of a child, otherwise ``None``."""
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return True
    return None


def rungs(stack: Stack) -> dict[str, str]:
    return {zone["zone"]: zone["rung"] for zone in stack.get("/v1/zones")["zones"]}


def rungs_of_both_collectors(stack: Stack) -> set[str]:
    by_zone = rungs(stack)
    return {by_zone[zone] for zone in ("CAISO_NORTH", "NYISO", "GBR-13", "GBR")}


def keys_of_the_boards(stack: Stack) -> list[dict[str, Any]]:
    """Return the keys of the items that hold the newest readings and the providers' states."""
    pages = (
        stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=stack.table, ProjectionExpression="pk, sk")
    )
    keys = [item for page in pages for item in page["Items"]]
    boards = [key for key in keys if key["pk"]["S"] in BOARDS]
    assert boards
    return boards


class TestTheRouter:
    def test_refuses_every_request_without_a_signature(self, running: Running) -> None:
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"{running.stack.router_url}/v1/zones").status_code == 403

    def test_says_in_every_answer_that_the_data_are_simulated(self, running: Running) -> None:
        assert running.stack.get("/v1/zones")["simulated"] is True
        assert running.stack.get("/v1/route?pops=lon,nyc")["simulated"] is True

    def test_gives_prometheus_its_figures_for_a_signature_alone(self, running: Running) -> None:
        stack = running.stack
        request = AWSRequest("GET", f"{stack.router_url}/metrics")
        key = Credentials(stack.access_key_id, stack.secret_access_key)
        SigV4Auth(key, "lambda", stack.region).add_auth(request)
        with httpx.Client(trust_env=False) as client:
            assert client.get(str(request.url)).status_code == 403
            answer = client.get(str(request.url), headers=dict(request.headers.items()))

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "\ngreenstream_store_up 1\n" in answer.text
        assert re.search(
            r'^greenstream_zone_age_seconds\{zone="NYISO"\} \d+$', answer.text, re.MULTILINE
        )
        assert re.search(
            r'^greenstream_pop_adjusted_gco2_kwh\{pop="sfo",.*\} \d', answer.text, re.MULTILINE
        )

    def test_has_live_readings_of_both_collectors(self, running: Running) -> None:
        assert rungs_of_both_collectors(running.stack) == {"live"}


class TestAPageOfAnotherOrigin:
    """Requests as the developer's browser would send them for a page of any other site."""

    ELSEWHERE = MappingProxyType({"Origin": "http://pages.example"})

    def test_reaches_neither_the_emulated_aws_nor_the_router(self, running: Running) -> None:
        stack = running.stack
        bare = f"http://{urlsplit(stack.endpoint_url).netloc}"
        with httpx.Client(trust_env=False) as client:
            for url in (bare, f"{bare}/2015-03-31/functions/", f"{stack.router_url}/v1/zones"):
                for method in ("GET", "POST", "OPTIONS"):
                    answer = client.request(method, url, headers=self.ELSEWHERE)
                    assert answer.status_code == 403
                    assert not [name for name in answer.headers if name.startswith("access-")]

    def test_does_not_read_the_status_page(self, running: Running) -> None:
        with httpx.Client(trust_env=False) as client:
            for url in (running.stack.page_url, f"{running.stack.page_url}api/v1/zones"):
                assert client.get(url, headers=self.ELSEWHERE).status_code == 403
                assert client.get(url).status_code == 200

    def test_the_file_with_the_keys_is_readable_only_by_its_owner(self, running: Running) -> None:
        assert stat.S_IMODE(running.local.record.stat().st_mode) == 0o600


class TestTheTerminal:
    def test_shows_zones_decision_and_that_data_are_simulated(self, running: Running) -> None:
        shown = running.output.read_text()
        assert "SIMULATED data" in shown
        assert running.stack.router_url in shown
        pops = next(i for i, line in enumerate(shown.splitlines()) if line.startswith("POP "))
        listed = [line.split()[:2] for line in shown.splitlines()[pops + 1 : pops + 7]]
        assert listed[2:] == [
            ["iad", "PJM"], ["nyc", "NYISO"], ["lon", "GBR-13"], ["ams", "ENTSOE_NL"],
        ]  # fmt: skip
        assert "A visitor in " in shown
        assert "instead of" in shown or "no saving" in shown
        assert "\nEurope " in shown
        assert "\033" not in shown

    def test_invoking_a_function_shows_its_answer_and_what_it_stored(
        self, running: Running
    ) -> None:
        state = ["--state-dir", str(running.local.state_dir)]
        invoked = subprocess.run(
            [sys.executable, "-m", "greenstream.cli.main", *state, "invoke", "eso"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert '"provider": "eso"' in invoked
        assert "GBR-13" in invoked


class TestASchedule:
    def test_fires_and_the_routers_answer_changes(self, running: Running) -> None:
        stack = running.stack
        for key in keys_of_the_boards(stack):
            stack.client("dynamodb").delete_item(TableName=stack.table, Key=key)
        began = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"

        def all_known_again() -> bool | None:
            states = stack.get("/v1/providers")["providers"]
            runs = {state["provider"]: state.get("last_run_at") or "" for state in states}
            again = all(runs.get(provider, "") > began for provider in ("eso", "gridstatus"))
            return (again and rungs_of_both_collectors(stack) == {"live"}) or None

        until("a run and a reading of each schedule", all_known_again, SCHEDULE_WITHIN_S)


class TestCtrlC:
    def test_ends_everything_it_started_and_says_so(self, running: Running) -> None:
        children = running.local.children.all()
        assert {child.name for child in children} == {"ministack", "upstream", "page"}
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=30) == 0
        for child in children:
            until(f"the end of {child.name}'s processes", partial(no_one_in, child), 10)
        assert running.local.running() is None
        assert not (running.local.state_dir / "emulator").exists()
        assert "page, ministack, upstream" in running.output.read_text()
