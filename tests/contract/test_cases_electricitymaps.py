"""Electricity Maps' answers with known faults: a sandbox's figures, and a gateway's refusals."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.electricitymaps.provider import ElectricityMaps
from greenstream.domain.zones import zones_of
from greenstream.ports.store import ProviderState
from tests.contract.pipeline import Body, Ran, http, ran
from tests.fakes.memory_store import MemoryStore

NOW = datetime(2026, 11, 22, 16, 7, tzinfo=UTC)
FRANCE = "ENTSOE_FR"


def latest(zone: str = "FR", **changes: Any) -> dict[str, Any]:
    stated: dict[str, Any] = {"zone": zone, "carbonIntensity": 31, "isEstimated": True}
    stated |= {"datetime": "2026-11-22T16:00:00.000Z", "updatedAt": "2026-11-22T15:48:12.345Z"}
    stated |= {"emissionFactorType": "direct", "estimationMethod": "TIME_SLICER_AVERAGE"}
    return stated | {"temporalGranularity": "hourly"} | changes


def run(
    answer: Body,
    plan: Body | None = None,
    store: MemoryStore | None = None,
    now: datetime = NOW,
    zones: tuple[str, ...] = ("FR",),
) -> Ran:
    store = store or MemoryStore()
    answers = {"/v3/zones": plan or {zone: {"access": ["*"]} for zone in zones}, "/v3/*": answer}
    provider = ElectricityMaps(
        http=http("electricitymaps", answers),
        wanted=tuple(one for one in zones_of("electricitymaps") if one[1].provider_zone in zones),
        newest=lambda: store.snapshot().readings,
        token=lambda: "a-key",
        hourly_budget=60,
    )
    return ran(provider, store, now)


def assert_unfit(batch: Ran) -> None:
    assert batch.reasons(FRANCE) == {"sandbox"}
    assert batch.status.state is ProviderState.UNCONFIGURED
    assert FRANCE in batch.status.unconfigured_zones
    assert batch.status.last_error is not None
    assert "ELECTRICITYMAPS_TOKEN is the key of a sandbox" in batch.status.last_error


def test_a_sandboxes_figures_are_refused_and_its_key_is_unfit(cases: Path) -> None:
    batch = run((cases / "electricitymaps/M01_sandbox.json").read_bytes())

    assert_unfit(batch)
    assert batch.readings == {}


@pytest.mark.parametrize(
    "change",
    [
        {"estimationMethod": "SANDBOX_MODE_DATA"},
        {"estimationMethod": "SANDBOX_MODE_DATA", "isEstimated": False},
        {"estimationMethod": "sandbox_mode_data", "carbonIntensity": 0},
        {"estimationMethod": "SANDBOX_MODE_DATA", "emissionFactorType": "lifecycle"},
        {"estimationMethod": "SANDBOX_MODE_DATA", "carbonIntensity": None},
        {"_disclaimer": "These are sandbox data. Upgrade your plan."},
        {"sandbox": True},
    ],
)
def test_a_sandbox_is_known_by_whatever_names_it(change: dict[str, Any]) -> None:
    assert_unfit(run(latest(**change)))


def test_a_true_estimate_is_no_sandboxes() -> None:
    batch = run(latest())

    assert batch.refused == ()
    assert batch.gco2_kwh(FRANCE) == 31


def test_a_key_that_became_a_sandboxes_leaves_the_last_true_figure() -> None:
    store = MemoryStore()
    run(latest(), store=store)
    later = NOW + timedelta(hours=1)

    batch = run(
        latest(estimationMethod="SANDBOX_MODE_DATA", carbonIntensity=231), store=store, now=later
    )

    assert_unfit(batch)
    assert batch.gco2_kwh(FRANCE) == 31


def test_no_other_zone_is_asked_with_an_unfit_key() -> None:
    batch = run(latest(estimationMethod="SANDBOX_MODE_DATA"), zones=("FR", "BE", "AT"))

    assert [reason for _, reason in batch.refused] == ["sandbox"]
    assert batch.status.state is ProviderState.UNCONFIGURED


NO_ROUTE = {"message": "no Route matched with those values"}


def assert_permanent(batch: Ran, words: str) -> None:
    assert batch.status.state is ProviderState.FAILED
    assert batch.status.last_error_kind == "permanent"
    assert words in str(batch.status.last_error)
    assert batch.readings == {}


def test_a_path_that_the_gateway_does_not_know_is_permanent_in_its_words(cases: Path) -> None:
    body = (cases / "electricitymaps/M02_no_route.json").read_bytes()

    for plan in (None, httpx.Response(404, content=body)):
        batch = run(httpx.Response(404, content=body), plan)
        assert_permanent(batch, json.loads(body)["message"])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "No API key found in request"),
        (401, "Invalid authentication credentials"),
        (403, "You cannot consume this service"),
        (404, "no Route matched with those values"),
    ],
)
def test_the_gateways_words_are_kept(status: int, words: str) -> None:
    for plan in (None, httpx.Response(status, json={"message": words})):
        assert_permanent(run(httpx.Response(status, json={"message": words}), plan), words)


def test_a_page_with_status_404_is_no_silence_of_a_zone() -> None:
    assert_permanent(run(httpx.Response(404, html="<html>gone</html>")), "text/html")


def test_a_list_of_zones_that_is_gone_leaves_the_figures() -> None:
    assert run(latest(), httpx.Response(404, json=NO_ROUTE)).gco2_kwh(FRANCE) == 31


def test_the_apis_own_404_is_the_silence_of_one_zone() -> None:
    said = {"error": 'No recent data for zone "FR"'}

    batch = run(httpx.Response(404, json=said))

    assert batch.status.last_error_kind == "no_data"
    assert "No recent data" in str(batch.status.last_error)
