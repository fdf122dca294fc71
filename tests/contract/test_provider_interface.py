"""Every provider, held to reading interface on good bytes and on bad ones.

What may come of an answer: readings that its bytes bear out, or our errors with their provider
and zone. Never a wrong reading, never another exception.
"""

import random
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenstream.aws.reading_items import encode_forecast, encode_reading
from greenstream.domain.errors import GreenStreamError, InvalidError
from greenstream.domain.reading import Kind, Quality, Reading
from greenstream.domain.zones import one_for_each_feed, zones
from greenstream.ingest.collect import collect
from greenstream.ports.provider import Batch
from infra.local.upstream.providers import PROVIDERS
from infra.local.upstream.wire import Answer, Request
from infra.registry import COLLECTORS
from tests.builders import stored
from tests.conftest import RECORDINGS
from tests.contract import spoilt
from tests.contract.provider_cases import LATE, OF_A_NETWORK, SIMULATED, recordings_of
from tests.contract.provider_makers import MAKERS, Case, gathered, through
from tests.contract.provider_truth import truth
from tests.contract.provider_wire import Silent
from tests.contract.recorded_origin import serving
from tests.fakes.memory_store import MemoryStore
from tests.storing import profiles_of

RECORDED = tuple(recordings_of(RECORDINGS)) if RECORDINGS.is_dir() else ()
CASES = [pytest.param(case, id=case.id) for case in (*SIMULATED, *LATE, *RECORDED)]
ROUNDING = 0.02
"""By what share a figure may differ from the truth. A row stays complete without a fuel of 1 %."""

SPARED = 0.3
"""The share of the answers that stay good, so that a good answer may follow a bad reading."""

SPOILS = [
    spoilt.wrong_type,
    spoilt.without,
    spoilt.repeated,
    spoilt.shuffled,
    spoilt.cut,
]
exhaustively = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module", autouse=True)
def _led_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    with serving(through, tmp_path_factory.mktemp("authority")):
        yield
    socket.setdefaulttimeout(before)


def assert_named(batch: Batch, case: Case) -> None:
    """Assert that every error is a `GreenStreamError` of the provider and fits a log line."""
    known = {zone.zone for zone, _ in case.pairs}
    for error in batch.errors:
        assert isinstance(error, GreenStreamError)
        assert error.kind in {"transient", "permanent", "no_data", "invalid"}
        assert error.provider == case.provider
        assert error.zone in {*known, None}
        assert str(error).startswith(case.provider)
        assert len(error.message) < 600
        if isinstance(error, InvalidError):
            assert error.reason.isidentifier()


def assert_true(batch: Batch, case: Case) -> None:
    """Assert that every figure, also of the window, agrees with the clean bytes in its bounds."""
    truths = truth(case)
    for forecast in batch.forecasts:
        for point in forecast.points:
            known = truths.get((forecast.zone, forecast.kind, point.valid_from, True), ())
            assert point.gco2_kwh in known, f"{point} of {forecast.zone} is not in the bytes"
    for reading in chain(batch.readings, batch.window()):
        is_forecast = reading.quality is Quality.FORECAST
        known = truths.get((reading.zone, reading.kind, reading.valid_from, is_forecast), ())
        assert known, f"the interval of {reading} is not in the bytes"
        slack = ROUNDING * max(known)
        low, high = reading.gco2_low - slack, reading.gco2_high + slack
        assert any(low <= value <= high for value in known), f"the truth of {reading} is {known}"
        if reading.coverage == 1:
            differences = [abs(reading.gco2_kwh - value) for value in known]
            assert min(differences) <= slack, f"the truth of {reading} is {known}"


def judged(batch: Batch, case: Case) -> Batch:
    assert_named(batch, case)
    assert_true(batch, case)
    for reading in batch.readings:
        encode_reading(reading)
    for forecast in batch.forecasts:
        encode_forecast(forecast)
    return batch


# --- the same interface -----------------------------------------------------------------------


