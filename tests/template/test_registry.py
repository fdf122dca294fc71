"""The registry, the functions' folders and the template agree on functions, settings, secrets."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from greenstream.domain.clock import utc_now
from greenstream.ports.provider import ProviderConfig
from greenstream.ports.settings import SettingsError
from infra.local.upstream.providers import PROVIDERS
from infra.local.upstream.wire import Provider as Simulator
from infra.registry import COLLECTORS, FUNCTIONS, Function, parameter_of
from tests.contract.provider_wire import Silent
from tests.template.conftest import ROOT, Expanded
from tests.template.test_template import READ_BY_LIBRARIES, logical, names_read

OF_EVERY_FUNCTION = {"TABLE_NAME", "UPSTREAM", "SECRETS_PREFIX"}


def made(row: Function, environ: dict[str, str]) -> Any:
    """Make a collector's provider with these settings and without secrets."""
    module, _, name = str(row.provider).partition(":")
    config = ProviderConfig(environ=environ, clock=utc_now, telemetry=Silent())
    return getattr(importlib.import_module(module), name).from_config(config)


def test_every_folder_of_functions_has_a_row_in_the_registry() -> None:
    assert {path.parent.name for path in ROOT.glob("functions/*/app.py")} == set(FUNCTIONS)


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_template_passes_a_function_its_settings_and_secrets_from_their_parameters(
    template: Expanded, row: Function
) -> None:
    variables = template.the(logical(row.name))["Environment"]["Variables"]
    own = {
        name: variables[name] for name in variables.keys() - OF_EVERY_FUNCTION - READ_BY_LIBRARIES
    }
    assert own == {name: {"Ref": parameter_of(name)} for name in (*row.settings, *row.secrets)}


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_template_has_the_same_defaults(template: Expanded, row: Function) -> None:
    defaults = {name: str(template.default(parameter_of(name))) for name in row.settings}
    assert defaults == dict(row.settings)
    assert [template.default(parameter_of(name)) for name in row.secrets] == [""] * len(row.secrets)


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_functions_code_reads_its_settings_and_secrets(row: Function) -> None:
    assert names_read(ROOT / "functions" / row.name) == {*row.settings, *row.secrets}


@pytest.mark.parametrize("row", COLLECTORS.values(), ids=COLLECTORS)
class TestACollector:
    def test_has_a_provider_of_its_name_in_its_own_folder(self, row: Function) -> None:
        assert str(row.provider).startswith(f"functions.{row.function}.provider:")
        assert made(row, dict(row.settings)).name == row.name

    def test_names_the_setting_that_it_lacks(self, row: Function) -> None:
        # Without GRIDSTATUS_ZONES all grids are collected.
        for missing in row.settings.keys() - {"GRIDSTATUS_ZONES"}:
            settings = {name: value for name, value in row.settings.items() if name != missing}
            with pytest.raises(SettingsError, match=missing):
                made(row, settings)

    def test_is_simulated(self, row: Function) -> None:
        assert row.simulators


def test_every_simulator_stands_for_a_collector() -> None:
    modules = (importlib.import_module(f"infra.local.upstream.{name}") for name in simulators())
    assert {module.PROVIDER.name for module in modules} == {row.name for row in PROVIDERS}
    assert len(PROVIDERS) == len({row.name for row in PROVIDERS})


def simulators() -> list[str]:
    """Return the modules that define a simulated API."""
    found = []
    for path in Path(ROOT / "infra/local/upstream").glob("[a-z]*.py"):
        module = importlib.import_module(f"infra.local.upstream.{path.stem}")
        if isinstance(getattr(module, "PROVIDER", None), Simulator):
            found.append(path.stem)
    return found


@pytest.mark.parametrize(
    ("variable", "parameter"),
    [
        ("PJM_API_KEY", "PjmApiKey"),
        ("ESO_BASE_URL", "EsoBaseUrl"),
        ("ELECTRICITYMAPS_HOURLY_BUDGET", "ElectricitymapsHourlyBudget"),
    ],
)
def test_a_parameter_is_its_variable_in_camel_case(variable: str, parameter: str) -> None:
    assert parameter_of(variable) == parameter
