"""The running simulator with real clients, the real gridstatus library and faults on the wire."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.ending import ended

REPOSITORY = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 30.0
# This is the afternoon of the present day in New York. The library's "today" then has rows at any
# real time, and NESO's half hour has its actual value.
TODAY = datetime.now(ZoneInfo("America/New_York")).replace(hour=15, minute=20, second=0)


@dataclass(frozen=True)
class Simulator:
    """The addresses of a running simulator."""

    base_url: str
    proxy_url: str
    ca_bundle: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, timeout_s: float = 10.0) -> httpx.Response:
        return httpx.get(f"{self.base_url}{path}", timeout=timeout_s, trust_env=False)

    def spoil(self, **fault: object) -> None:
        answer = httpx.post(f"{self.base_url}/faults", json=fault, trust_env=False)
        assert answer.status_code == 201, answer.text


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Simulator]:
    ready, log = folder / "ready.json", folder / "log"
    command = [sys.executable, "-m", "infra.local.upstream", "--port", "0", *options]
    command += ["--ready-file", str(ready), "--ca-dir", str(folder / "ca")]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, stderr=output, start_new_session=True)
    with ended(process):
        deadline = time.monotonic() + START_DEADLINE_S
        while not ready.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        document = json.loads(ready.read_text())
        yield Simulator(
            document["base_url"], document["proxy_url"], document["ca_bundle"], process, log
        )


@pytest.fixture(scope="module")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("upstream"), "--start", TODAY.isoformat()) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Iterator[Simulator]:
    yield shared_simulator
    httpx.delete(f"{shared_simulator.base_url}/faults", trust_env=False)


Ask = Callable[..., dict[str, Any]]
ASK_GRIDSTATUS = """
import json, sys, gridstatus
name, day = sys.argv[1:]
arguments = {"api_key": "simulated"} if name == "PJM" else {}
try:
    mix = getattr(gridstatus, name)(**arguments).get_fuel_mix(day)
except Exception as error:
    print(json.dumps({"error": type(error).__name__}))
else:
    last = mix.iloc[-1]
    fuels = {c: last[c] for c in mix.columns if c not in ("Time", "Interval Start", "Interval End")}
    known = {c: float(mw) for c, mw in fuels.items() if mw == mw}
    print(json.dumps({"rows": len(mix), "time": last["Time"].isoformat(), "mw": known}))
