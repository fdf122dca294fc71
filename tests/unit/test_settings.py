"""A missing setting is refused by name; a secret comes from the environment or the store."""

import pytest

from greenstream.aws.settings import Settings, secret
from greenstream.ports.settings import SettingsError, required, required_count


class Parameters:
    """A parameter store that records which names were requested."""

    def __init__(self, **values: str) -> None:
        self.values = {f"/greenstream/dev/p/{name}": value for name, value in values.items()}
        self.asked: list[str] = []

    def get(self, name: str) -> str | None:
        self.asked.append(name)
        return self.values.get(name)


SETTINGS = Settings(table_name="t", simulated=False, secrets_prefix="/greenstream/dev")


def test_a_missing_table_is_named() -> None:
    with pytest.raises(SettingsError, match="TABLE_NAME"):
        Settings.from_env({})


def test_upstream_is_live_unless_it_is_set_to_simulated() -> None:
    assert Settings.from_env({"TABLE_NAME": "t"}).simulated is False
    assert Settings.from_env({"TABLE_NAME": "t", "UPSTREAM": "simulated"}).simulated is True
    with pytest.raises(SettingsError, match="UPSTREAM"):
        Settings.from_env({"TABLE_NAME": "t", "UPSTREAM": "fake"})


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_setting_is_missing(value: str | None) -> None:
    with pytest.raises(SettingsError, match="ESO_BASE_URL"):
        required("ESO_BASE_URL", {} if value is None else {"ESO_BASE_URL": value})


def test_a_count_is_a_whole_number_above_zero() -> None:
    assert required_count("BUDGET", {"BUDGET": "25"}) == 25


@pytest.mark.parametrize("value", ["0", "-3", "many", "2.5", "\N{SUPERSCRIPT TWO}", ""])
def test_any_other_value_is_refused_as_a_count(value: str) -> None:
    with pytest.raises(SettingsError, match="BUDGET"):
        required_count("BUDGET", {"BUDGET": value})


def test_the_environment_takes_precedence_and_the_store_is_not_asked() -> None:
    store = Parameters(KEY="stored")
    assert secret("p", "KEY", SETTINGS, store, {"KEY": "local"}) == "local"
    assert store.asked == []


def test_the_store_is_asked_by_stage_provider_and_name() -> None:
    assert secret("p", "KEY", SETTINGS, Parameters(KEY="stored"), {}) == "stored"


def test_no_secret_anywhere_is_unconfigured_not_an_error() -> None:
    assert secret("p", "KEY", SETTINGS, Parameters(), {}) is None
    nowhere = Settings(table_name="t", simulated=False, secrets_prefix="")
    assert secret("p", "KEY", nowhere, Parameters(KEY="stored"), {}) is None
