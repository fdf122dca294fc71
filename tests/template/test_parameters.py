"""Every parameter is explained where it is declared, and can be set as PARAMETERS.md says."""

import re
import tomllib

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.template.conftest import ROOT, Expanded

MONITORING = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())
DOCUMENT = (ROOT / "infra/docs/PARAMETERS.md").read_text()
SAM = tomllib.loads((ROOT / "samconfig.toml").read_text())


def names(table: str) -> set[str]:
    """Return the names in the first column of a table in the document."""
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_the_document_lists_every_parameter_with_its_default_and_its_meaning(
    template: Expanded,
) -> None:
    _, _, after = DOCUMENT.partition("## Parameters")
    table = after.partition("\n## ")[0]
    assert names(table) == set(template.source["Parameters"])
    for name, declared in template.source["Parameters"].items():
        default = f"`{declared['Default']}`" if declared["Default"] != "" else "empty"
        (row,) = re.findall(rf"^\| `{name}` \| (.*?) \| (.*) \|$", table, re.MULTILINE)
        assert row == (default, declared["Description"])


def test_every_parameter_is_described(template: Expanded) -> None:
    parameters = template.source["Parameters"] | MONITORING["Parameters"]
    assert [
        name for name, parameter in parameters.items() if not parameter.get("Description")
    ] == []


def test_the_monitoring_stack_receives_every_parameter_that_it_declares(template: Expanded) -> None:
    assert set(template.the("Monitoring")["Parameters"]) == set(MONITORING["Parameters"])


def test_a_budget_is_created_only_when_asked_for(template: Expanded) -> None:
    assert str(template.default("MonthlyBudgetUsd")) == "0"
    assert MONITORING["Resources"]["Budget"]["Condition"] == "HasBudget"


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_a_stage_sets_only_parameters_that_exist(template: Expanded, environment: str) -> None:
    overrides = SAM[environment]["deploy"]["parameters"]["parameter_overrides"]
    assert set(re.findall(r"(\w+)=", overrides)) <= set(template.source["Parameters"])


def test_the_stage_prod_sets_the_parameter_stage_to_prod() -> None:
    assert "Stage=prod" in SAM["prod"]["deploy"]["parameters"]["parameter_overrides"].split()
    assert SAM["prod"]["deploy"]["parameters"]["confirm_changeset"] is True
