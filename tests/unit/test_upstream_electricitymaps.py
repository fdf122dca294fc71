"""The simulated Electricity Maps has the timestamps, plans and refusals of the real service."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.upstream import electricitymaps
from infra.local.upstream.electricitymaps import Account
from infra.local.upstream.wire import Answer, Request

NOW = datetime(2026, 2, 5, 20, 30, tzinfo=UTC)


def get(path: str = electricitymaps.LATEST, key: str = "key", **query: str) -> Answer:
    return Account().answer(Request("GET", path, query, {"auth-token": key}), NOW)


def latest(zone: str, **query: str) -> Any:
    answer = get(zone=zone, **query)
    assert answer.status == 200
    return json.loads(answer.body)


def test_the_latest_hour_is_not_over_and_was_updated_before_it_began() -> None:
    document = latest("FR")
    assert document["datetime"] == "2026-02-05T20:00:00.000Z"
    assert document["updatedAt"] == "2026-02-05T19:47:02.000Z"
    assert document["isEstimated"] is True


def test_direct_is_below_lifecycle() -> None:
    for zone in electricitymaps.MEAN_GCO2_KWH:
        direct = latest(zone, emissionFactorType="direct")
        lifecycle = latest(zone)
        assert lifecycle["emissionFactorType"] == "lifecycle"
        assert 0 <= direct["carbonIntensity"] < lifecycle["carbonIntensity"] < 1000


def test_an_unknown_zone_is_answered_for_the_callers_address_unless_that_is_disabled() -> None:
    assert latest("XX")["zone"] == "IE"
    answer = get(zone="XX", disableCallerLookup="true")
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": 'No recent data for zone "XX"'}


@pytest.mark.parametrize("key", ["", "refused"])
def test_a_bad_key_is_refused(key: str) -> None:
    answer = get(key=key, zone="FR")
    assert answer.status == 401
    assert json.loads(answer.body) == {"error": "Invalid auth-token"}


def test_a_plan_of_one_zone_refuses_the_others_and_lists_them_without_rights() -> None:
    answer = get(key="only-GB", zone="FR")
    assert answer.status == 401
    assert "zoneKey=FR" in json.loads(answer.body)["error"]
    assert get(key="only-GB", zone="GB").status == 200
    rows = json.loads(get(electricitymaps.ZONES, key="only-GB").body)
    assert [zone for zone, row in rows.items() if row["access"]] == ["GB"]


def test_without_estimates_there_is_nothing() -> None:
    assert get(zone="FR", disableEstimations="true").status == 404


def test_an_unknown_basis_is_refused() -> None:
    assert get(zone="FR", emissionFactorType="marginal").status == 400


def test_a_key_is_good_for_thirty_requests_an_hour() -> None:
    account = Account()
    request = Request("GET", electricitymaps.LATEST, {"zone": "FR"}, {"auth-token": "key"})
    other = Request("GET", electricitymaps.LATEST, {"zone": "FR"}, {"auth-token": "other"})
    assert [account.answer(request, NOW).status for _ in range(31)] == [200] * 30 + [429]
    assert account.answer(other, NOW).status == 200
    assert account.answer(request, NOW + timedelta(hours=1)).status == 200


def test_faults_change_an_intensity_and_leave_the_list_of_zones() -> None:
    body = get(zone="FR", emissionFactorType="direct").body.decode()
    zones = get(electricitymaps.ZONES).body.decode()
    for fault in electricitymaps.PROVIDER.payload_faults.values():
        assert json.loads(fault(body, {})) != json.loads(body)
        assert json.loads(fault(zones, {})) == json.loads(zones)


@pytest.mark.parametrize(
    "name",
    ["v3_latest_BE_2024-11-28_no_token", "v3_latest_US-MIDW-MISO_direct_2024-09-27"],
)
def test_the_latest_hour_has_the_recorded_fields_in_their_order(
    recordings: Path, name: str
) -> None:
    real = json.loads((recordings / f"electricitymaps/{name}.json").read_bytes())
    ours = latest("FR", emissionFactorType=real["emissionFactorType"])
    assert [*ours] == [*real]
    assert [type(value) for value in ours.values()] == [type(value) for value in real.values()]
    assert len(ours["datetime"]) == len(real["datetime"])


def test_refusals_have_the_recorded_bodies(recordings: Path) -> None:
    def recorded(name: str) -> Any:
        return json.loads((recordings / f"electricitymaps/{name}.json").read_bytes())

    assert json.loads(get(key="").body) == recorded("v3_error_401_invalid_token")
    silent = json.loads(get(zone="US-MIDA-PJM", disableEstimations="true").body)
    assert silent == {
        "error": recorded("v3_error_404_no_recent_data")["error"].replace(
            "US-MIDW-MISO", "US-MIDA-PJM"
        )
    }
