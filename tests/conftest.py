"""What every test may count on: an environment of its own, and the recordings when present."""

import os
from pathlib import Path

import pytest

from infra.registry import COLLECTORS

# Functions read their settings at import, as a Lambda does at init; no test may reach a real
# account whatever the machine is configured for.
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_REGION="eu-west-1",
    AWS_EC2_METADATA_DISABLED="true",
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

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Real answers of the upstream APIs, kept in a folder beside the project's."""
    if not RECORDINGS.is_dir():
        pytest.skip("NO REAL BYTES: the folder shared/recordings is not beside this checkout")
    return RECORDINGS
