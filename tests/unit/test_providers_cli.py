"""These tests cover the check of all providers: what it counts as a failure, and its output."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from greenstream.domain.errors import InvalidError, NoDataError, PermanentError, TransientError
from greenstream.domain.zones import zones_of
from greenstream.ports.provider import Batch
from infra.local.providers_cli import COLUMNS, Finding, Verdict, check
from tests.builders import a_reading

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
NAME = "gridstatus"
ZONES = [zone.zone for zone, _ in zones_of(NAME)]


def reading(zone: str = "NYISO", *, age: timedelta = timedelta(minutes=5), **changes: Any) -> Any:
    return a_reading(zone=zone, provider=NAME, valid_to=NOW - age, fetched_at=NOW, **changes)


def judged(*batches: Batch) -> Finding:
    return Finding.of(NAME, batches, NOW, took_s=0.0)


def failed(kind: type[Any] = TransientError, zone: str | None = "PJM", **more: Any) -> Batch:
    return Batch(errors=(kind("it went wrong", provider=NAME, zone=zone, **more),))


def test_a_live_reading_is_shown_with_unit_kind_age_and_quality() -> None:
    others = (reading(zone, age=timedelta(minutes=9)) for zone in ZONES if zone != "NYISO")
    found = judged(Batch(readings=(reading(gco2_kwh=212.34), *others)))
    assert (found.verdict, found.reason) == (Verdict.OK, "")
    assert (found.configured, found.reached) == (True, True)
    assert (found.zones_read, found.zones_wanted) == (len(ZONES), len(ZONES))
    assert (found.zone, found.gco2_kwh, found.unit) == ("NYISO", 212.3, "g/kWh")
    assert (found.kind, found.age_s, found.quality) == ("average/direct", 300, "measured")
    assert (found.scope, found.factor_set) == ("production", "greenstream")


def test_the_newest_of_the_readings_is_shown() -> None:
    old, new = reading("CAISO_NORTH", age=timedelta(minutes=20)), reading("NYISO")
    assert judged(Batch(readings=(old,)), Batch(readings=(new,))).zone == "NYISO"
    assert judged(Batch(readings=(new,)), Batch(readings=(old,))).zone == "NYISO"


def test_a_zone_in_trouble_beside_a_live_one_is_partial_and_named() -> None:
    others = [zone for zone in ZONES if zone != "PJM"]
    found = judged(Batch(readings=tuple(map(reading, others))), failed())
    assert (found.verdict, found.reason) == (Verdict.PARTIAL, "PJM: it went wrong")


@pytest.mark.parametrize("said_so", [True, False])
def test_zones_left_to_other_runs_are_the_given_reason_for_their_absence(said_so: bool) -> None:  # noqa: FBT001
    left = tuple(zone for zone in ZONES if zone not in ("NYISO", "PJM"))
    found = judged(Batch(readings=(reading(),), skipped=left if said_so else ()), failed())
    turn = f"{len(left)} of {len(ZONES)} zones come in other runs, by turns"
    assert (found.verdict, found.reason) == (Verdict.PARTIAL, f"PJM: it went wrong; {turn}")


def test_a_reading_is_for_all_zones_that_share_its_feed() -> None:
    nation = a_reading(
        zone="GBR", provider="elexon", valid_to=NOW - timedelta(minutes=5), fetched_at=NOW
    )
    found = Finding.of("elexon", [Batch(readings=(nation,))], NOW, took_s=0.0)
    assert (found.zones_read, found.zones_wanted, found.reason) == (15, 15, "")


def test_zones_missing_after_a_failure_of_the_whole_provider_are_not_reported_as_waiting() -> None:
    assert judged(Batch(readings=(reading(),)), failed(zone=None)).reason == "it went wrong"


def test_a_missing_key_is_no_failure() -> None:
    found = judged(Batch(unconfigured=tuple(ZONES)))
    assert (found.verdict, found.configured, found.reached) == (Verdict.UNCONFIGURED, False, False)
    beside = judged(Batch(readings=(reading(),), unconfigured=("PJM",)))
    assert (beside.verdict, beside.configured) == (Verdict.OK, True)
    assert "PJM" in beside.reason


def test_a_missing_key_is_named_by_its_variable() -> None:
    closed = tuple(zone.zone for zone, _ in zones_of("watttime"))
    found = Finding.of("watttime", [Batch(unconfigured=closed)], NOW, took_s=0.0)
    assert found.reason == "no key is set: set WATTTIME_USERNAME and WATTTIME_PASSWORD"


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(Batch(readings=(reading(age=timedelta(hours=5)),)), id="only stale"),
        pytest.param(failed(), id="unreachable"),
        pytest.param(failed(PermanentError, None), id="refused"),
        pytest.param(Batch(), id="nothing at all"),
        pytest.param(Batch(skipped=tuple(ZONES)), id="nothing asked"),
    ],
)
def test_no_live_reading_is_a_failure_with_its_reason(batch: Batch) -> None:
    found = judged(batch)
    assert found.verdict is Verdict.FAILED
    assert found.reason


def test_a_key_without_rights_to_the_zones_does_not_hide_an_error() -> None:
    assert judged(failed(), Batch(unconfigured=("PJM",))).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("batch", "reached"),
    [
        (failed(TransientError), False),
        (failed(PermanentError), True),
        (failed(NoDataError), True),
        (failed(InvalidError, reason="malformed"), True),
    ],
)
def test_reached_means_that_the_upstream_answered(batch: Batch, reached: bool) -> None:  # noqa: FBT001
    assert judged(batch).reached is reached


def test_an_error_of_many_zones_is_reported_once() -> None:
    found = judged(*(failed(zone=f"Z{number}") for number in range(9)))
    assert found.reason == "Z0, Z1, Z2 and 6 more: it went wrong"


@dataclass
class Fake:
    """A provider that yields the given batches and then raises the given error, if there is one."""

    name: str
    parts: tuple[Batch, ...] = ()
    raises: Exception | None = None
    simulated: bool = True
    asked: list[datetime] = field(default_factory=list)

    def fetch(self, now: datetime) -> Iterator[Batch]:
        self.asked.append(now)
        yield from self.parts
        if self.raises:
            raise self.raises


def test_all_providers_are_asked_once_and_reported_in_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = Fake("watttime", raises=PermanentError("no", provider="watttime"))
    good = Fake(NAME, parts=(Batch(readings=(reading(),)),))
    rows = check([refused, good], NOW)
    assert [(row.provider, row.verdict) for row in rows] == [
        ("watttime", Verdict.FAILED),
        (NAME, Verdict.OK),
    ]
    assert refused.asked == good.asked == [NOW]
    assert all(len(row.cells()) == len(COLUMNS) for row in rows)
    said = capsys.readouterr()
    assert said.out == ""  # the progress goes to stderr
    assert "gridstatus: ok" in said.err


def test_what_came_before_a_failure_of_the_whole_counts() -> None:
    late = Fake(NAME, (Batch(readings=(reading(),)),), TransientError("no", provider=NAME))
    (row,) = check([late], NOW)
    assert (row.verdict, row.reason) == (Verdict.PARTIAL, "no")


def test_a_defect_of_our_own_is_no_verdict_on_a_provider(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ZeroDivisionError):
        check([Fake(NAME, raises=ZeroDivisionError())], NOW)
