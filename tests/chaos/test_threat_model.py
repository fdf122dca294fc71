"""The page about threats names tests and sections that exist."""

import re
from collections.abc import Callable

from infra.local.deploying import ROOT

SUITE = "hardening"
Record = Callable[[str, object], None]


THREATS = (ROOT / "infra/docs/THREATS.md").read_text()


def test_every_claim_of_the_threat_model_names_an_existing_test() -> None:
    claims = re.findall(r"`([\w/.-]+)::([^`]+)`", THREATS)
    assert len(claims) > 40
    for file, name in claims:
        path = ROOT / file if "/" in file else ROOT / "tests/chaos" / file
        kept = f"def {name}(" if file.endswith(".py") else f'("{name}"'
        assert kept in path.read_text(), f"{file} has no {name}"


def test_the_threat_model_links_to_existing_sections_of_the_runbook() -> None:
    runbook = (ROOT / "infra/docs/RUNBOOK.md").read_text()
    sections = {
        line.removeprefix("## ").lower().replace(" ", "-")
        for line in runbook.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"RUNBOOK\.md#([\w-]+)", THREATS)) <= sections
    assert "infra/docs/THREATS.md" in (ROOT / "README.md").read_text()
