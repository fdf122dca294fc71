"""Every national feed is read at every hour, also where its clock changes or its year ends."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from functions.national.provider import PROVIDERS
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.store import ProviderState
from infra.local.memory_store import MemoryStore
from infra.local.upstream.providers import simulators_of
from infra.local.upstream.wire import Request
from tests.contract.provider_wire import Silent
from tests.router_client import SetClock

HOUR = timedelta(hours=1)
OUTCOMES = Counter({ProviderState.OK: 24})


@pytest.mark.parametrize(
    "middle",
    [
        pytest.param(datetime(2027, 1, 1, 2, 0, 7, tzinfo=UTC), id="the year ends"),
        pytest.param(datetime(2026, 11, 1, 7, 0, 7, tzinfo=UTC), id="Canada's clocks go back"),
        pytest.param(datetime(2027, 3, 14, 8, 0, 7, tzinfo=UTC), id="Canada's clocks go forward"),
        pytest.param(datetime(2027, 4, 3, 16, 0, 7, tzinfo=UTC), id="Sydney's clocks go back"),
    ],
)
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_feed_without_a_fault_never_fails(name: str, middle: datetime) -> None:
    (simulator,) = simulators_of(name)
    clock = SetClock(middle - 12 * HOUR)

    def answer(sent: httpx.Request) -> httpx.Response:
        asked = Request(sent.method, sent.url.path, dict(sent.url.params), dict(sent.headers))
        given = simulator.answer(asked, clock())
        headers = {"content-type": given.content_type}
        return httpx.Response(given.status, content=given.body, headers=headers)

    http = HttpClient(
        provider=name,
        base_url=f"https://{name}.test",
        transport=httpx.MockTransport(answer),
        attempts=1,
    )
    provider = PROVIDERS[name].over(http, simulated=True)
    store, outcomes = MemoryStore(), Counter[ProviderState]()
    while clock() < middle + 12 * HOUR:
        run = collect(provider, store, clock=clock, telemetry=Silent())
        assert run.rejected == {}, (clock(), run.errors)
        outcomes[run.state] += 1
        clock.now += HOUR
    assert outcomes == OUTCOMES
