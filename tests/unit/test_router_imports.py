"""The router imports no heavy package, because every import lengthens a cold start."""

import subprocess
import sys

HEAVY = {
    "pydantic",
    "httpx",
    "gridstatus",
    "lxml",
    "pandas",
    "numpy",
    "xmltodict",
    "requests",
    "boto3",  # botocore.auth suffices: see ADR 17
}
CLIENT_OF_BOTOCORE = ("botocore.client", "botocore.loaders", "botocore.session")


def test_a_fresh_interpreter_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import functions.router.app, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(done.stdout.split())

    assert "botocore.auth" in modules
    assert modules.isdisjoint(CLIENT_OF_BOTOCORE)
    assert {name.partition(".")[0] for name in modules}.isdisjoint(HEAVY)
