"""What the tests of the status page share: a visitor's browser window."""

import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

CHROMIUM = shutil.which("chromium")
PHONE, TABLET, DESKTOP, WIDE = 390, 768, 1280, 1920

expect.set_options(timeout=15_000)  # a shared machine may be slow

needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed"),
]


@dataclass
class Visit:
    """One visitor's browser window; it records errors, warnings and requests to other hosts."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, "data:")):
            self.elsewhere.append(url)

    def open(self, query: str = "") -> Page:
        self.page.goto(self.url + query)
        expect(self.page.locator("#updated")).to_contain_text("Last updated")
        return self.page

    def refresh(self) -> None:
        with self.page.expect_response("**/api/v1/zones"):
            self.page.get_by_role("button", name="Refresh").click()

    def row(self, zone: str) -> Locator:
        return self.page.locator(f'tr[data-zone="{zone}"]')

    def is_wider_than_its_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def unfold(page: Page) -> None:
    """Open what is folded, so that the checks see it: all notes, a continent and a zone."""
    page.locator("#zones .group button:visible").last.click()
    page.locator("#zones .open-zone").first.click()
    expect(page.locator(".panel h3").first).to_be_attached()
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
