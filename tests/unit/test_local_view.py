"""What the terminal of `make run` shows: the figures of the decision, and who has fallen silent."""

from typing import Any

from infra.local.stack import Stack
from infra.local.view import render

STACK = Stack(
    router_url="http://127.0.0.1:1/router", table="readings", region="eu-west-1",
    endpoint_url="http://127.0.0.1:1", access_key_id="", secret_access_key="",
    upstream="simulated", upstream_url=None, auth="none",
    functions={}, dead_letter_queue_url="", page_url="http://127.0.0.1:2/",
)  # fmt: skip


def a_figure(zone: str, gco2_kwh: float, signal: str = "average", **more: Any) -> dict[str, Any]:
    kind = {"signal": signal, "basis": "direct"}
    return {"zone": zone, "gco2_kwh": gco2_kwh, **kind, "rung": "live", **more}


def shown(
    *providers: dict[str, Any],
    zones: tuple[dict[str, Any], ...] = (a_figure("PJM", 348.0),),
    candidates: tuple[dict[str, Any], ...] = (),
    rows: int | None = None,
) -> list[str]:
    route = {
        "pop": "lax", "reason": "cleanest", "reason_text": "because", "candidates": candidates,
        "ranking": {"kinds": sorted({f"{one['signal']}/{one['basis']}" for one in candidates})},
    }  # fmt: skip
    listed = {"as_of": "2026-11-22T23:50:00Z", "simulated": True, "zones": zones}
    return render(STACK, listed, route, {"providers": providers}, rows).splitlines()


def row_of(zone: str, lines: list[str]) -> list[str]:
    (row,) = (line.split() for line in lines if line.startswith(f"{zone} "))
    return row


def a_provider(name: str, state: str, last_success_at: str | None = None) -> dict[str, Any]:
    return {"provider": name, "state": state, "last_success_at": last_success_at}


def test_a_zone_of_the_decision_shows_the_figure_it_is_ranked_by() -> None:
    newer = a_figure("CAISO_NORTH", 444.0, "marginal")
    ranked = a_figure("CAISO_NORTH", 144.0, pop="lax")
    lines = shown(zones=(newer, a_figure("PJM", 348.0)), candidates=(ranked,))
    assert row_of("CAISO_NORTH", lines)[1:4] == ["144", "average", "direct"]
    assert row_of("PJM", lines)[1:4] == ["348", "average", "direct"]
    assert lines[-1] == (
        "the first 1 zones show the figures that the decision compares (average/direct); "
        "the others show their best figure of any kind"
    )


def test_the_decisions_zones_come_first_each_once() -> None:
    zones = (a_figure("PJM", 348.0), a_figure("NYISO", 236.0), a_figure("CAISO_NORTH", 444.0))
    pair = (a_figure("CAISO_NORTH", 144.0, pop="lax"), a_figure("CAISO_NORTH", 144.0, pop="sfo"))
    lines = shown(zones=zones, candidates=(*pair, a_figure("NYISO", 236.0, pop="nyc")))
    heading = next(index for index, line in enumerate(lines) if line.startswith("zone "))
    named = [line.split()[0] for line in lines[heading + 1 : heading + 4]]
    assert named == ["NYISO", "CAISO_NORTH", "PJM"]


def test_providers_that_fail_are_named_with_their_last_success() -> None:
    lines = shown(
        a_provider("eso", "failed", "2026-11-22T23:32:10Z"),
        a_provider("gridstatus", "failed", "2026-11-21T08:00:00Z"),
        a_provider("watttime", "failed"),
        a_provider("entsoe", "partial", "2026-11-22T23:49:00Z"),
        a_provider("electricitymaps", "unconfigured"),
        a_provider("another", "never_run"),
    )
    assert (
        "3 of 6 providers are failing: eso since 23:32Z, gridstatus since 2026-11-21 08:00Z, "
        "watttime since its first run"
    ) in lines


def test_where_none_fails_nothing_is_said_of_providers() -> None:
    assert not any("failing" in line for line in shown(a_provider("eso", "ok")))


def test_a_page_fits_its_screen() -> None:
    zones = tuple(a_figure(f"Z{number}", 1.0) for number in range(60))
    failing = a_provider("eso", "failed", "2026-11-22T23:32:10Z")
    lines = shown(failing, zones=zones, candidates=(a_figure("Z9", 1.0, pop="lax"),), rows=40)
    around = 4  # the Worker's line, and empty ones
    assert len(lines) + around <= 40
    assert any(line.startswith("… and ") for line in lines)
