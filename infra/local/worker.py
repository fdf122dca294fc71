"""Runs the Cloudflare Worker on this machine, in its real runtime, beside the local stack."""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from greenstream.cli import signals
from greenstream.domain.places import seed_pops
from infra.local import starting
from infra.local.deploying import ROOT, STACK_NAME
from infra.local.ports import HOST, on_free_port
from infra.local.processes import Children, StackError, step, stop, wait_for, write_whole
from infra.local.stack import LocalStack, Stack

WORKER_DIR = ROOT / "infra/worker"
NODE = ROOT / ".tools/node/bin/node"
PREFERRED_PORT = 8787
STATUS_PATH = "/_greenstream/"
CHECK_S = 2.0
VISITOR = {"colo": "EWR", "latitude": "40.71", "longitude": "-74.01", "country": "US"}
"""The place of every visitor, as the Worker sees it: that of the terminal page's question."""


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """Starts and stops the Worker of one stack, whose folder holds the Worker's records as well."""

    state_dir: Path

    @property
    def children(self) -> Children:
        """The processes that run for this Worker."""
        return LocalStack(self.state_dir).worker_children

    @property
    def has_tools(self) -> bool:
        """Whether Node and the Worker's packages are installed."""
        return NODE.exists() and (WORKER_DIR / "node_modules/.ready").exists()

    def url(self) -> str | None:
        """Return the URL of the Worker if it was started and still runs."""
        children = self.children.all()
        if not children or not all(child.alive() for child in children):
            return None
        try:
            return str(json.loads(self._address.read_text())["url"])
        except (OSError, KeyError, ValueError):  # it is starting
            return None

    def start(self, stack: Stack, *, settings: Mapping[str, str] | None = None) -> str:
        """Start the Worker and the origins to which it sends requests, and return its URL.

        Parameters
        ----------
        stack
            The stack whose router the Worker asks. If the router wants signed requests, the Worker
            gets a new access key of the template's user, and older keys are deleted.
        settings
            Values of variables of ``wrangler.jsonc``, by name, to replace those in the file.

        Raises
        ------
        StackError
            When a tool is missing or a process does not start; the started processes are stopped.
        """
        self.stop()
        tools = ["make", "--silent", "worker-tools"]
        step("worker tools", tools, env=os.environ, cwd=ROOT, log=self._log("worker-tools"))
        try:
            return self._start(stack, settings or {})
        except BaseException:
            self.stop()
            raise

    def stop(self) -> list[str]:
        """Stop the processes of the Worker and return their names; there may be none."""
        self._address.unlink(missing_ok=True)
        return stop(self.children)

    def _start(self, stack: Stack, settings: Mapping[str, str]) -> str:
        origins_url = self._origins()
        variables = {
            "ROUTER_URL": stack.router_url,
            "AWS_REGION": stack.region,
            "ORIGINS": json.dumps({pop: f"{origins_url}/{pop}" for pop in seed_pops()}),
            "STATUS_PATH": STATUS_PATH,
            **(caller_key(stack) if stack.auth == "iam" else {}),
            **settings,
        }
        file = self._settings
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
        self._visitor.write_text(json.dumps(VISITOR))
        url = on_free_port(PREFERRED_PORT, self._start_on)
        write_whole(self._address, {"url": url})
        return url

    def _start_on(self, port: int) -> str:
        url = f"http://{HOST}:{port}"
        argv = [
            str(NODE), str(WORKER_DIR / "node_modules/wrangler/bin/wrangler.js"), "dev", "--local",
            "--cwd", str(WORKER_DIR), "--ip", HOST, "--port", str(port), "--inspector-port", "0",
            "--show-interactive-dev-session=false", "--env-file", str(self._settings.resolve()),
            "--persist-to", str((self.state_dir / "worker").resolve()),
        ]  # fmt: skip
        env = {
            "PATH": f"{NODE.parent}:/usr/bin:/bin", "HOME": str(self.state_dir.resolve()),
            "CLOUDFLARE_CF_FETCH_PATH": str(self._visitor.resolve()),
            "WRANGLER_SEND_METRICS": "false", "NO_COLOR": "1",
        }  # fmt: skip
        log = self._log("worker")
        child = self.children.start("worker", argv, env=env, log=log)

        def ready() -> bool:
            """Return whether this Worker answers: that of another checkout may have the port."""
            return f"Ready on {url}" in log.read_text(errors="replace") and _answers(
                url + STATUS_PATH
            )

        try:
            wait_for("the Worker", ready, child, log=log, within_s=60)
        except StackError:
            self.children.forget_ended()
            raise
        return url

    def _origins(self) -> str:
        ready, log = self.state_dir / "origins.json", self._log("origins")
        ready.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "infra.local.origins", "--ready-file", str(ready)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = self.children.start("origins", argv, env=env, log=log)
        wait_for("the origins", ready.exists, child, log=log, within_s=20)
        base_url: str = json.loads(ready.read_text())["base_url"]
        return base_url

    @property
    def _settings(self) -> Path:
        return self.state_dir / "worker.env"

    @property
    def _visitor(self) -> Path:
        return self.state_dir / "visitor.json"

    @property
    def _address(self) -> Path:
        return self.state_dir / "worker.json"

    def _log(self, name: str) -> Path:
        return self.state_dir / f"{name}.log"


def caller_key(stack: Stack) -> dict[str, str]:
    """Return a new access key of the template's user, who may only call the router's URL."""
    described = stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)
    outputs = {o["OutputKey"]: o["OutputValue"] for o in described["Stacks"][0]["Outputs"]}
    iam, user = stack.client("iam"), outputs["RouterCallerName"]
    for old in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=old["AccessKeyId"])
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def _answers(url: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=5) as client:
            return client.get(url).is_success
    except httpx.TransportError:
        return False


def main() -> int:
    """Start the stack unless it runs, run the Worker beside it, and wait for Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, parents=[starting.options()])
    parser.add_argument("--state-dir", type=Path, default=ROOT / ".local")
    arguments = parser.parse_args()
    local, worker = LocalStack(arguments.state_dir), LocalWorker(arguments.state_dir)
    signals.end_on_signals()
    try:
        stack = local.running() or local.up(upstream=arguments.upstream, auth=arguments.auth)
        url = worker.start(stack)
        print(
            f"\nWorker {url}/  status page {url}{STATUS_PATH}  "
            "(Ctrl-C stops the Worker, not the stack)",
            flush=True,
        )
        while worker.url() is not None:
            time.sleep(CHECK_S)
        print("\nthe Worker has ended, for example by `greenstream down`")
    except StackError as error:
        print(f"\nworker: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0  # a signal is how the command is meant to end
    finally:
        worker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
