"""The files that a local stack writes to its folder, and how the stack is stopped."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from greenstream.cli.main import main
from infra.local.processes import Children, StackError, end_session, write_whole
from infra.local.stack import LocalStack

RECORD = {
    "router_url": "http://127.0.0.1:1/router",
    "table": "readings",
    "region": "eu-west-1",
    "endpoint_url": "http://127.0.0.1:1/secret",
    "access_key_id": "AKIAOFTHISSTACK",
    "secret_access_key": "signs",
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


@pytest.mark.parametrize("damaged", ["", '{"router_url": "http:', "[]", "null"])
def test_a_damaged_record_is_of_no_running_stack(damaged: str, tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(damaged)
    assert LocalStack(tmp_path).running() is None


@pytest.mark.parametrize("damaged", ["", '[{"name": "page", "p', "[1]", '[{"pid": 1}]'])
def test_a_damaged_list_of_processes_is_named_and_down_sets_it_aside(
    damaged: str, tmp_path: Path
) -> None:
    local, children = recorded(tmp_path, RECORD), tmp_path / "children.json"
    children.write_text(damaged)
    with pytest.raises(StackError, match=r"children\.json is damaged"):
        local.running()
    (tmp_path / "emulator").mkdir()
    with pytest.raises(StackError, match=r"children\.json is damaged.*children\.json\.damaged"):
        local.down()
    assert {path.name for path in tmp_path.iterdir()} == {"children.json.damaged", "lock"}
    assert (tmp_path / "children.json.damaged").read_text() == damaged
    assert local.down() == []


def test_a_record_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    write_whole(record, {"well": 1})
    with pytest.raises(TypeError):
        write_whole(record, {"well": 2, "ill": object()})
    assert json.loads(record.read_text()) == {"well": 1}
    assert list(tmp_path.iterdir()) == [record]


@pytest.mark.parametrize("below", ["", "state"])
@pytest.mark.parametrize("command", ["up", "run", "down", "invoke eso"])
def test_a_folder_that_cannot_be_is_refused_in_a_line(
    command: str,
    below: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / below)
    monkeypatch.setattr(sys, "argv", ["greenstream", "--state-dir", folder, *command.split()])
    assert main() == 2
    assert capsys.readouterr().err.strip().startswith(f"greenstream: {folder} cannot be a folder: ")


def test_sizes_of_what_was_not_built_are_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["greenstream", "size", str(tmp_path / "none")])
    assert main() == 1
    said = capsys.readouterr().err.strip()
    assert said == f"greenstream: {tmp_path / 'none'} holds no build: run `make build` first"


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
