"""``greenstream doctor``: check what a deployment needs before anything is built.

The account is the one that the AWS environment variables name. Nothing is changed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.registry import COLLECTORS
from infra.supply.bytecode import VERSION, runtime_python

ROOT: Final = Path(__file__).resolve().parents[2]
"""The repository's folder."""

ANSWER_S: Final = 1.0
"""How long AWS may take to answer one question. A deployment is refused within two seconds."""

PROGRAM_S: Final = 5.0
"""How long a program may take to say its version."""

RESERVED: Final = {"dev": 0, "prod": 50}
"""What ``samconfig.toml`` reserves for the router, in concurrent executions."""

KEPT_UNRESERVED: Final = 100
"""What Lambda keeps unreserved of an account's concurrent executions (AWS Lambda quotas)."""

WRANGLER: Final = (".wrangler/config/default.toml", ".config/.wrangler/config/default.toml")
"""Where ``wrangler login`` stores its token, below the home folder."""

KEYS: Final[Mapping[str, str]] = {
    "gridstatus": (
        "PJM: an account at https://apiportal.pjm.com and there a subscription to the product "
        "(how long this takes is not known here); without it PJM is not read, and every other US "
        "grid is"
    ),
    "watttime": (
        "POST /register of https://docs.watttime.org creates an account at once; without a "
        "subscription it opens CAISO_NORTH alone"
    ),
    "entsoe": (
        'register at https://transparency.entsoe.eu and mail "RESTful API access" to '
        "transparency@entsoe.eu; the answer takes up to three working days, and Energy-Charts "
        "stands in until then"
    ),
    "electricitymaps": (
        "sign up at https://portal.electricitymaps.com (how long this takes is not known here); "
        "the free tier is for one zone and non-commercial use"
    ),
}
"""Where to get the keys of each provider that wants some, and how long it takes."""


class State(StrEnum):
    """How a check ended. Only `MISSING` makes the command fail."""

    OK = "ok"
    NOTE = "note"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a deployment needs, or can do without, and what to do about it."""

    state: State
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.state:8}{self.name:17}{self.text}"


def account(environ: Mapping[str, str], session: boto3.Session) -> Iterator[Check]:
    """Check the credentials, the Region and, where both are set, whose account it is.

    Parameters
    ----------
    environ
        The environment, to say what to set in it.
    session
        Finds the credentials as every AWS tool does.
    """
    profile = environ.get("AWS_PROFILE")
    try:
        credentials = session.get_credentials()
        region = session.region_name
    except BotoCoreError as error:  # a profile that does not exist, a damaged file
        yield Check(State.MISSING, "credentials", str(error))
        return
    if credentials is None:
        yield Check(
            State.MISSING,
            "credentials",
            "no AWS credentials are found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE after `aws configure` or `aws sso login`",
        )
    if region is None:
        yield Check(State.MISSING, "Region", "set AWS_DEFAULT_REGION, for example to eu-west-1")
    if credentials is None or region is None:
        return
    try:
        identity = _client(session, "sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        again = f"`aws sso login --profile {profile}`" if profile else "new credentials"
        yield Check(
            State.MISSING,
            "credentials",
            f"AWS in {region} did not say whose credentials these are ({error}); they may have "
            f"expired ({again}), or AWS cannot be reached from here",
        )
        return
    yield Check(State.OK, "credentials", f"{identity['Arn']}")
    yield Check(State.OK, "Region", region)


def versions(environ: Mapping[str, str]) -> Iterator[Check]:
    """Check the programs that a deployment runs."""
    running = ".".join(map(str, sys.version_info[:3]))
    yield Check(State.OK, "Python", f"{running} runs these commands")
    compiler = runtime_python(environ)
    if compiler is None:
        yield Check(
            State.MISSING,
            "byte code",
            f"no Python {VERSION} is here, which compiles the functions: install one, or name it "
            f"as in RUNTIME_PYTHON=/usr/bin/python{VERSION}",
        )
    else:
        yield Check(State.OK, "byte code", f"{compiler} compiles the functions")


def quotas(stage: str, session: boto3.Session) -> Iterator[Check]:
    """Check that the account has room for the functions' code and for what a stage reserves."""
    try:
        settings = _client(session, "lambda").get_account_settings()
    except (ClientError, BotoCoreError) as error:
        yield Check(State.NOTE, "quotas", f"Lambda's could not be read: {error}")
        return
    limit, usage = settings["AccountLimit"], settings["AccountUsage"]
    runs, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    reserved = RESERVED.get(stage, 0)
    room = f"{runs} concurrent executions, {free} of them unreserved"
    if reserved and free - reserved < KEPT_UNRESERVED:
        yield Check(
            State.NOTE,
            "quotas",
            f"{room}; {stage} reserves {reserved} for the router, and Lambda keeps "
            f"{KEPT_UNRESERVED} unreserved: unless they are reserved already, ask for a higher "
            "quota in Service Quotas (hours to days), or deploy with RouterReservedConcurrency=-1",
        )
    else:
        yield Check(State.OK, "quotas", room)
    used_gb, most_gb = usage["TotalCodeSize"] / 1e9, limit["TotalCodeSize"] / 1e9
    state = State.OK if used_gb + 1 < most_gb else State.NOTE
    yield Check(state, "code", f"{used_gb:.1f} of {most_gb:.1f} GB of function code are used")


