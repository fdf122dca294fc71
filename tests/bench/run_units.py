"""The capacity with which a run of each collector writes to and reads from the table.

Run from anywhere: ``python tests/bench/run_units.py``. The real handlers run with simulated
upstreams and a table of dynoxide, which counts capacity as DynamoDB does. The first run finds an
empty table, so that all its readings are new; the second follows at once and brings the same again.
infra/ops/cost.py uses both. It counts hour profiles separately, so they are left out here.
``history_bytes`` is the size of a reading in the history.
"""

import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from greenstream.aws.dynamodb import DynamoDb
from tests.measure import ROOT, Figure, report

TABLE = "readings"


class Meter:
    """Adds up the capacity that all clients made from now on use, refused writes included.

    The capacity for hour profiles is left out: their writes, and the reads of the history.
    """

    def __init__(self) -> None:
        self.writes = self.reads = 0.0
        send = DynamoDb._ask

        def ask(client: DynamoDb, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
            answer: dict[str, Any] = {}
            try:
                answer = send(client, operation, {**request, "ReturnConsumedCapacity": "TOTAL"})
            finally:
                self._count(operation, request, answer)
            return answer

        DynamoDb._ask = ask  # type: ignore[assignment,method-assign]

    def _count(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        key = request.get("Item", request.get("Key", {}))
        values = request.get("ExpressionAttributeValues", {})
        sort_key, partition, first = (
            named.get(name, {}).get("S", "")
            for named, name in ((key, "sk"), (values, ":pk"), (values, ":first"))
        )
        if partition.startswith("HISTORY#") or any(
            text.startswith("PROFILE#") for text in (sort_key, first)
        ):
            return
        # The error of a refused write has no capacity, but DynamoDB bills it like any other write.
        units = answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0)
        if operation == "Query":
            self.reads += units
        else:
            self.writes += units


def measure(provider: str) -> dict[str, float]:
    """Run one provider's handler twice in this process, which runs no other provider."""
    from tests.integration.conftest import make_table
    from tests.integration.run_handler import Context
    from tests.table_client import TableClient

    client = TableClient()
    with suppress(client.exceptions.ResourceInUseException):
        make_table(client, TABLE)
    meter, found, before = Meter(), [], (0.0, 0.0)
    new_readings = 0
    from infra.registry import COLLECTORS

    app = importlib.import_module(f"functions.{COLLECTORS[provider].function}.app")
    for _ in range(2):
        said = io.StringIO()
        with redirect_stdout(said):
            app.handler({}, Context())
        found.append((meter.writes - before[0], meter.reads - before[1]))
        new_readings = new_readings or len(history_of(provider, client))
        before = (meter.writes, meter.reads)
    history = [len(json.dumps(item)) for item in history_of(provider, client)]
    return {
        "new_writes": found[0][0],
        "again_writes": found[1][0],
        "reads": max(reads for _, reads in found),
        "new_readings": new_readings,
        "history_bytes": sum(history) / max(1, len(history)),
    }


def history_of(provider: str, client: Any) -> list[dict[str, Any]]:
    """Return the items of a provider's history."""
    pages = client.get_paginator("scan").paginate(TableName=TABLE)
    items = [item for page in pages for item in page["Items"]]
    return [item for item in items if item["pk"]["S"].split("#")[2:3] == [provider]]


def main() -> None:
    """Measure every collector in a separate process."""
    from infra.local.stack import LocalStack
    from infra.registry import COLLECTORS
    from tests.integration.engines import dynoxide

    with tempfile.TemporaryDirectory() as folder, dynoxide(Path(folder)) as address:
        local = LocalStack(Path(folder))
        try:
            simulator = local.simulator()
            for provider in COLLECTORS:
                found = measured(provider, address, simulator)
                report(
                    [
                        Figure(f"{provider}_new", found["new_writes"], "write units a run"),
                        Figure(f"{provider}_readings", found["new_readings"], "new readings"),
                        Figure(f"{provider}_again", found["again_writes"], "write units a run"),
                        Figure(f"{provider}_reads", found["reads"], "read units a run"),
                        Figure(f"{provider}_history_bytes", found["history_bytes"], "B as JSON"),
                    ]
                )
        finally:
            local.down()


def measured(provider: str, address: str, simulator: dict[str, str]) -> dict[str, float]:
    from infra.registry import COLLECTORS

    env = {
        "AWS_ENDPOINT_URL_DYNAMODB": address,
        "TABLE_NAME": TABLE,
        f"{provider.upper()}_BASE_URL": f"{simulator['base_url']}/{provider}",
        "GRIDSTATUS_ZONES": COLLECTORS["gridstatus"].settings["GRIDSTATUS_ZONES"],
        "NATIONAL_FEEDS": provider,
        "UPSTREAM": "simulated",
        **dict.fromkeys(
            ("PJM_API_KEY", "WATTTIME_USERNAME", "WATTTIME_PASSWORD", "ENTSOE_API_KEY"), "simulated"
        ),
        "ELECTRICITYMAPS_TOKEN": "simulated",
    }
    if provider == "gridstatus":
        env |= {"HTTPS_PROXY": simulator["proxy_url"], "HTTP_PROXY": simulator["proxy_url"]}
        env |= {"REQUESTS_CA_BUNDLE": simulator["ca_bundle"], "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, __file__, provider, json.dumps(env)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - sets the functions' environment

    if sys.argv[1:]:
        os.environ |= json.loads(sys.argv[2])
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