def test_every_provider_of_the_zone_table_has_a_case() -> None:
    table = {source.provider for zone in zones().values() for source in zone.sources}
    assert table == set(COLLECTORS)
    assert table - OF_A_NETWORK == set(MAKERS) == {case.provider for case in (*SIMULATED, *LATE)}


@pytest.mark.parametrize("case", CASES)
def test_a_reading_has_the_attributes_of_its_source_and_times_in_utc(case: Case) -> None:
    provider = case.make(case.wire(), simulated=True)
    assert provider.name == case.provider
    sources = {(zone.zone, source.provider_zone): source for zone, source in case.pairs}
    readings = [reading for part in provider.fetch(case.now) for reading in part.readings]
    assert readings
    for reading in readings:
        source = sources[reading.zone, reading.provider_zone]
        assert reading.provider == case.provider
        assert reading.signal is source.signal
        assert reading.basis in source.bases
        assert reading.scope is source.scope
        assert isinstance(reading.quality, Quality)
        assert reading.simulated
        assert reading.fetched_at == case.now
        for instant in (reading.valid_from, reading.valid_to, reading.fetched_at):
            assert instant.tzinfo is UTC
        assert reading.gco2_low <= reading.gco2_kwh <= reading.gco2_high
        beside = {
            other.basis
            for other in readings
            if (other.zone, other.provider_zone, other.valid_from)
            == (reading.zone, reading.provider_zone, reading.valid_from)
        }
        assert beside == set(source.bases)


@pytest.mark.parametrize("case", SIMULATED, ids=lambda case: case.id)
def test_good_bytes_give_readings_of_every_zone_and_no_error(case: Case) -> None:
    batch = judged(case.run(case.wire()), case)
    assert batch.errors == ()
    # A feed that several zones share is stored for one of them.
    assert {reading.zone for reading in batch.readings} | set(batch.unconfigured) >= {
        zone.zone
        for zone, source in one_for_each_feed(case.pairs)
        if zone.sources[0] == source or case.wanted
    }
    for reading in batch.readings:
        [source] = [
            source
            for zone, source in case.pairs
            if (zone.zone, source.provider_zone) == (reading.zone, reading.provider_zone)
        ]
        assert case.now - reading.valid_to <= timedelta(seconds=source.max_age_s)


@pytest.mark.parametrize("case", SIMULATED, ids=lambda case: case.id)
def test_a_provider_without_its_key_sends_no_request_and_is_unconfigured(case: Case) -> None:
    wire = case.wire()
    parts = list(case.make(wire, key=None).fetch(case.now))
    if not case.keyed:
        assert any(part.readings for part in parts)
        return
    assert wire.requests == []
    assert {zone for part in parts for zone in part.unconfigured} == {
        zone.zone for zone, _ in case.pairs
    }
    assert not any(part.errors or part.readings for part in parts)


@pytest.mark.parametrize("case", SIMULATED, ids=lambda case: case.id)
def test_only_an_acknowledged_batch_moves_the_progress_marker(case: Case) -> None:
    """Without acknowledgement, a resumed provider behaves like reading that has never run."""
    later = case.now + timedelta(hours=1)

    def brought(
        consume: Callable[[Iterable[Batch]], object],
    ) -> Counter[tuple[str, Kind, datetime]]:
        wire = case.wire()
        provider = case.make(wire)
        consume(provider.fetch(case.now))
        wire.now = later
        return Counter(
            (reading.zone, reading.kind, reading.valid_to)
            for part in provider.fetch(later)
            for reading in part.readings
        )

    never_ran = brought(lambda _: None)
    assert never_ran
    assert brought(list) == never_ran
    assert brought(stored) >= never_ran
    if case.id in {"watttime", "entsoe", "gridstatus-nyiso", "gridstatus-caiso"}:
        assert brought(stored) > never_ran, "it also yields what was missed since the marker"


WINDOWED = [case for case in SIMULATED if case.provider in {"eso", "entsoe", "gridstatus"}]