def keys(stage: str, session: boto3.Session | None) -> Iterator[Check]:
    """Check which provider keys a stage has, and say where the others are to be had.

    Without the session of an account it is not known which it has, so all are named.
    """
    ssm = None if session is None else _client(session, "ssm")
    for provider, row in COLLECTORS.items():
        if not row.own_secrets:
            continue
        names = " and ".join(row.own_secrets)
        if ssm is None:
            text = f"{names} (not looked up without an account): {KEYS[provider]}"
            yield Check(State.NOTE, provider, text)
            continue
        paths = [f"/greenstream/{stage}/{provider}/{name}" for name in row.own_secrets]
        try:
            answer = ssm.get_parameters(Names=paths, WithDecryption=False)
        except (ClientError, BotoCoreError) as error:
            yield Check(State.NOTE, "keys", f"Parameter Store could not be read: {error}")
            return
        if not answer["InvalidParameters"]:
            yield Check(State.OK, provider, f"{names} stored for {stage}")
        else:
            yield Check(
                State.NOTE,
                provider,
                f"{names} not stored (`make secrets STAGE={stage}`): {KEYS[provider]}",
            )


def edge(environ: Mapping[str, str], home: Path) -> Iterator[Check]:
    """Check whether wrangler can deploy the Worker, without asking Cloudflare."""
    if environ.get("CLOUDFLARE_API_TOKEN"):
        yield Check(State.OK, "wrangler", "CLOUDFLARE_API_TOKEN is set")
    elif any((home / file).is_file() for file in WRANGLER):
        yield Check(State.OK, "wrangler", "`wrangler login` has stored a token")
    else:
        yield Check(
            State.NOTE,
            "wrangler",
            "not logged in, which only the Worker's deployment needs: `npx wrangler login` in "
            "infra/worker, or CLOUDFLARE_API_TOKEN",
        )
    node = shutil.which("node", path=environ.get("PATH"))
    if node is None:
        text = "not on PATH; `make worker-tools` installs it in .tools/node"
        yield Check(State.NOTE, "Node", text)
    else:
        yield _node(node)


def _node(program: str) -> Check:
    """Check that a Node is one that the Worker's tools run on."""
    least = json.loads((ROOT / "infra/worker/package.json").read_text())["engines"]["node"]
    try:
        version = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True, timeout=PROGRAM_S
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return Check(State.NOTE, "Node", f"{program} does not say its version: {error}")
    if _numbers(version) >= _numbers(least):
        return Check(State.OK, "Node", f"{version.removeprefix('v')} at {program}")
    return Check(
        State.NOTE,
        "Node",
        f"{program} is {version.removeprefix('v')}, and the Worker's tools want {least}: `make "
        "worker-tools` installs one, for PATH=$PWD/.tools/node/bin:$PATH",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def checks(
    stage: str, environ: Mapping[str, str], session: boto3.Session, home: Path, *, brief: bool
) -> Iterator[Check]:
    """Check what a stage's deployment needs.

    Parameters
    ----------
    brief
        Whether only that is checked without which a deployment fails.
    """
    known = list(account(environ, session))
    yield from known
    yield from versions(environ)
    if brief:
        return
    if all(check.state is State.OK for check in known):
        yield from quotas(stage, session)
        yield from keys(stage, session)
    else:
        yield from keys(stage, None)
    yield from edge(environ, home)


def _client(session: boto3.Session, service: Any) -> Any:  # noqa: ANN401 - no common type
    limits = Config(
        connect_timeout=ANSWER_S, read_timeout=ANSWER_S, retries={"total_max_attempts": 1}
    )
    return session.client(service, config=limits)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    doctor = commands.add_parser("doctor")
    doctor.add_argument("--stage", default="dev", help="dev or prod (default: dev)")
    doctor.add_argument(
        "--brief", action="store_true", help="check only that without which a deployment fails"
    )
    doctor.set_defaults(do=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    try:
        session = boto3.Session()
    except BotoCoreError as error:  # AWS_PROFILE names a profile that does not exist
        print(Check(State.MISSING, "credentials", str(error)))
        return 1
    missing = 0
    for check in checks(arguments.stage, os.environ, session, Path.home(), brief=arguments.brief):
        print(check, flush=True)
        missing += check.state is State.MISSING
    return int(missing > 0)