"""


@pytest.fixture
def gridstatus(simulator: Simulator) -> Ask:
    """Run the library in a process of its own, whose environment leads it to the simulator."""

    def ask(name: str, day: str = "today") -> dict[str, Any]:
        environment = {
            "PATH": os.environ["PATH"],
            "HTTP_PROXY": simulator.proxy_url,
            "HTTPS_PROXY": simulator.proxy_url,
            "REQUESTS_CA_BUNDLE": simulator.ca_bundle,
        }
        command = [sys.executable, "-c", ASK_GRIDSTATUS, name, day]
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return document

    return ask


def test_the_library_reads_a_nyiso_day_through_the_proxy(gridstatus: Ask) -> None:
    answer = gridstatus("NYISO", f"{TODAY:%Y-%m-%d}")
    assert len(answer["mw"]) == 7
    assert TODAY - datetime.fromisoformat(answer["time"]) < timedelta(minutes=16)
    assert answer["rows"] > 150


def test_the_library_reads_an_old_nyiso_day_from_the_archive(gridstatus: Ask) -> None:
    old = TODAY - timedelta(days=40)
    answer = gridstatus("NYISO", f"{old:%Y-%m-%d}")
    assert len(answer["mw"]) == 7
    assert answer["rows"] > 270


def test_the_library_reads_caiso_today_over_tls(gridstatus: Ask) -> None:
    answer = gridstatus("CAISO")
    assert answer["mw"]["Natural Gas"] > 1_000
    assert len(answer["mw"]) == 13
    assert answer["rows"] == 12 * 12 + 3


def test_the_library_reads_a_pjm_day_over_tls(gridstatus: Ask) -> None:
    answer = gridstatus("PJM", f"{TODAY:%Y-%m-%d}")
    assert len(answer["mw"]) == 10
    assert timedelta(0) < TODAY - datetime.fromisoformat(answer["time"]) < timedelta(hours=3)


def test_a_half_written_nyiso_stamp_reaches_the_library_as_unknown_fuels(
    simulator: Simulator, gridstatus: Ask
) -> None:
    simulator.spoil(provider="nyiso", fault="half_written")
    assert len(gridstatus("NYISO", f"{TODAY:%Y-%m-%d}")["mw"]) == 3


@pytest.mark.parametrize(("name", "fault"), [("NYISO", "empty"), ("PJM", "html")])
def test_the_library_fails_on_a_damaged_body(
    simulator: Simulator, gridstatus: Ask, name: str, fault: str
) -> None:
    simulator.spoil(provider=name.lower(), fault=fault)
    assert "error" in gridstatus(name, f"{TODAY:%Y-%m-%d}")


def test_neso_answers_under_its_path_and_says_that_it_is_simulated(simulator: Simulator) -> None:
    answer = simulator.get("/eso/intensity")
    assert answer.headers["x-greenstream-simulated"] == "true"
    assert set(answer.json()["data"][0]["intensity"]) == {"forecast", "actual", "index"}


def test_the_front_page_says_that_nothing_is_measured(simulator: Simulator) -> None:
    page = simulator.get("/").json()
    assert page["notice"].startswith("SIMULATED DATA")
    assert {"/eso", "/nyiso", "/caiso", "/pjm"} <= set(page["providers"])


def test_requests_are_counted_by_provider_and_path(simulator: Simulator) -> None:
    def count() -> int:
        seen = simulator.get("/requests").json()
        return int(seen.get("eso", {}).get("/generation", 0))

    before = count()
    simulator.get("/eso/generation")
    assert count() == before + 1


def test_a_host_that_is_not_simulated_is_refused_and_logged(simulator: Simulator) -> None:
    with httpx.Client(proxy=simulator.proxy_url, trust_env=False) as client:
        assert client.get("http://example.com/").status_code == 502
        with pytest.raises(httpx.ProxyError, match="502"):
            client.get("https://example.com/")
    log = simulator.log.read_text()
    assert "refused http://example.com 502" in log
    assert "refused example.com:443 502" in log


def test_statuses_and_headers_reach_the_client_as_often_as_asked(simulator: Simulator) -> None:
    headers = {"Retry-After": "3"}
    simulator.spoil(provider="eso", fault="status", status=429, headers=headers, times=1)
    refused, good = (simulator.get("/eso/intensity") for _ in range(2))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
    assert good.status_code == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", httpx.ReadError),
        ("reset_midway", httpx.ReadError),
        ("truncate", httpx.RemoteProtocolError),
        ("hang", httpx.ReadTimeout),
    ],
)
def test_connection_faults_reach_the_client_as_real_errors(
    simulator: Simulator, fault: str, error: type[httpx.HTTPError]
) -> None:
    simulator.spoil(provider="eso", fault=fault, zone="GBR")
    with pytest.raises(error):
        simulator.get("/eso/intensity", timeout_s=0.5)
    assert simulator.get("/eso/regional/regionid/13").status_code == 200


@pytest.mark.parametrize("fault", ["drip", "drip_head"])
def test_a_dripping_answer_exceeds_every_read_timeout_and_arrives_completely(
    simulator: Simulator, fault: str
) -> None:
    whole = simulator.get("/eso/intensity").json()
    simulator.spoil(provider="eso", fault=fault, delay_s=0.001)
    assert simulator.get("/eso/intensity", timeout_s=0.5).json() == whole


def test_an_unknown_fault_is_refused_with_the_known_ones(simulator: Simulator) -> None:
    fault = {"provider": "eso", "fault": "flood"}
    answer = httpx.post(f"{simulator.base_url}/faults", json=fault, trust_env=False)
    assert answer.status_code == 400
    assert "false_zero" in answer.json()["error"]


def test_the_faults_of_one_provider_can_be_cleared_alone(simulator: Simulator) -> None:
    for provider in ("eso", "pjm"):
        simulator.spoil(provider=provider, fault="empty")
    left = httpx.delete(f"{simulator.base_url}/faults?provider=eso", trust_env=False)
    assert [fault["provider"] for fault in left.json()] == ["pjm"]
    unknown = httpx.delete(f"{simulator.base_url}/faults?provider=nobody", trust_env=False)
    assert unknown.status_code == 400


def test_faults_are_listed_until_they_are_cleared(simulator: Simulator) -> None:
    simulator.spoil(provider="eso", fault="null_actual")
    assert [fault["fault"] for fault in simulator.get("/faults").json()] == ["null_actual"]
    assert simulator.get("/eso/intensity").json()["data"][0]["intensity"]["actual"] is None
    httpx.delete(f"{simulator.base_url}/faults", trust_env=False)
    assert simulator.get("/faults").json() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_simulator_stops_at_once_even_while_an_answer_hangs(
    tmp_path: Path, number: int
) -> None:
    with running(tmp_path) as simulator:
        simulator.spoil(provider="eso", fault="hang")
        with pytest.raises(httpx.ReadTimeout):
            simulator.get("/eso/intensity", timeout_s=0.2)
        with httpx.stream("GET", f"{simulator.base_url}/", trust_env=False):
            simulator.process.send_signal(number)
            assert simulator.process.wait(timeout=10) == 0
    assert "Traceback" not in simulator.log.read_text()


def test_two_starts_give_the_same_answer_for_the_same_time(tmp_path: Path) -> None:
    bodies = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with running(tmp_path / name, "--start", "2026-02-05T20:47Z") as simulator:
            bodies.append(simulator.get("/eso/regional").content)
    assert bodies[0] == bodies[1]
    assert b"2026-02-05T20:00Z" in bodies[0]


def test_time_can_run_faster(tmp_path: Path) -> None:
    options = ("--start", "2026-02-05T20:29Z", "--speed", "3600")
    with running(tmp_path, *options) as simulator:
        first = simulator.get("/eso/intensity").json()["data"][0]["from"]
        deadline = time.monotonic() + START_DEADLINE_S
        while simulator.get("/eso/intensity").json()["data"][0]["from"] == first:
            assert time.monotonic() < deadline
            time.sleep(0.1)
