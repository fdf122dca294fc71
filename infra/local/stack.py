"""Deploys the real template to an emulated AWS on this machine, with simulated upstreams.

Only addresses and the platform of the build differ from the cloud; the functions run unchanged.
"""

import base64
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from greenstream.aws import dynamodb
from greenstream.aws.dynamodb import DynamoDb, Endpoint, Limits
from greenstream.cli.errors import RefusedError
from greenstream.cli.repository import RECORD
from infra.local.collecting import OF_POPS, collect_once
from infra.local.deploying import (
    REGION,
    ROOT,
    STACK_NAME,
    Auth,
    Upstream,
    build,
    deploy,
    parameters,
    tools,
)
from infra.local.emulator import Emulator
from infra.local.folder import alone
from infra.local.ports import HOST, on_free_port
from infra.local.processes import (
    Children,
    StackError,
    delete_folder,
    say,
    stop,
    wait_for,
    write_whole,
)
from infra.registry import COLLECTING, FUNCTIONS

PREFERRED_PORT = 4566
NEEDED_MB = 450  # the emulator's copies of the functions and layers
PATIENCE_S = 400  # the tuner may run for six minutes
LOG_TAIL_BYTES = 4096  # see LogType in docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
_MAKING = Lock()  # boto3 cannot make two clients at the same time
UPSTREAMS_FAILED = "greenstream.ingest.collect.CollectionFailedError: "


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack, as ``stack.json`` describes it for other programs.

    ``router_url`` and ``endpoint_url`` hold the stack's secret, and the access key is that of the
    emulated AWS's root user.
    """

    router_url: str
    table: str
    region: str
    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    upstream: Upstream
    upstream_url: str | None
    auth: Auth
    functions: Mapping[str, str]
    dead_letter_queue_url: str
    page_url: str

    def client(self, service: Any) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Return an AWS client of the emulator."""
        with _MAKING:
            return boto3.client(
                service,
                endpoint_url=self.endpoint_url,
                region_name=self.region,
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=self.secret_access_key,
                config=Config(
                    proxies={}, read_timeout=PATIENCE_S, retries={"total_max_attempts": 1}
                ),
            )

    def dynamodb(self) -> DynamoDb:
        """Return the project's client of the emulator's tables."""
        key = dynamodb.Credentials(self.access_key_id, self.secret_access_key)
        return DynamoDb(Endpoint(self.endpoint_url, self.region), lambda: key, Limits(attempts=1))

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the router's answer to a path, asked over HTTP and signed if the router wants it.

        Raises
        ------
        StackError
            When the router does not answer, or answers with an error, which the message holds.
        """
        request = AWSRequest("GET", f"{self.router_url}{path}")
        if self.auth == "iam":
            credentials = Credentials(self.access_key_id, self.secret_access_key)
            SigV4Auth(credentials, "lambda", self.region).add_auth(request)
        try:
            with httpx.Client(trust_env=False, timeout=10) as client:
                answer = client.get(str(request.url), headers=dict(request.headers.items()))
        except httpx.TransportError as error:
            raise StackError(f"the router does not answer: {error!r}") from error
        if not answer.is_success:
            message = f"GET {path} answered {answer.status_code}: {answer.text[:500]}"
            if answer.is_client_error and "problem+json" in answer.headers.get("content-type", ""):
                raise RefusedError(message, answer.status_code, answer.text)
            raise StackError(message)
        return answer.json()

    def invoke(self, function: str) -> Any:  # noqa: ANN401 - JSON
        """Invoke a function once and return its answer.

        Raises
        ------
        StackError
            When the function fails; the message holds its error and the end of its log.
        """
        answer = self.client("lambda").invoke(FunctionName=self.functions[function], LogType="Tail")
        payload = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            log = whole_lines(base64.b64decode(answer.get("LogResult", "")))
            raise StackError(f"{function} failed: {json.dumps(payload)}\n{log}")
        return payload


def whole_lines(log_tail: bytes) -> str:
    """Return the end of a log, without its first line if Lambda cut that line at 4 KB.

    Where a collector's run failed because all of its upstreams did, the traceback is left out: the
    lines of the log, which are JSON, name every upstream and its error.
    """
    lines = log_tail.decode(errors="replace").splitlines(keepends=True)
    cut = ["…\n"] if len(log_tail) >= LOG_TAIL_BYTES else []
    lines = lines[len(cut) :]
    if lines and lines[-1].startswith(UPSTREAMS_FAILED):
        lines = [line for line in lines if line.startswith("{")]
    return "".join([*cut, *lines])


@dataclass(frozen=True, slots=True)
class LocalStack:
    """Starts and stops a stack, whose records and logs are in one folder."""

    state_dir: Path

    @property
    def children(self) -> Children:
        """The processes that run for this stack."""
        return Children(self.state_dir / "children.json")

    @property
    def record(self) -> Path:
        """The file that describes the running stack."""
        return self.state_dir / RECORD

    def log(self, name: str) -> Path:
        """Return the path of the log of a step or process."""
        return self.state_dir / f"{name}.log"

    def running(self) -> Stack | None:
        """Return the stack if it was started and all its processes still run."""
        children = self.children.all()
        if not self.record.exists() or not all(child.alive() for child in children):
            return None
        try:
            record = json.loads(self.record.read_text())
            return Stack(**{field.name: record[field.name] for field in fields(Stack)})
        except (KeyError, TypeError, ValueError):  # damaged, or written by an older version
            return None

    @property
    def worker_children(self) -> Children:
        """The processes of the Worker that runs beside this stack."""
        return Children(self.state_dir / "worker-children.json")

    def down(self) -> list[str]:
        """Stop the processes of the stack and of its Worker, and return their names."""
        with alone(self.state_dir):
            return self._stop()

    def _stop(self) -> list[str]:
        try:
            self.record.unlink(missing_ok=True)
            return stop(self.children, self.worker_children)
        finally:
            delete_folder(self.state_dir / "emulator")

    def up(self, *, upstream: Upstream, auth: Auth) -> Stack:
        """Start the stack, or deploy the present code to the running one.

        A running stack with other options is stopped, and a new one is started.

        Raises
        ------
        StackError
            When a step fails; the processes that had been started are stopped again.
        """
        with alone(self.state_dir):
            stack = self.running()
            if stack is None or (stack.upstream, stack.auth) != (upstream, auth):
                self._stop()
            return self._up(upstream=upstream, auth=auth, collected=tuple(COLLECTING))

    @contextmanager
    def joined(self, *, upstream: Upstream, auth: Auth) -> Iterator[tuple[Stack, bool]]:
        """Join the stack that runs, or start one that is stopped when the block ends.

        A stack that is started here has the figures of the six POPs' zones when the block begins.

        Yields
        ------
        tuple of Stack and bool
            The stack, and whether this block has started it.

        Raises
        ------
        StackError
            When a stack with other options runs, or when a step of the start fails.
        """
        started = False
        try:
            with alone(self.state_dir):
                stack = self.running()
                if stack is None:
                    self._stop()  # what is left of a stack that has ended in part
                    started = True
                    stack = self._up(upstream=upstream, auth=auth, collected=OF_POPS)
                elif (stack.upstream, stack.auth) != (upstream, auth):
                    raise StackError(
                        f"a stack with {stack.upstream} upstreams and auth {stack.auth} runs here "
                        f"already: stop it with `greenstream down`, or run this command with "
                        f"UPSTREAM={stack.upstream} AUTH={stack.auth} to join it"
                    )
            yield stack, started
        finally:
            if started:
                say("\nstopping…")
                if stopped := self.down():
                    say(f"stopped {', '.join(stopped)}")

    def _up(self, *, upstream: Upstream, auth: Auth, collected: Collection[str]) -> Stack:
        try:
            stack = self._start(upstream=upstream, auth=auth)
            collect_once(stack, collected)
        except StackError as error:
            scarce = self._scarce_space()  # before the files of the emulator are deleted
            self._stop()
            if scarce:
                raise StackError(f"{scarce}; free some space first: {error}") from error
            raise
        except BaseException:
            self._stop()
            raise
        return stack

    def _scarce_space(self) -> str | None:
        """Return a sentence on the disk where a stack has too little space, if there is one."""
        for folder in (self.state_dir, ROOT):
            free_mb = shutil.disk_usage(folder).free // 1_000_000
            if free_mb < NEEDED_MB:
                return (
                    f"only {free_mb} MB are free on the disk of {folder}, and a stack needs about "
                    f"{NEEDED_MB} MB"
                )
        return None

    def _start(self, *, upstream: Upstream, auth: Auth) -> Stack:
        tools(self.log("tools"))
        simulator = self.simulator() if upstream == "simulated" else None
        emulator = self._emulator(auth)
        with alone(ROOT / ".aws-sam"):  # the stacks of other folders use the same build
            build(self.log("build"))
            deploy(emulator, parameters(upstream, auth, simulator), self.log("deploy"))
        page_url = self._page()
        stack = self._describe(emulator, upstream, auth, simulator, page_url)
        write_whole(self.record, asdict(stack))
        return stack

    def simulator(self) -> dict[str, str]:
        """Start the simulator, unless it runs, and return its addresses."""
        return self._server(
            "upstream", "--port", "0", "--ca-dir", str(self.state_dir / "ca"), what="the simulator"
        )

    def _page(self) -> str:
        """Start the status page's server, unless it runs, and return its address."""
        return self._server("page", str(self.state_dir), what="the status page")["page_url"]

    def _server(self, name: str, *arguments: str, what: str) -> dict[str, str]:
        """Start ``infra.local.<name>`` unless it runs, and return the content of its ready file."""
        ready = self.state_dir / f"{name}.json"
        log = self.log(name)
        if not any(child.name == name for child in self.children.all()):
            ready.unlink(missing_ok=True)
            argv = [str(ROOT / ".venv/bin/python"), "-m", f"infra.local.{name}", *arguments]
            argv += ["--ready-file", str(ready)]
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            child = self.children.start(name, argv, env=env, log=log)
            wait_for(what, ready.exists, child, log=log, within_s=20)
        addresses: dict[str, str] = json.loads(ready.read_text())
        return addresses

    def _emulator(self, auth: Auth) -> Emulator:
        if (stack := self.running()) is not None:
            return Emulator(stack.endpoint_url, stack.access_key_id, stack.secret_access_key)
        return on_free_port(PREFERRED_PORT, partial(self._emulator_on, auth))

    def _emulator_on(self, auth: Auth, port: int) -> Emulator:
        emulator = Emulator.new(HOST, port)
        log = self.log("ministack")
        home = self.state_dir.resolve() / "emulator"
        home.mkdir(exist_ok=True)
        env = emulator.environment(home, REGION, iam=auth == "iam")
        if trust := os.environ.get("SSL_CERT_FILE"):
            env["SSL_CERT_FILE"] = (
                trust  # so that certificates of live upstreams are checked as outside the emulator
            )
        child = self.children.start("ministack", emulator.argv(ROOT / ".tools"), env=env, log=log)
        ready = partial(_healthy, emulator.endpoint_url)
        try:
            wait_for("the emulated AWS", ready, child, log=log, within_s=30)
        except StackError:
            self.children.forget_ended()
            raise
        return emulator

    def _describe(
        self,
        emulator: Emulator,
        upstream: Upstream,
        auth: Auth,
        simulator: dict[str, str] | None,
        page_url: str,
    ) -> Stack:
        bare = Stack(
            "", "", REGION, emulator.endpoint_url, emulator.access_key_id,
            emulator.secret_access_key, upstream,
            simulator["base_url"] if simulator else None, auth, {}, "", page_url,
        )  # fmt: skip
        answer = bare.client("cloudformation").describe_stacks(StackName=STACK_NAME)
        outputs = {o["OutputKey"]: o["OutputValue"] for o in answer["Stacks"][0]["Outputs"]}
        url_id = outputs["RouterUrl"].removeprefix("https://").partition(".")[0]
        return Stack(
            **{
                **asdict(bare),
                "router_url": f"{emulator.endpoint_url}/_aws/lambda-url/{url_id}",
                "table": outputs["TableName"],
                "dead_letter_queue_url": outputs["DeadLetterQueueUrl"],
                "functions": {f: outputs[f"{f.title()}FunctionName"] for f in FUNCTIONS},
            }
        )


def _healthy(endpoint_url: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=2) as client:
            return client.get(f"{endpoint_url}/_ministack/health").is_success
    except httpx.TransportError:
        return False
