"""What a local stack leaves in its folder, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from infra.local.processes import Children, end_session
from infra.local.stack import LocalStack

RECORD = {
    "router_url": "http://127.0.0.1:1/router",
    "table": "readings",
    "region": "eu-west-1",
    "endpoint_url": "http://127.0.0.1:1",
    "upstream": "simulated",
    "upstream_url": "http://127.0.0.1:2",
    "auth": "none",
    "functions": {"eso": "greenstream-local-eso"},
    "dead_letter_queue_url": "http://127.0.0.1:1/queue",
    "page_url": "http://127.0.0.1:3/",
}


def recorded(folder: Path, record: Mapping[str, object]) -> LocalStack:
    (folder / "stack.json").write_text(json.dumps(record))
    return LocalStack(folder)


def test_a_record_holds_what_other_programs_ask_for_and_nothing_else(tmp_path: Path) -> None:
    stack = recorded(tmp_path, RECORD).running()
    assert stack is not None
    assert asdict(stack) == RECORD


def test_a_record_of_before_with_more_in_it_is_still_read(tmp_path: Path) -> None:
    stack = recorded(tmp_path, {**RECORD, "pids": {"page": 1}}).running()
    assert stack is not None
    assert stack.table == "readings"


def test_a_record_that_lacks_something_is_of_no_running_stack(tmp_path: Path) -> None:
    lacking = {name: value for name, value in RECORD.items() if name != "page_url"}
    assert recorded(tmp_path, lacking).running() is None


def test_a_session_that_has_ended_by_itself_is_no_failure_of_ending_it() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    ended.wait()
    end_session(ended.pid, lambda: ended.poll() is None)
    assert ended.returncode == 0


def test_stopping_ends_what_runs_and_forgets_all(tmp_path: Path) -> None:
    children = Children(tmp_path / "children.json")
    for name, code in (("ends", ""), ("runs", "import time; time.sleep(60)")):
        children.start(name, [sys.executable, "-c", code], env={}, log=tmp_path / f"{name}.log")
    ends, runs = children.all()
    os.waitid(os.P_PID, ends.pid, os.WEXITED | os.WNOWAIT)
    assert children.stop() == ["runs"]
    assert not runs.alive()
    assert children.all() == []
