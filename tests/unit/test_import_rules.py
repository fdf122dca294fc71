"""Each line of each module follows the import rules of the layers.

The domain imports only itself; ports import the domain; `ingest`, `api` and `aws` import the ports
and the domain; `cli` may import all of them; nothing imports a handler. A failing test names the
file and the line that break a rule, with the rule. An import inside a function or under
``TYPE_CHECKING`` counts, and so does ``import_module`` with a literal name. Reading the environment
is checked in the same way.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from infra.registry import COLLECTING
from tests.import_graph import ENVIRONMENT, Use, files_of, uses, within

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final[Mapping[str, Path]] = {
    "greenstream": ROOT / "layers/greenstream",
    "greenstream_tuning": ROOT / "layers/tuning",
    "functions": ROOT,
    "infra": ROOT,
}
"""Every package whose modules are checked, with the folder that contains it."""

OURS: Final = (*PACKAGES, "tests")

MAY_IMPORT: Final[Mapping[str, tuple[str, ...]]] = {
    "greenstream.domain": ("greenstream.domain",),
    "greenstream.ports": ("greenstream.ports", "greenstream.domain"),
    "greenstream.ingest": ("greenstream.ingest", "greenstream.ports", "greenstream.domain"),
    "greenstream.api": ("greenstream.api", "greenstream.ports", "greenstream.domain"),
    "greenstream.aws": ("greenstream.aws", "greenstream.ports", "greenstream.domain"),
    "greenstream_tuning": ("greenstream_tuning", "greenstream.ports", "greenstream.domain"),
}
"""For each layer, those of our packages that its modules may import at any place."""

PURE: Final = ("greenstream.domain", "greenstream.ports", "greenstream_tuning")
WITHOUT_AWS: Final = (*PURE, "greenstream.ingest", "greenstream.api")
AWS: Final = ("boto3", "botocore", "aws_lambda_powertools", "awslambdaric")
AWS_TYPES: Final = "mypy_boto3_"
HTTP: Final = ("httpx", "requests", "urllib3", "urllib.request", "http.client", "socket")

HANDLER: Final = re.compile(r"functions\.[^.]+\.app(\..*)?")


@dataclass(frozen=True, slots=True)
class Rule:
    """A sentence that holds for the modules that it ``covers``, and what it ``forbids`` there."""

    sentence: str
    covers: Callable[[str], bool]
    forbids: Callable[[Use], bool]

    def broken_by(self, use: Use) -> bool:
        return self.covers(use.module) and self.forbids(use)


def _in(*packages: str) -> Callable[[str], bool]:
    return lambda module: within(module, *packages)


def _beside_a_handler(module: str) -> bool:
    """Return whether a module belongs to a function's folder, but is not the handler."""
    return within(module, "functions") and not HANDLER.fullmatch(module)


def _everywhere(_module: str) -> bool:
    return True


def _ours_but(*allowed: str) -> Callable[[Use], bool]:
    return lambda use: within(use.target, *OURS) and not within(use.target, *allowed)


def _aws(use: Use) -> bool:
    return within(use.target, *AWS) or use.target.startswith(AWS_TYPES)


def _another_function(use: Use) -> bool:
    own = ".".join(use.module.split(".")[:2])
    return within(use.target, "functions") and not within(use.target, own)


RULES: Final = (
    *(
        Rule(f"{layer} imports of ours only {', '.join(allowed)}", _in(layer), _ours_but(*allowed))
        for layer, allowed in MAY_IMPORT.items()
    ),
    Rule(
        "a module beside a handler imports of ours only its own folder, greenstream.ingest, "
        "greenstream.ports, greenstream.domain and greenstream_tuning",
        _beside_a_handler,
        _ours_but(
            "functions",  # The next rule excludes the folders of other functions.
            "greenstream.ingest",
            "greenstream.ports",
            "greenstream.domain",
            "greenstream_tuning",
        ),
    ),
    Rule(
        "a function imports no other function, since each is deployed alone",
        _in("functions"),
        _another_function,
    ),
    Rule(
        "a function imports of ours only functions, greenstream and greenstream_tuning",
        _in("functions"),
        lambda use: within(use.target, "infra", "tests", "greenstream.cli"),
    ),
    Rule(
        "nothing but tests imports a handler",
        _everywhere,
        lambda use: HANDLER.fullmatch(use.target) is not None,
    ),
    Rule("nothing but tests imports tests", _everywhere, lambda use: within(use.target, "tests")),
    Rule(
        "greenstream.cli imports infra and functions only inside a function, since the wheel has "
        "neither",
        _in("greenstream.cli"),
        lambda use: not use.lazy and within(use.target, "infra", "functions"),
    ),
    Rule(
        "domain, ports, ingest, api, tuning and the modules beside a handler import no AWS library",
        lambda module: within(module, *WITHOUT_AWS) or _beside_a_handler(module),
        _aws,
    ),
    Rule(
        "domain, ports, api and tuning import no HTTP library",
        _in(*PURE, "greenstream.api"),
        lambda use: within(use.target, *HTTP),
    ),
    Rule(
        "httpx is imported in greenstream.ingest only by greenstream.ingest.http",
        lambda module: within(module, "greenstream.ingest") and module != "greenstream.ingest.http",
        lambda use: within(use.target, "httpx"),
    ),
    Rule(
        "domain, ports, ingest, api, tuning and the modules beside a handler read no environment",
        lambda module: within(module, *WITHOUT_AWS) or _beside_a_handler(module),
        lambda use: use.target in ENVIRONMENT,
    ),
)


