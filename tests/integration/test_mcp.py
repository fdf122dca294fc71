"""``greenstream mcp`` serves its tools over stdio; here the protocol's own client asks them."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client as RouterClient
from tests.router_client import a_reading_of
from tests.served_router import ServedRouter
from tests.storing import put_reading
from tests.unit.test_router_window import a_forecast

TIMEOUT_S = 60


@contextmanager
def a_router() -> Iterator[str]:
    """Serve a router that knows New York's figure and London's forecast, and give its address."""
    store = MemoryStore()
    put_reading(store, a_reading_of("NYISO", 260))
    store.put_forecast(a_forecast("GBR-13", [200, 180, 100, 120, 300]))
    with ServedRouter(RouterClient(store)).serving() as address:
        yield address


def ask(folder: Path, *calls: tuple[str, dict[str, Any]], url: str | None = None) -> list[Any]:
    """Start the server, and return its tools and what each call of a tool answers."""
    words = ["-m", "greenstream.cli.main", "--state-dir", str(folder), "mcp"]
    words += [] if url is None else ["--url", url]
    started = StdioServerParameters(
        command=sys.executable, args=words, env={"PYTHONPATH": ":".join(sys.path)}
    )

    async def talk() -> list[Any]:
        async with Client(started, read_timeout_seconds=TIMEOUT_S) as client:
            tools = await client.list_tools()
            return [tools.tools, *[await client.call_tool(name, asked) for name, asked in calls]]

    return asyncio.run(talk())


def test_each_tool_answers_with_the_age_the_kind_and_the_source_of_its_figures(
    tmp_path: Path,
) -> None:
    with a_router() as url:
        tools, route, window, zones, zone = ask(
            tmp_path,
            ("route", {"pops": ["nyc"], "origin": "new york"}),
            ("window", {"pops": ["lon"], "duration_minutes": 60, "within_hours": 12}),
            ("zones", {"country": "us"}),
            ("zones", {"name": "nyiso"}),
            url=url,
        )

    assert {tool.name for tool in tools} == {"route", "window", "zones"}
    assert all(tool.description for tool in tools)
    for answered in (route, window, zones, zone):
        assert not answered.is_error, answered.content
        told = answered.structured_content
        assert told["answered_by"] == "router"
        assert told["as_of"] == "2026-11-22T16:00:00Z"
        for figure in told["figures"]:
            assert figure["kind"]
            assert figure["source"]
            assert figure["rung"]
            assert (figure["age_s"] is None) == (figure["rung"] == "annual_mean")
    assert route.structured_content["answer"].startswith("nyc (260 g/kWh average/direct in NYISO")
    assert route.structured_content["figures"][0]["age_s"] == 0
    [best] = window.structured_content["figures"]
    assert (best["gco2_kwh"], best["age_s"], best["source"]) == (110.0, 1800, "eso")
    assert best["note"] == "2026-11-22T17:00:00Z to 2026-11-22T18:00:00Z"
    assert {figure["zone"] for figure in zones.structured_content["figures"]} >= {"NYISO", "PJM"}
    assert "feeds: gridstatus" in zone.structured_content["figures"][0]["note"]


def test_without_a_router_yearly_means_answer_and_errors_name_what_may_have_been_meant(
    tmp_path: Path,
) -> None:
    _, window, unknown, wrong = ask(
        tmp_path,
        ("window", {"origin": "tokyo"}),
        ("zones", {"name": "PJN"}),
        ("window", {"zones": ["NYISO"], "duration_minutes": 1}),
    )

    told = window.structured_content
    assert told["answered_by"] == "tables of this package (yearly means)"
    assert [figure["rung"] for figure in told["figures"]] == ["annual_mean"]
    assert told["figures"][0]["source"]
    assert unknown.is_error
    assert "zone: does not know PJN; near it is PJM" in unknown.content[0].text
    assert wrong.is_error
    assert "duration_min: must be a number of minutes from 5 to 1440" in wrong.content[0].text


def test_without_the_library_it_is_said_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from greenstream.cli.main import main

    monkeypatch.setitem(sys.modules, "mcp.server", None)
    assert main(["--state-dir", str(tmp_path), "mcp"]) == 2
    assert "needs the extra `mcp`: install greenstream[mcp]" in capsys.readouterr().err
