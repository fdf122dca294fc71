"""Settings and fixtures for all tests: the environment, and the recordings if they are present."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import settings

from infra.registry import COLLECTORS

# Functions read their settings when they are imported, as on Lambda. The credentials are replaced,
# so that no test can reach a real account, however the machine is configured.
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_REGION="eu-west-1",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9",  # The router reads it when it is imported.
    TABLE_NAME="readings-test",
    UPSTREAM="live",
    POWERTOOLS_SERVICE_NAME="test",
    POWERTOOLS_METRICS_NAMESPACE="GreenStream",
)
for name, collector in COLLECTORS.items():
    os.environ.update(collector.settings)
    if collector.base_url:
        os.environ[collector.base_url] = f"https://{name}.test"
secrets = [secret for collector in COLLECTORS.values() for secret in collector.secrets]
for variable in ("AWS_PROFILE", "AWS_ENDPOINT_URL", *secrets):
    os.environ.pop(variable, None)

# Hypothesis would fail an example of over 200 ms, which a busy machine may need for any of them.
settings.register_profile("greenstream", deadline=None)
settings.load_profile("greenstream")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--order SEED``, which runs the tests in the random order of that seed."""
    parser.addoption("--order", help="run files, and the tests of each, in the order of this seed")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which order the tests have, so that a run can be repeated."""
    seed = config.getoption("--order")
    return f"random order: --order {seed}" if seed else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle the files and the tests of each file, where ``--order`` asks for it.

    pytest afterwards brings together the tests that share a fixture with parameters. Each worker
    of xdist collects the same order, since it gets the same seed.
    """
    seed = config.getoption("--order")
    if not seed:
        return
    by_file: dict[Path, list[pytest.Item]] = {}
    for item in items:
        by_file.setdefault(item.path, []).append(item)
    chance = random.Random(seed)
    files = list(by_file.values())
    chance.shuffle(files)
    for tests in files:
        chance.shuffle(tests)
    items[:] = [item for tests in files for item in tests]


SHARED = Path(__file__).parents[2] / "shared"
RECORDINGS = SHARED / "recordings"
CASES = SHARED / "cases"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Return the folder with real answers of the upstream APIs, which is beside the repository."""
    if not RECORDINGS.is_dir():
        pytest.skip("NO REAL BYTES: the folder shared/recordings is not beside this checkout")
    return RECORDINGS


@pytest.fixture(scope="session")
def cases() -> Path:
    """Return the folder of small faulty answers, which were made after public bug reports."""
    if not CASES.is_dir():
        pytest.skip("NO CASES: the folder shared/cases is not beside this checkout")
    return CASES
