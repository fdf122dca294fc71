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
    "boto3",  # botocore suffices; boto3 adds S3 transfers and resources
}


def test_a_fresh_interpreter_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import functions.router.app, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {name.partition(".")[0] for name in done.stdout.split()}

    assert "botocore" in imported
    assert imported & HEAVY == set()
