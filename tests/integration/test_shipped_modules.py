"""Every module that a run of the gridstatus function loads is shipped with byte code."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gridstatus
import pytest

from infra.local.ports import HOST
from infra.registry import COLLECTORS
from infra.supply.bytecode import uncompiled
from tests.integration.test_upstream import REPOSITORY, Simulator, running

SITE = Path(gridstatus.__file__).parents[1]

RUN = """
import json, sys
from functions.gridstatus.app import ENVIRONMENT
from functions.gridstatus.feed import LibraryFeed
from functions.gridstatus.provider import Gridstatus, wanted
from greenstream.domain.clock import utc_now

provider = Gridstatus(
    feed=LibraryFeed(),
    wanted=wanted(ENVIRONMENT.config.environ["GRIDSTATUS_ZONES"]),
    pjm_api_key=lambda: "simulated",
)
batches = list(provider.fetch(utc_now()))
print(json.dumps({
    "zones": sorted({reading.zone for batch in batches for reading in batch.readings}),
    "files": [module.__file__ for module in [*sys.modules.values()]
              if getattr(module, "__file__", None)],
}))
"""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("upstream")) as simulator:
        yield simulator


def test_a_run_loads_no_module_that_is_shipped_without_byte_code(simulator: Simulator) -> None:
    proxied = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=REPOSITORY,
        env={
            **os.environ,
            **COLLECTORS["gridstatus"].settings,
            **dict.fromkeys(proxied, simulator.proxy_url),
            "NO_PROXY": HOST,
            "REQUESTS_CA_BUNDLE": simulator.ca_bundle,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), "layers/greenstream"]),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ran = json.loads(done.stdout.splitlines()[-1])
    assert len(ran["zones"]) == 6, "a grid was not read, so that its modules are missing here"
    loaded = {Path(file) for file in ran["files"] if Path(file).is_relative_to(SITE)}
    assert SITE / "pandas/__init__.py" in loaded
    left_out = [path for pattern in uncompiled("GridstatusLayer") for path in SITE.glob(pattern)]
    compiled_each_time = [
        module.relative_to(SITE).as_posix()
        for module in loaded
        if any(module.is_relative_to(path) for path in left_out)
    ]
    assert sorted(compiled_each_time) == []