@cache
def modules() -> Mapping[str, Path]:
    """Return the file of each of our modules, except the tests."""
    return {
        module: path
        for package, root in PACKAGES.items()
        for path, module in files_of(root, package)
    }


@cache
def all_uses() -> tuple[Use, ...]:
    return tuple(
        use
        for module, path in modules().items()
        for use in uses(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)), module)
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence)
def test_no_line_breaks_the_rule(rule: Rule) -> None:
    broken = [str(use) for use in all_uses() if rule.broken_by(use)]

    assert not broken, "\n".join([f"The rule is: {rule.sentence}.", *broken])


def test_each_module_of_the_shared_package_belongs_to_a_layer() -> None:
    layers = (
        *(layer for layer in MAY_IMPORT if layer.startswith("greenstream.")),
        "greenstream.cli",
    )
    homeless = [
        str(path.relative_to(ROOT))
        for module, path in modules().items()
        if within(module, "greenstream") and module != "greenstream" and not within(module, *layers)
    ]

    assert not homeless, f"No import rule covers {', '.join(homeless)}."


def test_the_root_of_the_shared_package_imports_nothing_of_ours() -> None:
    of_the_root = [use for use in all_uses() if use.module == "greenstream"]

    assert [str(use) for use in of_the_root if within(use.target, *OURS)] == []


@pytest.mark.parametrize("name", COLLECTING)
def test_a_provider_is_imported_without_its_handler_any_environment_or_aws(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import functions.{name}.provider, sys; print(*sys.modules)"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert {module.partition(".")[0] for module in done.stdout.split()}.isdisjoint(AWS)


@pytest.mark.parametrize(
    ("module", "line", "sentence"),
    [
        ("greenstream.domain.drift", "import httpx", "no HTTP library"),
        ("greenstream.domain.drift", "from urllib import request", "no HTTP library"),
        ("greenstream.domain.drift", "from os import environ", "no environment"),
        ("greenstream.domain.drift", "def f(): return os.getenv('X')", "no environment"),
        ("greenstream.domain.drift", "import boto3.session", "no AWS library"),
        ("greenstream.domain.drift", "from greenstream import ports", "greenstream.domain imports"),
        ("greenstream.domain.drift", "from ..ports import store", "greenstream.domain imports"),
        ("greenstream.domain.drift", "from .. import ports", "greenstream.domain imports"),
        ("greenstream.ports.store", "import greenstream.api.answer", "greenstream.ports imports"),
        (
            "greenstream.ingest.collect",
            "from httpx import Client",
            "httpx is imported",
        ),
        ("greenstream.api.answer", "import greenstream.aws.table", "greenstream.api imports"),
        ("greenstream.api.answer", "from mypy_boto3_ssm import SSMClient", "no AWS library"),
        ("greenstream.aws.table", "from greenstream.api import answer", "greenstream.aws imports"),
        ("greenstream.cli.main", "import infra.local.stack", "greenstream.cli imports infra"),
        (
            "greenstream.cli.main",
            "from functions.eso.app import ESO",
            "nothing but tests imports a",
        ),
        ("functions.eso.provider", "import greenstream.aws.settings", "a module beside a handler"),
        ("functions.eso.provider", "def f(): import botocore", "no AWS library"),
        ("functions.eso.provider", "from functions.entsoe import mix", "no other function"),
        ("functions.eso.app", "import infra.ops.operations", "a function imports of ours only"),
        (
            "infra.ops.cost",
            "import_module('functions.eso.app')",
            "nothing but tests imports a handler",
        ),
        ("infra.ops.cost", "importlib.import_module(f'functions.{x}.app')", "imports a handler"),
        ("infra.ops.cost", "from tests.builders import NOW", "nothing but tests imports tests"),
        ("greenstream_tuning.feeds", "import greenstream.aws", "greenstream_tuning imports"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named_with_it(module: str, line: str, sentence: str) -> None:
    planted = uses(f"import json\n\n{line}\n", "planted.py", module)

    broken = {(use.line, rule.sentence) for use in planted for rule in RULES if rule.broken_by(use)}

    assert [at for at, broken_rule in broken if sentence in broken_rule] == [3]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("greenstream.domain.zones", "from importlib.resources import files"),
        ("greenstream.domain.zones", "from http import HTTPStatus"),
        ("greenstream.ingest.http", "import httpx"),
        ("greenstream.aws.table", "import botocore.client"),
        ("greenstream.aws.settings", "value = os.environ"),
        ("greenstream.cli.main", "def run(): from infra.local import stack"),
        ("greenstream.cli.main", "from greenstream.aws import dynamo_store"),
        ("functions.eso.app", "from functions.eso.provider import Eso"),
        ("functions.eso.app", "import boto3"),
        ("infra.local.stack", "from functions.eso.provider import Eso"),
    ],
)
def test_a_line_that_keeps_the_rules_is_let_through(module: str, line: str) -> None:
    planted = uses(f"{line}\n", "planted.py", module)

    assert [rule.sentence for use in planted for rule in RULES if rule.broken_by(use)] == []
