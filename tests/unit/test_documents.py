"""The links, paths, targets and commands that the documents mention exist."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from greenstream.domain.ladder import Rung
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.reading import Basis, Quality, Scope, Signal
from tests import api

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("README.md", ".github/*.md", "infra/**/*.md", "layers/**/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)
IDS = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
README_LINES = 180
RUNBOOK = ROOT / "infra/docs/RUNBOOK.md"
GLOSSARY = ROOT / "infra/docs/GLOSSARY.md"

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FOLDERS = ("functions", "layers", "infra", "tests", "findings", r"\.github", r"\.ci")
PATH = re.compile(rf"(?<![\w./<:-])(?:{'|'.join(FOLDERS)})/[\w./<>*-]*")
FILE = re.compile(r"`([\w<>*-]+\.(?:py|json|jsonc|toml|yaml|yml|txt|md|ts))`")
MODULE = re.compile(r"\bpython -m ((?:infra|functions|greenstream|tests)[\w.]*)")
MAKE = re.compile(r"\bmake ((?:[A-Z_]+=\S+ )*)([a-z][a-z-]*)")
COMMAND = re.compile(r"\bgreenstream((?: [a-z]+)+)")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(path: Path) -> str:
    """Return the document's spans and blocks of code, which contain the commands to type."""
    return "\n".join(CODE.findall(path.read_text()))


@cache
def tracked() -> frozenset[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return frozenset(listed.stdout.splitlines())


@cache
def targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def command() -> Any:
    """Return the function that the package declares for the console command."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["greenstream"].partition(":")
    return getattr(importlib.import_module(module), function)


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes from a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> Iterator[str]:
    for link in LINK.findall(path.read_text()):
        if re.match(r"https?:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def missing_paths(path: Path) -> Iterator[str]:
    """Yield the named paths, files and modules that do not exist; ``<x>`` stands for any name."""
    text = path.read_text()
    for named in PATH.findall(text):
        pattern = re.sub(r"<[^>]*>", "*", named.rstrip(".")).rstrip("/")
        if not any(ROOT.glob(pattern)):
            yield named
    for named in FILE.findall(text):
        pattern = re.escape(named).replace(r"\*", "[^/]*")
        pattern = re.sub(r"<[^>]*>", "[^/]*", pattern)
        if not any(re.fullmatch(pattern, name.rpartition("/")[2]) for name in tracked()):
            yield named
    for module in MODULE.findall(text):
        place = ROOT / module.replace(".", "/")
        if not place.with_suffix(".py").exists() and not (place / "__main__.py").exists():
            yield f"python -m {module}"


def test_there_are_documents_to_read() -> None:
    assert {"README.md", ".github/CONTRIBUTING.md", "infra/docs/GLOSSARY.md"} <= set(IDS)


def test_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


class TestTheAnswerInReadme:
    """README shows one answer, without its null members and without one candidate."""

    NULLS = dict.fromkeys(("degraded_reason", "split"))
    NULLS_OF_CANDIDATE = dict.fromkeys(("proxy_reason", "exclusion", "latency_samples", "note"))

    @pytest.fixture
    def answer(self) -> dict[str, Any]:
        (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        answer: dict[str, Any] = json.loads(block)
        answer["candidates"] = [self.NULLS_OF_CANDIDATE | row for row in answer["candidates"]]
        return self.NULLS | answer

    def test_it_has_the_members_that_an_answer_has(self, answer: dict[str, Any]) -> None:
        schema = api.described()["paths"]["/v1/route"]["get"]["responses"]["200"]["content"]
        api.validate(schema["application/json"]["schema"], answer)

    def test_it_was_decided_by_the_default_policy(self, answer: dict[str, Any]) -> None:
        """The figures in README are rounded to a tenth, so that the comparison has a tolerance."""
        policy, candidates = Policy(), answer["candidates"]
        assert answer["policy"] == policy.version
        for row in candidates:
            owed = max(0.0, row["age_s"] - policy.penalty_grace_s) / 60
            owed *= policy.penalty_slope_gco2_kwh_min
            cap = policy.penalty_cap_doubts * row["doubt_gco2_kwh"]
            assert row["penalty_gco2_kwh"] == pytest.approx(min(owed, cap), abs=0.1)
            assert row["penalty_capped"] is (owed > cap)
            adjusted = row["expected_gco2_kwh"] + row["penalty_gco2_kwh"]
            assert row["adj_carbon_gco2_kwh"] == pytest.approx(adjusted, abs=0.15)
            price = policy.latency_price_gco2_kwh_ms * row["latency_ms"]
            assert row["score"] == pytest.approx(row["adj_carbon_gco2_kwh"] + price, abs=0.15)
        best = min(candidates, key=lambda row: row["score"])
        assert (answer["pop"], answer["zone"]) == (best["pop"], best["zone"])

    def test_its_difference_is_that_of_the_expected_figures(self, answer: dict[str, Any]) -> None:
        (chosen,) = (row for row in answer["candidates"] if row["pop"] == answer["pop"])
        nearest = answer["baseline"]
        difference = nearest["expected_gco2_kwh"] - chosen["expected_gco2_kwh"]
        assert nearest["attributed_difference_gco2_kwh"] == pytest.approx(difference, abs=0.15)


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_every_relative_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    assert list(broken_links(path)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_every_path_that_is_named_is_there(path: Path) -> None:
    assert list(missing_paths(path)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_every_target_of_make_that_is_named_is_there(path: Path) -> None:
    assert {target for _, target in MAKE.findall(code(path))} <= targets()


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_every_command_of_greenstream_that_is_named_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in set(COMMAND.findall(code(path))):
        monkeypatch.setattr(sys, "argv", ["greenstream", *words.split(), "--help"])
        with pytest.raises(SystemExit) as ended:
            command()()
        assert ended.value.code == 0, f"greenstream{words}: {capsys.readouterr().err}"


@pytest.mark.parametrize("words", [Signal, Basis, Scope, Quality, Rung, FreshnessModel])
def test_the_glossary_has_every_word_that_an_answer_uses_for_a_figure(words: type[StrEnum]) -> None:
    glossary = GLOSSARY.read_text()
    assert [word for word in words if f"`{word}`" not in glossary] == []


def test_a_word_of_the_glossary_has_one_line_and_one_meaning() -> None:
    words = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", GLOSSARY.read_text(), re.MULTILINE)
    defined = [word for word in words if word != "word"]
    assert len(defined) > 60
    assert len(defined) == len(set(defined))


def test_every_line_of_the_log_that_the_runbook_searches_is_written_by_our_code() -> None:
    searched = re.findall(r"--filter-pattern '\"([^\"]+)\"'", RUNBOOK.read_text())
    assert searched
    sources = [path for folder in ("functions", "layers") for path in (ROOT / folder).rglob("*.py")]
    written = "".join(path.read_text() for path in sources)
    assert [line for line in searched if f'"{line}"' not in written] == []


def test_the_faults_of_a_broken_document_are_detected(tmp_path: Path) -> None:
    spoilt = tmp_path / "SPOILT.md"
    spoilt.write_text(
        "# A heading\n[a](nowhere.md) [b](#a-heading) [c](#no-heading) [d](https://example.org)\n"
        "`infra/nowhere/x.py` `functions/<provider>/` `pyproject.toml` `nothing.toml`\n"
        "`python -m infra.nothing`\n"
    )
    assert list(broken_links(spoilt)) == ["nowhere.md", "#no-heading"]
    assert list(missing_paths(spoilt)) == [
        "infra/nowhere/x.py",
        "nothing.toml",
        "python -m infra.nothing",
    ]
