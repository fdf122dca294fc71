"""Builds the real template for this machine and deploys it with SAM to the emulated AWS."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from infra.local.emulator import Emulator
from infra.local.processes import step
from infra.registry import COLLECTING, COLLECTORS, parameter_of

ROOT = Path(__file__).resolve().parents[2]
# SAM keeps the record of its cache beside the build folder. If it shared the record of the cloud
# build, it would take a stale cache for a fresh one.
LOCAL_BUILD = ROOT / ".aws-sam/local/build"
SAM = (str(ROOT / ".tools/sam/bin/python"), "-P", str(Path(__file__).with_name("sam.py")))
REGION = "eu-west-1"
STACK_NAME = "greenstream-local"
EGRESS = {"GridstatusProxy": "HTTPS_PROXY", "GridstatusCaBundle": "REQUESTS_CA_BUNDLE"}

Upstream = Literal["simulated", "live"]
Auth = Literal["none", "iam"]


def tools(log: Path) -> None:
    """Install what a local stack needs, where it is not installed yet."""
    argv = ["make", "--silent", "-j2", ".tools/sam/.ready", ".tools/ministack/.ready"]
    step("tools", argv, env=_tool_env(), cwd=ROOT, log=log)


def build(log: Path) -> None:
    """Build the template for this machine; what has not changed is taken from the last build."""
    # The emulator runs functions with its own interpreter on this machine, whatever Runtime says.
    version = subprocess.run(
        [ROOT / ".tools/ministack/bin/python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],  # noqa: E501
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    system = "apple-darwin" if platform.system() == "Darwin" else "manylinux_2_28"
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    env = _tool_env() | {"PYTHON_VERSION": version, "PLATFORM": f"{machine}-{system}"}
    argv = [
        *SAM, "build", "--build-dir", str(LOCAL_BUILD),
        "--cache-dir", str(LOCAL_BUILD.with_name("cache")),
    ]  # fmt: skip
    try:
        step("building", argv, env=env, cwd=ROOT, log=log)
    except BaseException:
        # SAM would take what a full disk or a signal has cut off for the whole the next time.
        shutil.rmtree(LOCAL_BUILD.parent, ignore_errors=True)
        raise


def deploy(emulator: Emulator, parameters: Mapping[str, str], log: Path) -> None:
    """Deploy the build to an emulator with values of the template's parameters."""
    # The developer's own AWS_* variables are removed, since they may lead to a real account.
    env = {key: value for key, value in _tool_env().items() if not key.startswith("AWS_")}
    env |= emulator.environment_of_sam(REGION) | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_POLL_DELAY": "0.5",
    }
    argv = [
        *SAM, "deploy",
        "--config-file", str(ROOT / "samconfig.toml"),
        "--template-file", str(LOCAL_BUILD / "template.yaml"),
        "--stack-name", STACK_NAME, "--no-progressbar",
        "--parameter-overrides", # values are quoted, because sam splits them at spaces
        *(f'{name}="{value}"' for name, value in parameters.items()),
    ]  # fmt: skip
    step("deploying", argv, env=env, cwd=ROOT, log=log)


FLOWS_RATE: Final = "rate(5 minutes)"
"""How often `flows` runs here: less often than the others, since a run makes 182 requests. Two runs
and one of `entsoe` within a minute are more than the 400 after which ENTSO-E bans a token."""


def parameters(upstream: Upstream, auth: Auth, simulator: dict[str, str] | None) -> dict[str, str]:
    """Return the values of the template's parameters for a stack on this machine."""
    values = {
        "Stage": "local",
        "RouterAuthType": "AWS_IAM" if auth == "iam" else "NONE",
        "Upstream": upstream,
        **{f"{function.title()}Rate": "rate(1 minute)" for function in COLLECTING},
        "FlowsRate": FLOWS_RATE,
    }
    for variable in (secret for row in COLLECTORS.values() for secret in row.secrets):
        if value := os.environ.get(variable) or ("simulated" if simulator else ""):
            values[parameter_of(variable)] = value
    if simulator:
        return values | {
            **{
                parameter_of(row.base_url): f"{simulator['base_url']}/{row.api}"
                for row in COLLECTORS.values()
                if row.base_url
            },
            "GridstatusProxy": simulator["proxy_url"],
            "GridstatusCaBundle": simulator["ca_bundle"],
        }
    egress = {name: os.environ.get(variable, "") for name, variable in EGRESS.items()}
    return values | {name: value for name, value in egress.items() if value}


def _tool_env() -> dict[str, str]:
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # The flags of `make` would otherwise reach the Makefiles that `sam build` runs.
    inherited = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
    return {**inherited, "PATH": path, "SAM_CLI_TELEMETRY": "0"}
