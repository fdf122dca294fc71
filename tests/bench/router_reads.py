"""The router's reads: queries per five seconds, read units, bytes, and the time of a read.

Run from anywhere: ``python tests/bench/router_reads.py``. The table is dynoxide's, which counts
capacity as DynamoDB does. A thousand requests are spread evenly over a minute of a simulated
clock. The floor of the read's time is the same Query by the bare client, which decodes no item.
"""

import os
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.zones import zones
from tests.builders import NOW
from tests.integration.conftest import make_table
from tests.integration.engines import dynoxide
from tests.item_size import item_bytes as item_size
from tests.measure import Figure, durations_ms, quantile, report
from tests.storing import put_reading
from tests.table_client import TableClient

ZONES, REQUESTS, SECONDS = 30, 1000, 60
TABLE = "readings"


class Meter:
    """Counts the queries of a client and what they cost."""

    def __init__(self, client: TableClient) -> None:
        self.queries = 0
        self.read_units = 0.0
        client.before.append(self._ask)
        client.after.append(self._count)

    def _ask(self, _: str, request: dict[str, Any]) -> None:
        request["ReturnConsumedCapacity"] = "TOTAL"

    def _count(self, operation: str, answer: Mapping[str, Any]) -> None:
        self.queries += operation == "Query"
        self.read_units += answer["ConsumedCapacity"]["CapacityUnits"]


def fill(store: DynamoStore) -> None:
    """Write two kinds of reading for each of `ZONES` zones."""
    from tests.router_client import a_reading_of

    fed = [
        (zone.zone, number)
        for zone in zones().values()
        for number, source in enumerate(zone.sources)
        if len(source.kinds) > 1
    ][:ZONES]
    if len({zone for zone, _ in fed}) < ZONES:
        raise RuntimeError(f"fewer than {ZONES} zones have a source of two kinds")
    for zone, number in fed:
        for kind in zones()[zone].sources[number].kinds:
            put_reading(store, a_reading_of(zone, 123.456, source=number, kind=kind))


def main() -> None:
    """Send the requests, count the reads and time them."""
    from tests.router_client import Client, SetClock  # its import reads the environment

    with tempfile.TemporaryDirectory() as folder, dynoxide(Path(folder)) as address:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = address
        client = TableClient()
        make_table(client, TABLE)
        clock = SetClock(NOW)
        store = DynamoStore(client, TABLE, clock=clock)
        fill(store)
        router = Client(store, clock=clock)
        router.ask("/v1/route", "")  # reads the profiles, which are due every few minutes
        clock.forward(5)
        meter = Meter(client)
        answered = 0
        for _ in range(REQUESTS):
            answered += len(router.ask("/v1/route", "lat=40.7&lon=-74.0").text)
            clock.forward(SECONDS / REQUESTS)
        queries, units = meter.queries, meter.read_units

        def bare() -> Mapping[str, Any]:
            return client.query(
                TableName=TABLE,
                KeyConditionExpression="pk = :pk AND sk <= :sk",
                ExpressionAttributeValues={":pk": {"S": "CURRENT"}, ":sk": {"S": "POLICY"}},
            )

        item_bytes = sum(map(item_size, bare()["Items"]))
        read = durations_ms(store.snapshot, runs=100)
        floor = durations_ms(bare, runs=100)
    windows = timedelta(seconds=SECONDS) / timedelta(seconds=5)
    report(
        [
            Figure("router_queries_per_5_s", queries / windows, "queries", 1.0, "1"),
            Figure("router_queries_per_1000", queries, f"queries in {SECONDS} s"),
            Figure("router_rru_per_query", units / queries, f"RRU for {ZONES} zones", goal="2"),
            Figure("router_read_bytes", item_bytes, "B of items"),
            Figure("router_answer_bytes", answered / REQUESTS, "B", goal="8192"),
            Figure("router_read_p50", quantile(read, 0.5), "ms", quantile(floor, 0.5)),
        ]
    )


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - sets the functions' environment

    main()
