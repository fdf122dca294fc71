"""No secret is in the output of a run: logs, metrics, errors, answers, items and addresses.

Every function's real handler reads marked secrets from Parameter Store and asks the simulator. The
simulator answers well and fails in many ways, one of which repeats everything that was sent.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from infra.local.ports import HOST
from infra.local.upstream.providers import simulators_of
from infra.registry import COLLECTORS
from tests.integration.engines import dynoxide
from tests.integration.run_handler import FAULTS, PREFIX
from tests.integration.test_upstream import REPOSITORY, Simulator, running

MARK = "MARKED"
ODD = {
    "PJM_API_KEY": "pjm+/=0123",
    "WATTTIME_USERNAME": "user@example.org",
    "WATTTIME_PASSWORD": "pass:w%rd 0123",
}
"""The ends of the marked secrets, which libraries may write in another way."""

SECRETS = {
    name: {secret: f"{MARK}-{ODD.get(secret, '11111111-2222')}" for secret in row.secrets}
    for name, row in COLLECTORS.items()
    if row.own_secrets
}
"""The secrets of each function that has some of its own. `flows` reads entsoe's, and asks nothing
before entsoe has stored mixes: `tests/contract/test_flows.py` searches its errors."""

WATTTIME_TOKEN = re.compile(r"\b[0-9a-f]{8}\.[0-9a-f]{16}\b")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("upstream")) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dynoxide(tmp_path_factory.mktemp("dynoxide")) as address:
        yield address


def left_behind(provider: str, simulator: Simulator, engine: str) -> str:
    """Return everything that a function's runs write."""
    base_url = COLLECTORS[provider].base_url
    proxied = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in {secret for secrets in SECRETS.values() for secret in secrets}
    }
    environment = clean | {
        **COLLECTORS[provider].settings,
        **({base_url: f"{simulator.base_url}/{COLLECTORS[provider].api}"} if base_url else {}),
        **(dict.fromkeys(proxied, simulator.proxy_url) if provider == "gridstatus" else {}),
        "NO_PROXY": f"{HOST},.amazonaws.com",
        "REQUESTS_CA_BUNDLE": simulator.ca_bundle if provider == "gridstatus" else "",
        "SIMULATOR": simulator.base_url,
        "AWS_ENDPOINT_URL_DYNAMODB": engine,
        "TABLE_NAME": f"readings-{provider}",
        "SECRETS_PREFIX": PREFIX,
        "SECRETS_TO_STORE": json.dumps(SECRETS[provider]),
        "UPSTREAM": "simulated",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
    }
    upstreams = [upstream.name for upstream in simulators_of(provider)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.run_handler", provider, *upstreams],
        cwd=REPOSITORY,
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    written = done.stdout + done.stderr
    assert done.returncode == 0, written[-3000:]
    assert written.count("\n== ") + written.startswith("== ") == len(FAULTS)
    return written


def forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret may be written."""
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield base64.b64encode(secret.encode()).decode()


@pytest.mark.parametrize("provider", SECRETS)
def test_no_output_of_a_run_has_a_secret(provider: str, simulator: Simulator, engine: str) -> None:
    written = left_behind(provider, simulator, engine)
    served = simulator.log.read_text()

    assert "holds {" in written, "the good run stored nothing, so there is nothing to search"
    assert "Traceback" in written or '"state": "partial"' in written, "no run failed"
    assert " fault=echo" in served
    secrets = list(SECRETS[provider].values())
    if provider == "watttime":
        secrets.append(":".join(secrets))  # Basic authentication joins them in this way.
    for text in (written, served):
        for secret in secrets:
            for form in forms(secret):
                assert form not in text, around(form, text)
        assert MARK not in text, around(MARK, text)
        if token := WATTTIME_TOKEN.search(text):
            pytest.fail(f"WattTime's token: {around(token[0], text)}")


def around(part: str, text: str) -> str:
    at = text.index(part)
    return text[max(0, at - 400) : at + 200]


def test_the_search_finds_a_secret_in_every_form() -> None:
    for secret in SECRETS["watttime"].values():
        for form in forms(secret):
            assert form in f"a log line with {form} inside"
            assert form
