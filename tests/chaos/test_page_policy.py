"""What the page's browser may load: the same rules at the Worker and on the local server."""

import re
from collections.abc import Callable

import httpx
import pytest

from infra.local import page
from infra.local.deploying import ROOT
from infra.local.processes import StackError

SUITE = "hardening"
Record = Callable[[str, object], None]


def of_the_worker() -> dict[str, str]:
    source = (ROOT / "infra/worker/src/core/status.ts").read_text()
    [said] = re.findall(r"const PAGE_HEADERS = \{(.*?)\n\};", source, re.DOTALL)
    headers = re.findall(r'"([\w-]+)":\s*((?:"[^"]*"[\s+]*)+)', said)
    return {name: "".join(re.findall(r'"([^"]*)"', value)) for name, value in headers}


def of_the_document() -> str:
    page = (ROOT / "infra/worker/public/index.html").read_text()
    said: str
    [said] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    return said + "; frame-ancestors 'none'"  # a directive that works only in a header


def test_the_local_server_sends_the_same_security_headers_as_the_worker() -> None:
    local = {name.lower(): value for name, value in page.HEADERS.items()}
    assert local.pop("cache-control") == "no-store"  # the local page is under development
    assert local == of_the_worker()


@pytest.mark.parametrize("policy", [of_the_worker()["content-security-policy"], of_the_document()])
def test_the_page_may_run_its_own_files_and_nothing_else(policy: str) -> None:
    assert dict(directive.split(" ", 1) for directive in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("path", ["", "app.js", "icon.svg", "api/v1/zones", "api/v1/x", "none"])
def test_every_answer_of_the_local_server_has_the_content_security_policy(path: str) -> None:
    def ask(asked: str) -> object:
        if asked == "/v1/zones":
            return {"zones": []}
        raise StackError("<script>alert(1)</script>")

    with page.serving(ask) as url, httpx.Client(trust_env=False) as client:
        answered = client.get(url + path)
    for name, value in page.HEADERS.items():
        assert answered.headers[name] == value
    if answered.status_code == 502:
        assert answered.headers["content-type"] == "application/problem+json"


def test_the_page_has_no_script_or_style_of_its_own_inline() -> None:
    document = (ROOT / "infra/worker/public/index.html").read_text()
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=|javascript:", document)
    for script in (ROOT / "infra/worker/public").glob("*.js"):
        source = script.read_text()
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b", source)
        assert not re.search(r"new Function|outerHTML\s*=|\.srcdoc", source)
