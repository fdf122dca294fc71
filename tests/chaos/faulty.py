"""Runs one function against its simulated upstream and a real table, and reads that table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx
from samtranslator.yaml_helper import yaml_parse

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.packed_items import unpack
from greenstream.aws.packed_rows import rows
from greenstream.domain.reading import Basis, Forecast, Kind, Reading, Signal
from greenstream.ports.store import Snapshot
from infra.local.upstream.providers import simulators_of
from infra.registry import COLLECTORS
from tests.chaos.sandbox import ROOT, Run, Sandboxes
from tests.integration.conftest import make_table
from tests.integration.engines import HOST
from tests.integration.test_upstream import Simulator
from tests.table_client import TableClient

Items = dict[tuple[str, str], dict[str, Any]]
"""A table's items by their key, or what they hold for each zone (`by_zone`)."""

LONG_AGO, FAR_AHEAD = (datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 2100))
BATCH = 25
CONTROL_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The memory and the timeout that the template gives a function."""

    memory_mb: int
    timeout_s: int


def limits(provider: str) -> Limits:
    """Return the limits of a provider's function in the template."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    name = f"{COLLECTORS[provider].function.title()}Function"
    function = template["Resources"][name]["Properties"]
    return Limits(function["MemorySize"], function["Timeout"])


def environment(provider: str, limits: Limits, engine: str, home: Path) -> dict[str, str]:
    """Return a sandbox's environment variables, with those that the template and Lambda set."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "TZ": ":UTC",
        "LANG": "C.UTF-8",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_NAME": COLLECTORS[provider].function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(limits.memory_mb),
        "AWS_ENDPOINT_URL_DYNAMODB": engine,
        "POWERTOOLS_SERVICE_NAME": COLLECTORS[provider].function,
        "POWERTOOLS_METRICS_NAMESPACE": "GreenStream/test",
        "TABLE_NAME": "set-by-each-run",
        "UPSTREAM": "simulated",
        "NO_PROXY": f"{HOST},.amazonaws.com",
        **COLLECTORS[provider].settings,
        # A run may use a quarter of the budget: enough for every zone and the plan.
        "ELECTRICITYMAPS_HOURLY_BUDGET": "1000",
        # The other feeds of a shared function are not asked.
        "NATIONAL_FEEDS": provider,
        f"{provider.upper()}_BASE_URL": "http://set-by-each-run.test",
    }


def upstreams(provider: str) -> tuple[str, ...]:
    """Return the names of the simulated APIs that a function calls."""
    return tuple(simulator.name for simulator in simulators_of(provider))


def zone_of(key: tuple[str, str]) -> str | None:
    """Return the zone that an item belongs to, or ``None``."""
    pk, sk = key
    for name in (pk, sk):
        kind, _, rest = name.partition("#")
        if kind in ("HISTORY", "FORECAST", "READING", "PROFILE"):
            return rest.partition("#")[0]
    return None


def by_zone(items: Items) -> Items:
    """Return items with the rows of boards and profiles in place of the packed items.

    A row of a board has the key ``READING#zone#…``, one of an hour of profiles has the key
    ``PROFILE#zone#…``. The copies of the boards are left out.
    """
    rows_by_key: Items = {}
    for (pk, sk), item in items.items():
        name, _, rest = sk.partition("#")
        if (pk, name) == ("CURRENT", "BOARD") or (pk, name) == ("CURRENT", "PROFILE"):
            document = unpack(item)
            name = "READING" if name == "BOARD" else "PROFILE"
            for source, row in rows(document).items():
                rows_by_key[pk, "#".join((name, *source, rest))] = row
        elif pk != "SPARE":
            rows_by_key[pk, sk] = item
    return rows_by_key


def of_zones(items: Items) -> Items:
    """Return the items that belong to a zone, without the provider's own status."""
    return {key: item for key, item in items.items() if zone_of(key) is not None}


@dataclass(frozen=True, slots=True)
class Strike:
    """One run: the table before and after it, and what the store reads from the table after it.

    ``items`` holds the items themselves after the run; ``before`` and ``after`` are `by_zone`.
    """

    before: Items
    run: Run
    after: Items
    items: Items
    snapshot: Snapshot
    history: Sequence[Reading]
    forecasts: Sequence[Forecast]


