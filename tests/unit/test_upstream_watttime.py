"""The simulated WattTime has the logins, plan, units and delays of the real service."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from infra.local.upstream import watttime
from infra.local.upstream.watttime import Account, token_at
from infra.local.upstream.wire import Answer, Request

NOW = datetime(2026, 6, 5, 20, 47, tzinfo=UTC)
MOER = {"region": "CAISO_NORTH", "signal_type": "co2_moer"}


def basic(user: str, password: str = "word") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def get(
    path: str,
    authorization: str | None = None,
    now: datetime = NOW,
    query: Mapping[str, str] = MOER,
) -> Answer:
    headers = {"authorization": authorization or f"Bearer {token_at(NOW)}"}
    return Account().answer(Request("GET", path, query, headers), now)


def series(path: str, **query: str) -> Any:
    answer = get(path, query=MOER | query)
    assert answer.status == 200
    return json.loads(answer.body)


def window(hours: float = 3) -> dict[str, str]:
    return {"start": (NOW - timedelta(hours=hours)).isoformat(), "end": NOW.isoformat()}


def test_a_login_gives_a_token_of_half_an_hour() -> None:
    token = json.loads(get("/login", basic("anyone")).body)["token"]
    for minutes, status in ((0, 200), (29, 200), (30, 401), (-1, 401)):
        now = NOW + timedelta(minutes=minutes)
        assert get("/v3/my-access", f"Bearer {token}", now).status == status


@pytest.mark.parametrize("authorization", [basic("refused"), basic(""), "Basic ?", "Bearer x"])
def test_a_bad_login_is_refused_in_html(authorization: str) -> None:
    answer = get("/login", authorization)
    assert (answer.status, answer.content_type) == (403, "text/html")


@pytest.mark.parametrize("token", ["", "zz", "5", f"{token_at(NOW)}0", "ffffffffffffffffff.0"])
def test_an_invented_token_is_refused(token: str) -> None:
    assert get("/v3/my-access", f"Bearer {token}").status == 401


def test_a_free_account_reads_one_region_and_is_refused_the_others() -> None:
    answer = get("/v3/forecast", query=MOER | {"region": "PJM_DC"})
    assert answer.status == 403
    assert "free access to CAISO_NORTH" in json.loads(answer.body)["message"]


def test_history_ends_minutes_ago_and_is_stamped_with_starts() -> None:
    document = series("/v3/historical", **window())
    starts = [datetime.fromisoformat(row["point_time"]) for row in document["data"]]
    assert starts[0] == NOW.replace(hour=17, minute=50)
    assert NOW - starts[-1] >= watttime.HISTORICAL_DELAY
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=5)}
    assert document["meta"]["units"] == "lbs_co2_per_mwh"


def test_imputed_points_are_marked_only_when_asked_for() -> None:
    plain = series("/v3/historical", **window(48))["data"]
    marked = series("/v3/historical", include_imputed_marker="true", **window(48))["data"]
    assert not any("imputed_data_used" in row for row in plain)
    assert {row["imputed_data_used"] for row in marked} == {True, False}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"start": "x", "end": "y"}, 422),
        ({"start": "2026-06-05T00:00", "end": "2026-06-05T01:00"}, 400),
        ({"start": "2026-01-01T00:00Z", "end": "2026-06-05T01:00Z"}, 400),
    ],
)
def test_a_bad_window_is_refused(query: dict[str, str], status: int) -> None:
    assert get("/v3/historical", query=MOER | query).status == status


def test_a_forecast_starts_now_and_drifts_from_what_comes() -> None:
    document = series("/v3/forecast")
    assert len(document["data"]) == 288
    assert document["meta"]["generated_at"] == document["data"][0]["point_time"]
    for row in document["data"]:
        truth = watttime.moer_lb_mwh(datetime.fromisoformat(row["point_time"]))
        assert row["value"] == pytest.approx(truth, rel=0.2, abs=1)
    assert len(series("/v3/forecast", horizon_hours="0")["data"]) == 1


def test_the_rate_is_that_of_a_gas_grid_with_much_sun() -> None:
    day = [watttime.moer_lb_mwh(NOW + timedelta(minutes=5 * step)) for step in range(288)]
    assert min(day) < 450
    assert 850 < max(day) < 1200


def test_the_signal_index_is_a_percentile() -> None:
    document = series("/v3/signal-index")
    assert document["meta"]["units"] == "percentile"
    assert 0 <= document["data"][0]["value"] <= 100


def test_a_hundred_logins_in_five_minutes_are_enough() -> None:
    account = Account()
    login = Request("GET", "/login", {}, {"authorization": basic("anyone")})
    assert [account.answer(login, NOW).status for _ in range(101)] == [200] * 100 + [429]
    assert account.answer(login, NOW + timedelta(minutes=5)).status == 200


def test_faults_change_a_series_and_leave_a_login() -> None:
    login = get("/login", basic("anyone")).body.decode()
    body = get("/v3/forecast").body.decode()
    changes = {
        "wrong_unit": ("units", "percentile"),
        "wrong_region": ("region", "PJM_DC"),
    }
    for name, fault in watttime.PROVIDER.payload_faults.items():
        assert json.loads(fault(login, {})) == json.loads(login)
        spoilt = json.loads(fault(body, {}))
        assert spoilt != json.loads(body)
        if name in changes:
            key, value = changes[name]
            assert spoilt["meta"][key] == value


def kinds(node: Any) -> Any:
    """Return a document with the types of its values; a list is described by its first item."""
    if isinstance(node, dict):
        return {key: kinds(value) for key, value in node.items()}
    return [kinds(node[0])] if isinstance(node, list) and node else type(node).__name__


def test_a_list_of_rights_has_the_recorded_shape(recordings: Path) -> None:
    real = json.loads((recordings / "watttime/my_access_free_2024-10.json").read_bytes())
    ours = json.loads(get("/v3/my-access").body)
    assert kinds(ours) == kinds(real)


def test_history_has_the_documented_fields(recordings: Path) -> None:
    real = json.loads((recordings / "watttime/historical_doc_example.json").read_bytes())
    ours = series("/v3/historical", include_imputed_marker="true", **window())
    assert ours["data"][0].keys() == real["data"][0].keys()
    assert ours["meta"].keys() == real["meta"].keys()


def test_a_refused_region_has_the_recorded_shape(recordings: Path) -> None:
    real = json.loads((recordings / "watttime/error_403_invalid_scope.json").read_bytes())
    ours = json.loads(get("/v3/forecast", query=MOER | {"region": "PJM_DC"}).body)
    assert ours.keys() == real.keys()
    assert ours["error"] == real["error"]
