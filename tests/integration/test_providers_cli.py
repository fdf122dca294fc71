"""``greenstream providers``: the command runs all providers against its own simulator."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.registry import COLLECTORS

REPOSITORY = Path(__file__).resolve().parents[2]


def checked(**environment: str) -> tuple[int, dict[str, Any], str]:
    """Return the exit code, the rows by provider, and the progress messages."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "greenstream.cli.main", "providers", "--json"]
    command += ["--upstream", "simulated"]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    return done.returncode, {row["provider"]: row for row in document["providers"]}, done.stderr


def test_all_five_providers_pass_without_aws() -> None:
    code, rows, progress = checked()
    assert code == 0, rows
    assert set(rows) == set(COLLECTORS)
    # The table is empty, so that the flows between zones have no mixes to be traced on.
    assert rows.pop("flows")["verdict"] == "waiting"
    for name, row in rows.items():
        assert (row["verdict"], row["configured"], row["reached"]) == ("ok", True, True), row
        assert row["simulated"], "a simulated figure must say so"
        assert row["unit"] == "g/kWh"
        assert 0 <= row["gco2_kwh"] < 1200
        assert row["zones_read"] >= 1
        assert f"{name}: ok" in progress
    assert rows["watttime"]["kind"] == "marginal/direct"


@pytest.mark.parametrize(
    ("environment", "failing", "said"),
    [
        ({"WATTTIME_USERNAME": "refused"}, "watttime", "WATTTIME_USERNAME"),
        ({"ELECTRICITYMAPS_TOKEN": "refused"}, "electricitymaps", "Invalid auth-token"),
        ({"ENTSOE_API_KEY": "bad"}, "entsoe", "the token is refused"),
    ],
)
def test_a_refused_key_fails_the_check_but_no_other_providers_row(
    environment: dict[str, str], failing: str, said: str
) -> None:
    code, rows, _ = checked(**environment)
    assert code == 1
    assert {name for name, row in rows.items() if row["verdict"] == "failed"} == {failing}
    assert rows[failing]["configured"]
    assert said in rows[failing]["reason"]
