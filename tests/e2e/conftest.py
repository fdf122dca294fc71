"""The browser of the status page's tests, and the window of one visitor."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from infra.local.page import serving
from tests.e2e.scene import Scene
from tests.e2e.visiting import CHROMIUM, DESKTOP, Visit


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*arguments, "--disable-component-update"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("GREENSTREAM_ARTIFACTS") or tmp_path_factory.mktemp("screens"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def visit(browser: Browser, scene: Scene) -> Iterator[Visit]:
    with serving(scene.ask) as url:
        context = browser.new_context(viewport={"width": DESKTOP, "height": 900})
        yield Visit(context.new_page(), url)
        context.close()
