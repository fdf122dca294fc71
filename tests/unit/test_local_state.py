"""The files that a local stack writes to its folder, and how the stack is stopped."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from greenstream.cli.main import main
from infra.local import deploying
from infra.local.processes import Child, Children, StackError, end_sessions, stop, write_whole
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


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        '[{"name": "page", "p',
        "[1]",
        '[{"pid": 1}]',
        "{}",
        '[{"name": "page", "pid": "1", "started": "1"}]',
        '[{"name": "page", "pid": 0, "started": null}]',
        '[{"name": "page", "pid": -1, "started": "1"}]',
    ],
)
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
    end_sessions([Child("ended", ended.pid, "")])
    assert ended.returncode == 0


def test_stopping_ends_what_runs_and_forgets_all(tmp_path: Path) -> None:
    children = Children(tmp_path / "children.json")
    for name, code in (("ends", ""), ("runs", "import time; time.sleep(60)")):
        children.start(name, [sys.executable, "-c", code], env={}, log=tmp_path / f"{name}.log")
    ends, runs = children.all()
    os.waitid(os.P_PID, ends.pid, os.WEXITED | os.WNOWAIT)
    assert stop(children) == ["runs"]
    assert not runs.alive()
    assert children.all() == []


class TestAFullDisk:
    """A write fails with ENOSPC, as on `/dev/full`."""

    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: Path, __: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_text", fail)

    @pytest.mark.usefixtures("full")
    def test_leaves_no_process_that_is_not_recorded(self, tmp_path: Path) -> None:
        children, said = Children(tmp_path / "children.json"), tmp_path / "pid"
        code = f"import os, time; open({str(said)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        with pytest.raises(OSError, match=r"No space left on device.*children\.json"):
            children.start("runs", [sys.executable, "-c", code], env={}, log=tmp_path / "log")
        assert children.all() == []
        assert {path.name for path in tmp_path.iterdir()} <= {"log", "pid"}
        if said.exists() and said.read_text():
            with pytest.raises(ProcessLookupError):
                os.kill(int(said.read_text()), 0)

    @pytest.mark.usefixtures("full")
    def test_is_said_in_a_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def start(stack: LocalStack, **_: object) -> None:
            stack.children.start("runs", ["sleep", "60"], env=os.environ, log=tmp_path / "log")

        monkeypatch.setattr(LocalStack, "_start", start)
        state = tmp_path / "state"
        assert main(["--state-dir", str(state), "up"]) == 1
        said = capsys.readouterr().err.strip()
        assert said == (
            f"greenstream: the disk is full: {state / 'children.json'}; free some space first"
        )
        assert {path.name for path in state.iterdir()} == {"lock"}

    def test_is_named_as_the_likely_reason_of_a_failed_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise StackError("eso failed")

        monkeypatch.setattr(LocalStack, "_start", fail)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4_000_000))
        assert main(["--state-dir", str(tmp_path), "up"]) == 1
        said = capsys.readouterr().err.strip()
        assert said == (
            f"greenstream: only 4 MB are free on the disk of {tmp_path}, and a stack needs about "
            "450 MB; free some space first: eso failed"
        )


def test_a_build_that_is_cut_off_is_not_taken_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object, **__: object) -> None:
        (tmp_path / "local/build").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(deploying, "LOCAL_BUILD", tmp_path / "local/build")
    monkeypatch.setattr(deploying, "step", cut_off)
    with pytest.raises(KeyboardInterrupt):
        deploying.build(tmp_path / "log")
    assert list(tmp_path.iterdir()) == []


def group_exists(leader_pid: int) -> bool:
    try:
        os.killpg(leader_pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_reader_of_the_output_does_not_wait_for_a_slow_deletion(tmp_path: Path) -> None:
    slow = tmp_path / "rm"
    slow.write_text('#!/bin/sh\nwhile [ -e "$2" ]; do sleep 0.05; done\n')
    slow.chmod(0o700)
    (tmp_path / "emulator").mkdir()
    code = (
        "import sys; from pathlib import Path; from infra.local import processes; "
        "processes.DELETE_WITHIN_S = 0; processes.delete_folder(Path(sys.argv[1]))"
    )
    try:
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "emulator")],
            cwd=deploying.ROOT,
            env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.defpath}"},
            capture_output=True,
            check=True,
            timeout=20,
        )
    finally:
        for left in tmp_path.glob("*.deleted"):
            left.rmdir()


def test_what_a_leader_has_left_behind_is_ended_too(tmp_path: Path) -> None:
    children, log = Children(tmp_path / "children.json"), tmp_path / "log"
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
    child = children.start("leader", [sys.executable, "-c", code], env=os.environ, log=log)
    os.waitpid(child.pid, 0)
    assert group_exists(child.pid)
    assert stop(children) == []
    deadline = time.monotonic() + 5
    while group_exists(child.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not group_exists(child.pid)