@pytest.mark.parametrize("case", WINDOWED, ids=lambda case: case.id)
def test_on_a_fresh_table_each_source_has_an_hour_profile_after_one_run(case: Case) -> None:
    store = MemoryStore()
    provider = case.make(case.wire(), simulated=True)
    collect(provider, store, clock=lambda: case.now, telemetry=Silent())
    snapshot = store.snapshot()
    profiles = profiles_of(store)
    assert snapshot.readings
    assert {
        (reading.zone, reading.provider, reading.kind, reading.scope) for reading in profiles
    } == {
        (reading.zone, reading.provider, reading.kind, reading.scope)
        for reading in snapshot.readings
    }
    hour = {(reading.zone, reading.kind): reading.valid_from.hour for reading in snapshot.readings}
    for profile in profiles:
        assert profile.simulated
        assert hour[profile.zone, profile.kind] in profile.hours
        assert len(profile.hours) == 24 or case.provider == "gridstatus"
        assert len(profile.hours) > 8, "the market's day began at five or eight o'clock UTC"


@pytest.mark.parametrize("case", WINDOWED, ids=lambda case: case.id)
def test_a_window_costs_nothing_until_it_is_asked_for(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: set[datetime] = set()
    check = Reading.__post_init__

    def counted(reading: Reading) -> None:
        made.add(reading.valid_from)
        check(reading)

    monkeypatch.setattr(Reading, "__post_init__", counted)
    batches = list(case.make(case.wire()).fetch(case.now))
    assert made == {reading.valid_from for batch in batches for reading in batch.readings}
    window = {reading.valid_from for batch in batches for reading in batch.window()}
    assert len(window) > 8
    assert made >= window


# --- bad bytes --------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("case", CASES)
@exhaustively
@given(seed=st.integers(0, 2**32))
def test_damaged_bytes_give_true_readings_or_a_named_error(
    case: Case, spoil: spoilt.Spoil, seed: int
) -> None:
    chance = random.Random(seed)

    def spoilt_answer(request: Request, answer: Answer) -> Answer:
        if case.data not in request.path or chance.random() < SPARED:
            return answer
        return spoilt.instead(answer, spoil(answer.body, chance))

    judged(case.run(case.wire(spoilt_answer)), case)


@pytest.mark.parametrize("value", spoilt.EXTREMES, ids=lambda value: f"{value!s:.25}")
@pytest.mark.parametrize("case", SIMULATED, ids=lambda case: case.id)
def test_values_beyond_floats_and_the_calendar_are_refused(case: Case, value: object) -> None:
    names: set[str] = set()

    def remembered(request: Request, answer: Answer) -> Answer:
        names.update(spoilt.names(answer.body, value) if case.data in request.path else ())
        return answer

    case.run(case.wire(remembered))
    assert names
    for name in sorted(names):

        def extreme(request: Request, answer: Answer, name: str = name) -> Answer:
            if case.data not in request.path:
                return answer
            return spoilt.instead(answer, spoilt.throughout(answer.body, name, value))

        judged(case.run(case.wire(extreme)), case)


@pytest.mark.parametrize("body", spoilt.WHOLLY.values(), ids=spoilt.WHOLLY)
@pytest.mark.parametrize("case", CASES)
def test_an_answer_of_another_kind_gives_no_reading(case: Case, body: bytes) -> None:
    def other(request: Request, answer: Answer) -> Answer:
        return spoilt.instead(answer, body) if case.data in request.path else answer

    batch = judged(case.run(case.wire(other)), case)
    assert (batch.readings, batch.forecasts) == ((), ())
    assert batch.errors


@pytest.mark.parametrize("case", SIMULATED, ids=lambda case: case.id)
def test_another_unit_is_refused_and_not_converted(case: Case) -> None:
    upstream = {simulator.name: simulator for simulator in PROVIDERS}[
        case.id.removeprefix("gridstatus-")
    ]

    def other(request: Request, answer: Answer) -> Answer:
        text = upstream.payload_faults["wrong_unit"](answer.body.decode(), {})
        return spoilt.instead(answer, text.encode())

    batch = judged(case.run(case.wire(other)), case)
    assert {reading.gco2_kwh for reading in batch.readings} <= {0.0}  # Zero is zero in every unit.
    assert {error.kind for error in batch.errors} == {"invalid"}


@pytest.mark.parametrize("spoil", [spoilt.bloated, spoilt.padded], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("case", CASES)
def test_a_huge_answer_gives_true_readings_or_is_refused(case: Case, spoil: spoilt.Spoil) -> None:
    chance = random.Random(0)

    def huge(request: Request, answer: Answer) -> Answer:
        return spoilt.instead(answer, spoil(answer.body, chance))

    judged(case.run(case.wire(huge)), case)


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 418, 429, 500, 503])
@pytest.mark.parametrize("case", SIMULATED, ids=lambda case: case.id)
def test_an_unsuccessful_status_gives_no_reading(case: Case, status: int) -> None:
    def refused(request: Request, answer: Answer) -> Answer:
        return Answer(b"", answer.content_type, status) if case.data in request.path else answer

    batch = judged(case.run(case.wire(refused)), case)
    assert (batch.readings, batch.forecasts) == ((), ())
    assert batch.errors
    if (
        case.id == "gridstatus-nyiso"
    ):  # The library reads the bytes of the archive, whatever the status is.
        assert {error.kind for error in batch.errors} == {"invalid"}
    elif status in {429, 500, 503}:
        assert {error.kind for error in batch.errors} == {"transient"}
    else:
        assert "transient" not in {error.kind for error in batch.errors}


