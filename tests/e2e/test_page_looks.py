"""The status page in a real browser: what it looks like, and that it is safe."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Dialog, Route, expect

from infra.local.deploying import ROOT
from infra.local.page import PUBLIC
from tests.e2e.scene import Scene
from tests.e2e.visiting import DESKTOP, PHONE, TABLET, WIDE, Visit, needs_chromium, unfold
from tests.ending import a_local_stack

pytestmark = needs_chromium

FIRST_PAINT_MS = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"

HOSTILE = (
    '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202e"\'&' + "W" * 400
)

RUNNABLE = """() => [...document.querySelectorAll('*')].flatMap(each => [...each.attributes])
    .filter(({name, value}) => name.startsWith('on') || /^\\s*javascript:/i.test(value)
        && ['href', 'src', 'xlink:href', 'action', 'formaction'].includes(name))
    .map(({name, value}) => `${name}=${value}`)"""
"""A script that returns every attribute of the page that a browser would execute."""


class TestLooks:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP, WIDE])
    def test_the_page_has_no_console_error_accessibility_fault_overflow_or_foreign_request(
        self, visit: Visit, scene: Scene, artifacts: Path, theme: Any, width: int
    ) -> None:
        scene.ran("entsoe", error="503 from the platform")
        visit.page.emulate_media(color_scheme=theme)
        visit.page.set_viewport_size({"width": width, "height": 900})
        page = visit.open()
        unfold(page)
        visit.row("GBR-13").scroll_into_view_if_needed()
        expect(visit.row("GBR-13").locator(".spark svg")).to_be_attached()

        page.screenshot(path=artifacts / f"page-{theme}-{width}.png", full_page=True)
        found = Axe().run(page).response["violations"]
        assert not [
            (rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in found
        ]
        assert not visit.is_wider_than_its_window()
        assert not visit.complaints
        assert not visit.elsewhere

    def test_the_chosen_theme_survives_a_reload(self, visit: Visit) -> None:
        page = visit.open()
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(paper)
        page.get_by_role("button", name="Dark theme").click()
        dark = page.evaluate(paper)
        assert dark != light
        page.reload()
        assert page.evaluate(paper) == dark
        expect(page.get_by_role("button", name="Light theme")).to_be_visible()


class TestSize:
    def test_the_first_paint_comes_within_a_second(
        self, visit: Visit, record_property: Callable[[str, object], None]
    ) -> None:
        paints_ms = []
        for _ in range(3):
            visit.open()
            visit.page.wait_for_function(f"{FIRST_PAINT_MS} !== undefined")
            paints_ms.append(visit.page.evaluate(FIRST_PAINT_MS))
        record_property("first_paint_ms", paints_ms)
        assert min(paints_ms) < 1000

    @pytest.mark.parametrize(("width", "most_px"), [(PHONE, 6500), (DESKTOP, 4200)])
    def test_the_page_is_short_with_all_zones(self, visit: Visit, width: int, most_px: int) -> None:
        visit.page.set_viewport_size({"width": width, "height": 900})
        page = visit.open()
        expect(page.locator("#map .land")).to_be_attached()
        assert page.evaluate("document.documentElement.scrollHeight") < most_px

    def test_the_files_are_small(self) -> None:
        files = list(PUBLIC.iterdir())
        assert sum(file.stat().st_size for file in files) < 200_000
        for file in files:
            if file.suffix in {".js", ".css"}:
                assert len(file.read_text().splitlines()) <= 400, file.name


class TestHostileStrings:
    @pytest.mark.parametrize(
        "hostile",
        [
            HOSTILE,
            "<img src=x onerror=alert(1)>",
            "javascript:alert(1)",
            "</script><script>alert(1)</script>",
            "{{constructor.constructor('alert(1)')()}} ${alert(1)} <%= alert(1) %>",
            "\"onmouseover='alert(1)' style=x:expression(alert(1)) '",
            "<svg><animate onbegin=alert(1) attributeName=x></svg>&lt;script&gt;",
        ],
    )
    def test_are_shown_as_text_and_run_nothing(
        self, visit: Visit, scene: Scene, hostile: str
    ) -> None:
        def spoil(route: Route) -> None:
            body = route.fetch().json()
            for zone in body.get("zones", []):
                zone |= {"name": hostile, "provider": hostile, "provider_zone": hostile}
                zone |= {"note": hostile, "rung": hostile, "signal": hostile, "scope": hostile}
                zone |= {"country": hostile, "basis": hostile, "quality": hostile}
            for candidate in body.get("candidates", []):
                candidate |= {"provider": hostile, "rung": hostile, "proxy_reason": hostile}
                candidate |= {"zone": hostile, "provider_zone": hostile, "signal": hostile}
            body |= {"reason_text": hostile} if "candidates" in body else {}
            body |= {"degraded": True, "degraded_reason": hostile}
            route.fulfill(json=body)

        ran: list[str] = []

        def heard(dialog: Dialog) -> None:
            ran.append(dialog.message)
            dialog.dismiss()

        visit.page.on("dialog", heard)
        scene.ran("eso", error=hostile, kind=hostile)
        for path in ("zones", "route?*"):
            visit.page.route(f"**/api/v1/{path}", spoil)
        page = visit.open()
        title = page.title()
        unfold(page)
        page.locator("#map .chosen .dot").hover()
        for place in ("#providers .error", ".notice.degraded", "#reason"):
            expect(page.locator(place)).to_contain_text(hostile)
        expect(visit.row("NYISO").locator(".cell-name")).to_contain_text(hostile)
        assert page.locator("img, animate, body script").count() == 0
        assert page.evaluate(RUNNABLE) == []
        assert page.title() == title
        assert not ran
        assert not visit.is_wider_than_its_window()
        assert not visit.complaints, "the browser blocked something that should not be there"
        assert not visit.elsewhere
        page.unroute_all(behavior="wait")  # A refresh may be on its way.


class TestTheServer:
    def test_forbids_all_but_its_own_scripts_and_styles(self, visit: Visit) -> None:
        policy = httpx.get(visit.url).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy

    @pytest.mark.parametrize("path", ["../page.py", "%2e%2e/page.py", "../../../README.md", ".git"])
    def test_serves_nothing_but_the_page(self, visit: Visit, path: str) -> None:
        assert httpx.get(visit.url + path).status_code == 404

    def test_turns_a_silent_router_into_problem_details(self, visit: Visit, scene: Scene) -> None:
        scene.down = True
        answer = httpx.get(f"{visit.url}api/v1/zones")
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "application/problem+json"
        assert "does not answer" in json.loads(answer.text)["detail"]

    def test_passes_on_the_routers_refusals(self, visit: Visit) -> None:
        answer = httpx.get(f"{visit.url}api/v1/route?from=Atlantis")
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == ["from"]


class TestOnTheRealStack:
    def test_shows_the_deployed_routers_answers(
        self, browser: Browser, tmp_path: Path, artifacts: Path
    ) -> None:
        ready = tmp_path / "page.json"
        with a_local_stack(tmp_path / "state") as local:
            local.up(upstream="simulated", auth="iam")
            command = [sys.executable, "-m", "infra.local.page", str(local.state_dir)]
            server = subprocess.Popen([*command, "--ready-file", str(ready)], cwd=ROOT)
            try:
                page = browser.new_page(viewport={"width": DESKTOP, "height": 900})
                visit = Visit(page, page_url(ready))
                visit.open()
                expect(page.locator(".notice.simulated")).to_be_visible()
                expect(visit.row("NYISO").locator(".rung")).to_have_text("Live")
                expect(visit.row("GBR-13").locator(".rung")).to_have_text("Live")
                page.screenshot(path=artifacts / "page-real-stack.png", full_page=True)
                assert not visit.complaints
                local.down()
                visit.refresh()
                expect(page.locator(".notice.failed")).to_contain_text("no stack runs here")
                page.close()
            finally:
                server.terminate()
                assert server.wait(timeout=10) == 0
        assert not visit.elsewhere


def page_url(ready: Path) -> str:
    """Wait for the server's address."""
    deadline = time.monotonic() + 20
    while not ready.exists() or not (text := ready.read_text()):
        assert time.monotonic() < deadline, "the page's server did not start"
        time.sleep(0.05)
    return str(json.loads(text)["page_url"])