@dataclass
class Bench:
    """A provider's function, ready to be run against any simulator and any table.

    ``seed_items`` holds the items that a good run stored two hours ago, and ``seed`` what they hold
    for each zone. ``usual`` is what the table holds after another good run on it now.
    """

    provider: str
    limits: Limits
    now: datetime
    client: TableClient
    sandboxes: Sandboxes
    simulators: "SimpleQueue[Simulator]" = field(default_factory=SimpleQueue)
    seed: Items = field(default_factory=dict)
    usual: Items = field(default_factory=dict)
    seed_items: Items = field(default_factory=dict)
    _tokens: "count[int]" = field(default_factory=count)

    @contextmanager
    def simulator(self) -> Iterator[Simulator]:
        """Borrow a simulator to which nobody else posts faults of this provider."""
        simulator = self.simulators.get()
        try:
            yield simulator
        finally:
            self.simulators.put(simulator)

    def table(self, items: Items) -> str:
        """Make a table that holds these items and return its name."""
        name = f"{self.provider}-{next(self._tokens)}"
        make_table(self.client, name)
        puts: list[Any] = [{"PutRequest": {"Item": item}} for item in items.values()]
        while puts:
            answer = self.client.batch_write_item(RequestItems={name: puts[:BATCH]})
            puts = answer["UnprocessedItems"].get(name, []) + puts[BATCH:]
        return name

    def items(self, table: str) -> Items:
        """Return all items of a table."""
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        stored = [dict(item) for page in pages for item in page["Items"]]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in stored}

    def strike(
        self,
        table: str,
        simulator: Simulator,
        faults: Sequence[Mapping[str, Any]] = (),
        *,
        now: datetime | None = None,
        upstream_now: datetime | None = None,
        address: str | None = None,
    ) -> Strike:
        """Run the function once with these faults in force.

        Parameters
        ----------
        faults
            Faults as posted to the simulator. One without a provider is posted for every
            simulated API that this function calls.
        now, upstream_now
            The time by our clock and by the provider's clock, where it is not the present.
        address
            A base URL that the function calls instead of the simulator's.
        """
        if upstream_now is not None:
            offset_s = (upstream_now - self.now).total_seconds()
            faults = [{"fault": "future", "offset_s": offset_s}, *faults]
        for fault in faults:
            for upstream in upstreams(self.provider):
                if fault.get("provider", upstream) == upstream:
                    posted = {"provider": upstream, **fault}
                    self._control(simulator, "POST", json=posted)
        # Every run has its own key, since the simulated plans count requests by key.
        key = f"company-{next(self._tokens)}"
        base_url, api = address or simulator.base_url, COLLECTORS[self.provider].api
        sent = {
            "TABLE_NAME": table,
            f"{api.upper()}_BASE_URL": f"{base_url}/{api}",
            **dict.fromkeys(COLLECTORS[self.provider].secrets, key),
        }
        if self.provider == "gridstatus":
            sent |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), base_url)
            sent |= {"REQUESTS_CA_BUNDLE": simulator.ca_bundle}
        before = by_zone(self.items(table))
        try:
            run = self.sandboxes.run(now or self.now, sent)
            # A function that several providers share answers for each of them.
            run = replace(run, answer=run.answer.get(self.provider, run.answer))
        finally:
            self._clear(simulator)
        return self._strike(before, run, table)

    def _strike(self, before: Items, run: Run, table: str) -> Strike:
        items, store = self.items(table), DynamoStore(self.client, table, clock=lambda: self.now)
        after = by_zone(items)
        history: list[Reading] = []
        for pk in {pk for pk, _ in after if pk.startswith("HISTORY#")}:
            _, zone, provider, signal, basis = pk.split("#")
            kind = Kind(Signal(signal), Basis(basis))
            history += store.history(zone, provider, kind, since=LONG_AGO, until=FAR_AHEAD)
        zones = {pk.partition("#")[2] for pk, _ in after if pk.startswith("FORECAST#")}
        forecasts = [forecast for zone in zones for forecast in store.forecasts(zone)]
        return Strike(before, run, after, items, store.snapshot(), history, forecasts)

    def _clear(self, simulator: Simulator) -> None:
        """End this provider's faults; those of other providers stay in force for other cells."""
        for upstream in upstreams(self.provider):
            self._control(simulator, "DELETE", params={"provider": upstream})

    def _control(self, simulator: Simulator, method: str, **sent: Any) -> None:
        address = f"{simulator.base_url}/faults"
        httpx.request(
            method, address, timeout=CONTROL_S, trust_env=False, **sent
        ).raise_for_status()

    def prepare(self, earlier: timedelta) -> None:
        """Set ``seed`` and ``usual`` by two runs of the function without faults.

        Raises
        ------
        AssertionError
            When one of these runs fails, or the second one reports errors.
        """
        with self.simulator() as simulator:
            table = self.table({})
            then = self.now - earlier
            first = self.strike(table, simulator, now=then, upstream_now=then)
            again = self.strike(table, simulator)
        for good in (first, again):
            assert good.run.error is None, good.run.log
        assert not again.run.answer["errors"], again.run.answer
        self.seed, self.usual, self.seed_items = first.after, again.after, first.items


@contextmanager
def bench_of(
    provider: str, engine: str, client: TableClient, folder: Path, now: datetime
) -> Iterator[Bench]:
    """Yield a provider's bench without simulators; its sandboxes end afterwards.

    Parameters
    ----------
    engine
        The address of the database that the sandboxes reach, which ``client`` reaches too.
    folder
        The folder of the runs' logs and results.
    now
        The instant at which both clocks stand still.
    """
    given = limits(provider)
    sandboxes = Sandboxes(
        COLLECTORS[provider].function,
        environment(provider, given, engine, folder),
        given.timeout_s,
        folder,
    )
    try:
        yield Bench(provider, given, now, client, sandboxes)
    finally:
        sandboxes.close()