@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_read_later_keep_their_times(case: Case) -> None:
    for late in case.aged:
        batch = judged(case.run(case.wire(), case.now + late), case)
        assert batch.readings or batch.errors


# --- secrets ----------------------------------------------------------------------------------

KEYED = [pytest.param(case, id=case.id) for case in SIMULATED if case.keyed]
KEY = "MARKED-key-0123456789"
CREDENTIALS = {"authorization", "auth-token", "security_token", "ocp-apim-subscription-key"}
PART_CHARS = 6
"""How many characters of a secret's beginning may remain where quoted text is cut."""


@pytest.mark.parametrize("padding", [0, 25, 45, 70, 290])
@pytest.mark.parametrize("case", KEYED)
def test_no_error_and_no_item_has_a_secret_that_an_answer_repeats(case: Case, padding: int) -> None:
    sent: set[str] = set()
    names: set[str] = set()
    repeat: str | None = None

    def repeating(request: Request, answer: Answer) -> Answer:
        held = CREDENTIALS & request.headers.keys()
        secrets = [request.headers[name].split()[-1] for name in sorted(held)]
        sent.update(secrets)
        if case.data not in request.path:
            return answer
        names.update(spoilt.all_names(answer.body))
        if repeat is None:
            return answer
        value = "".join(["." * padding, *secrets])
        return spoilt.instead(answer, spoilt.throughout(answer.body, repeat, value))

    case.run(case.wire(repeating))
    assert sent
    assert names
    for repeat in sorted(names):
        batch = gathered(case.make(case.wire(repeating), key=KEY), case.now)
        texts = [*map(str, batch.errors), *map(repr, batch.readings), *map(repr, batch.forecasts)]
        for text in texts:
            for secret in sent:
                assert secret[:PART_CHARS] not in text, f"{repeat} repeats it: {text}"


@pytest.mark.parametrize("key", ["0", "1", "4", "e", "a", "MW", "FR", "data", "zone"])
@pytest.mark.parametrize("case", KEYED)
def test_a_short_key_that_occurs_in_the_data_does_not_change_a_figure(case: Case, key: str) -> None:
    def figures(of: Batch) -> list[object]:
        return [
            *(
                (reading.zone, reading.valid_from, reading.gco2_kwh, reading.coverage)
                for reading in of.readings
            ),
            *((forecast.zone, forecast.issued_at, forecast.points) for forecast in of.forecasts),
            *(type(error) for error in of.errors),
        ]

    short = gathered(case.make(case.wire(), key=key), case.now)
    assert short.readings
    assert figures(short) == figures(case.run(case.wire()))
