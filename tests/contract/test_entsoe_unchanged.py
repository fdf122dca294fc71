"""ENTSO-E's answers that say the same again are neither parsed nor judged, and nothing else is."""

from datetime import timedelta

import httpx
import pytest

from functions.entsoe.document import Series, read
from functions.entsoe.provider import WINDOW, Entsoe, Memory
from greenstream.domain.reading import Reading
from greenstream.domain.zones import zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ports.provider import Batch
from tests.contract.entsoe_wire import NOON, document, period, series

QUARTER = timedelta(minutes=15)


def answer(*, slots: int = 8, gas_mw: float = 3000, header: str = "1") -> bytes:
    """Return a document of Dutch quarter hours from noon, whose second slot has other gas."""
    fuels = {"B04": {1: 3000.0, 2: gas_mw, 3: 3000.0}, "B05": {1: 1000.0}, "B20": {1: 0.0}}
    body = document(*(series(fuel, period(mw, slots=slots)) for fuel, mw in fuels.items()))
    return body.replace(b"<mRID>1</mRID><type>", f"<mRID>{header}</mRID><type>".encode())


class Sandbox:
    """A process that runs the provider on one answer after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = 0
        self.begins: list[str] = []
        self.memory = Memory()
        self.stored = StoredSlots("entsoe", WINDOW)

        def counted(body: bytes, domain: str, zone: str, *, status: int) -> list[Series]:
            self.read += 1
            return read(body, domain, zone, status=status)

        monkeypatch.setattr("functions.entsoe.provider.read", counted)

    def run(self, body: bytes, *, at: timedelta, store_works: bool = True) -> Batch:
        def answered(request: httpx.Request) -> httpx.Response:
            self.begins.append(request.url.params["periodStart"])
            return httpx.Response(200, content=body)

        entsoe = Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                transport=httpx.MockTransport(answered),
            ),
            token=lambda: "token",
            wanted=zones_of("entsoe")[:1],
            memory=self.memory,
            stored=self.stored,
        )
        [batch] = entsoe.fetch(NOON + at)
        if store_works:
            batch.acknowledge()
        return batch


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    return Sandbox(monkeypatch)


def figures(batch: Batch) -> list[tuple[object, ...]]:
    return [(r.kind, r.valid_from, r.gco2_kwh, r.fetched_at) for r in batch.readings]


def newest(batch: Batch) -> Reading:
    return batch.readings[-1]


def test_the_same_answer_brings_the_newest_readings_again_without_being_parsed(
    sandbox: Sandbox,
) -> None:
    first = sandbox.run(answer(), at=8 * QUARTER)
    second = sandbox.run(answer(header="2"), at=9 * QUARTER)

    assert sandbox.read == 1
    assert [reading.fetched_at for reading in second.readings] == [NOON + 9 * QUARTER] * 2
    assert [row[:3] for row in figures(second)] == [row[:3] for row in figures(first)][-2:]


def test_a_corrected_slot_is_read(sandbox: Sandbox) -> None:
    sandbox.run(answer(slots=3), at=QUARTER)
    sandbox.run(answer(slots=3), at=3 * QUARTER)

    corrected = sandbox.run(answer(slots=3, gas_mw=2500), at=4 * QUARTER)

    assert NOON + QUARTER in {reading.valid_from for reading in corrected.readings}


def test_a_slot_that_ends_between_two_equal_answers_is_read(sandbox: Sandbox) -> None:
    sandbox.run(answer(), at=4 * QUARTER)

    second = sandbox.run(answer(), at=5 * QUARTER)

    assert sandbox.read == 2
    assert newest(second).valid_to == NOON + 5 * QUARTER


def test_an_answer_whose_batch_was_not_stored_is_read_again(sandbox: Sandbox) -> None:
    first = sandbox.run(answer(), at=8 * QUARTER, store_works=False)
    second = sandbox.run(answer(), at=8 * QUARTER)

    assert sandbox.read == 2
    assert figures(second) == figures(first)


def test_an_answer_with_a_refused_slot_is_read_again(sandbox: Sandbox) -> None:
    body = answer(gas_mw=9e9)
    first = sandbox.run(body, at=8 * QUARTER)
    sandbox.run(body, at=8 * QUARTER)

    assert first.errors
    assert sandbox.read == 2


def test_the_window_that_is_asked_for_moves_on_four_times_a_day(sandbox: Sandbox) -> None:
    for hours in range(24):
        sandbox.run(answer(), at=timedelta(hours=hours + 2))

    assert len(set(sandbox.begins)) in (4, 5)
    assert all(begin.endswith(("0000", "0600", "1200", "1800")) for begin in sandbox.begins)
