"""The mixes of an ENTSO-E document: the Dutch "Other", refused slots and real answers."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.entsoe.document import read
from functions.entsoe.mix import Known, batch_of, memory_of, solar_in_other, table_of
from functions.entsoe.provider import WINDOW
from functions.entsoe.slots import slots
from greenstream.domain.errors import (
    InvalidError,
    NoDataError,
)
from greenstream.domain.intensity import mix_intensity
from greenstream.domain.ladder import FULL_COVERAGE
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.reading import (
    MIN_COVERAGE,
    Basis,
    Quality,
    Reading,
)
from greenstream.domain.zones import zones_of
from greenstream.ingest.stored_slots import ZoneSlots
from greenstream.ingest.week_means import WeekMeans
from tests.contract.entsoe_wire import (
    NL,
    NOON,
)

ZONES = zones_of("entsoe")


def slot(at: int, **fuels_mw: float) -> Mix:
    start = NOON + at * timedelta(minutes=15)
    return Mix(start, start + timedelta(minutes=15), fuels_mw)


class TestDutchOther:
    """In the Netherlands, B20 includes roof solar, which follows the metered solar power."""

    @staticmethod
    def day(other: Callable[[int], float]) -> list[Mix]:
        sun = [max(0.0, 300.0 - abs(at - 48) * 12.0) for at in range(96)]
        return [
            slot(at - 96, B04=4000.0, B05=1000.0, B16=sun[at], B20=other(at)) for at in range(96)
        ]

    @staticmethod
    def solar_mw(day: list[Mix], slot: Mix) -> float:
        return solar_in_other(day, slot, rules_of_source("entsoe", "ENTSOE_NL")).mw

    def test_the_part_that_follows_the_sun_is_solar_and_the_rest_is_unknown(self) -> None:
        day = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        assert self.solar_mw(day, day[48]) == pytest.approx(28 * 300)
        assert self.solar_mw(day, day[0]) == 0

    def test_the_solar_part_is_never_more_than_other(self) -> None:
        day = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        cloud = slot(0, B04=4000.0, B05=1000.0, B16=300.0, B20=700.0)
        assert self.solar_mw(day, cloud) == 700

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(lambda at: 1500 + 900 * (at % 7), id="no relation"),
            pytest.param(lambda _: 1500.0, id="constant"),
            pytest.param(
                lambda at: 9000 - 28 * max(0.0, 300.0 - abs(at - 48) * 12.0), id="falls by day"
            ),
        ],
    )
    def test_no_solar_part_is_estimated_when_other_does_not_follow_the_sun(
        self, other: Callable[[int], float]
    ) -> None:
        day = self.day(other)
        assert self.solar_mw(day, day[48]) == 0

    def test_the_reading_is_an_estimate_whose_bounds_do_not_use_the_solar_part(self) -> None:
        day = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        zone, source = ZONES[0]
        at = day[48]
        for reading in batch_of(day[:49], zone, source, fetched_at=at.valid_to).readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.coverage == pytest.approx(
                5300 / at.total_mw
            )  # gas, coal and metered solar
            assert reading.gco2_high - reading.gco2_low > 600
            assert reading.detail["solar_in_other_mw"] == 8400
            assert reading.detail["fuel_mw"] == at.generation_mw

    @staticmethod
    def curtailed_day(other: Callable[[float], float] = lambda sun: 1500 + 28 * sun) -> list[Mix]:
        """Return a day whose metered plants are switched off from six hours before noon."""
        sun = [max(0.0, 300.0 - abs(at - 48) * 12.0) for at in range(96)]
        return [
            slot(
                at - 48,
                B04=1200.0,
                B05=0.0,
                B14=470.0,
                B16=5.0 if 24 <= at <= 72 and sun[at] > 5 else sun[at],
                B18=900.0,
                B20=other(sun[at]),
            )
            for at in range(96)
        ]

    def test_the_sun_of_a_curtailed_noon_is_an_estimate_and_not_a_measurement(self) -> None:
        day, (zone, source) = self.curtailed_day(), ZONES[0]
        noon = day[48]
        for reading in batch_of(day[:49], zone, source, fetched_at=noon.valid_to).readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.detail["split_of_other_known"] is False
            assert reading.detail["solar_in_other_mw"] == pytest.approx(28 * 300, rel=0.05)
            assert MIN_COVERAGE < reading.coverage < FULL_COVERAGE
            gas = table_of(zone.zone, reading.basis).factors["B04"]
            assert gas.gco2_kwh is not None
            cogenerated = dict(noon.generation_mw) | {"B04": 2700.0, "B16": 8405.0, "B20": 0.0}
            truth = mix_intensity(
                cogenerated, table_of(zone.zone, reading.basis), provider="p", zone="Z"
            ).gco2_kwh
            assert reading.gco2_low <= truth <= reading.gco2_high
            assert reading.gco2_kwh == pytest.approx(truth, abs=60)
            without_the_sun = mix_intensity(
                noon.generation_mw, table_of(zone.zone, reading.basis), provider="p", zone="Z"
            ).gco2_kwh
            assert abs(reading.gco2_kwh - truth) < abs(without_the_sun - truth) / 1.5

    def test_a_curtailed_noon_whose_other_is_as_by_night_is_no_measurement_either(self) -> None:
        day, (zone, source) = self.curtailed_day(other=lambda _: 1500.0), ZONES[0]
        for reading in batch_of(day[:49], zone, source, fetched_at=day[48].valid_to).readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.detail["solar_in_other_mw"] == 0
            assert reading.gco2_low < reading.gco2_kwh < reading.gco2_high

    def test_cogeneration_of_the_night_is_not_taken_for_sun(self) -> None:
        day = [
            mix._replace(generation_mw={**mix.generation_mw, "B20": 4000.0 if at < 12 else 3500.0})
            for at, mix in enumerate(self.curtailed_day())
        ]
        assert self.solar_mw(day, day[48]) == 0
        assert self.solar_mw(day, day[4]) == 0

    def test_a_recorded_day_has_the_same_noon_when_its_metered_sun_is_switched_off(
        self, recordings: Path
    ) -> None:
        zone, source = ZONES[0]
        body = (recordings / "entsoe/A75_NL_2024-09-02_A03.xml").read_bytes()
        day = slots(read(body, NL, zone.zone))
        curtailed = [
            mix._replace(
                generation_mw={
                    **mix.generation_mw,
                    "B16": 2.0 if 8 <= mix.valid_from.hour < 15 else mix.generation_mw["B16"],
                }
            )
            for mix in day
        ]
        noon = next(at for at, mix in enumerate(day) if mix.valid_from.hour == 12)
        whole, cut = (
            {
                reading.basis: reading
                for reading in batch_of(
                    mixes[: noon + 1], zone, source, fetched_at=day[noon].valid_to
                ).readings
            }
            for mixes in (day, curtailed)
        )
        for basis in Basis:
            assert cut[basis].quality is Quality.ESTIMATED
            assert not cut[basis].detail["split_of_other_known"]
            assert cut[basis].coverage < FULL_COVERAGE
            assert cut[basis].gco2_kwh == pytest.approx(whole[basis].gco2_kwh, abs=15)

    def test_a_noon_with_low_coverage_is_refused_although_other_follows_the_sun(self) -> None:
        day = self.day(lambda at: 1500 + 76 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        zone, source = ZONES[0]
        at = day[48]
        assert 5300 / at.total_mw < MIN_COVERAGE
        batch = batch_of(day[:49], zone, source, fetched_at=at.valid_to)
        assert batch.readings == ()
        reasons = [error.reason for error in batch.errors if isinstance(error, InvalidError)]
        assert reasons == ["low_coverage"] * 2

    def test_a_noon_of_mostly_other_is_refused_when_other_does_not_follow_the_sun(self) -> None:
        day = self.day(lambda _: 23_000.0)
        zone, source = ZONES[0]
        batch = batch_of(day[:49], zone, source, fetched_at=day[48].valid_to)
        assert batch.readings == ()
        reasons = [error.reason for error in batch.errors if isinstance(error, InvalidError)]
        assert reasons == ["low_coverage"] * 2


def ends(readings: Iterable[Reading], basis: Basis) -> list[datetime]:
    return [reading.valid_to for reading in readings if reading.basis is basis]


def test_the_window_has_each_slot_that_is_believed_on_both_bases() -> None:
    zone, source = ZONES[0]
    whole = {"B04": 4000.0, "B05": 1000.0, "B19": 500.0, "B20": 0.0}
    day = [slot(at, **whole) for at in range(8)]
    day[2] = slot(2, B04=4000.0, B05=1000.0, B20=0.0)
    day[4] = slot(4, **whole | {"B19": -500.0})
    batch = batch_of(day, zone, source, fetched_at=day[-1].valid_to, simulated=True)
    window = list(batch.window())
    for basis in Basis:
        assert ends(window, basis) == [day[at].valid_to for at in (0, 1, 3, 5, 6, 7)]
    assert list(batch.readings) == window[-2:]


class TestRefusals:
    """What is refused is reported once for each reason, and again only by a new sandbox."""

    @staticmethod
    def reasons(day: list[Mix], after: datetime | None = None) -> dict[str, str]:
        zone, source = ZONES[0]
        stored_slots = ZoneSlots(source.kinds, WINDOW, ())
        if after is not None:
            stored_slots.remember({after: {}}, (), after)
        batch = batch_of(
            day,
            zone,
            source,
            fetched_at=day[-1].valid_to,
            known=Known(stored_slots, memory_of(zone), WeekMeans(provider="entsoe")),
        )
        errors = [error for error in batch.errors if isinstance(error, InvalidError)]
        assert len(errors) == len(batch.errors)
        assert {(error.provider, error.zone) for error in errors} <= {("entsoe", "ENTSOE_NL")}
        return {error.reason: error.message for error in errors}

    @staticmethod
    def day() -> list[Mix]:
        whole = {"B04": 4000.0, "B05": 1000.0, "B19": 500.0, "B20": 0.0}
        day = [slot(at, **whole) for at in range(8)]
        for at in (2, 3, 7):
            day[at] = slot(at, B04=4000.0, B05=1000.0, B20=0.0)
        day[4] = slot(4, **whole | {"B19": -500.0})
        return day

    def test_slots_refused_for_one_reason_are_one_error(self) -> None:
        assert self.reasons(self.day()) == {
            "missing_fuel": "the slot of 2026-05-06T13:45Z, and 2 before it: the mix has no "
            "B19 (500 MW before)",
            "negative": "the slot of 2026-05-06T13:00Z: B19 makes -500 MW",
        }

    def test_what_lies_before_the_progress_marker_was_reported_when_it_was_new(self) -> None:
        day = self.day()
        assert self.reasons(day, after=day[5].valid_to).keys() == {"missing_fuel"}
        assert self.reasons(day[:7], after=day[5].valid_to) == {}

    def test_a_zone_of_which_nothing_is_believed_says_so_each_time(self) -> None:
        day = [slot(at, B19=500.0) for at in range(4)]
        assert self.reasons(day, after=day[-1].valid_to).keys() == {"missing_fuel"}

    def test_a_zone_whose_slots_have_not_ended_has_no_data(self) -> None:
        zone, source = ZONES[0]
        [later] = self.day()[:1]
        with pytest.raises(NoDataError, match="none of the 1 slots has ended"):
            batch_of([later], zone, source, fetched_at=later.valid_from)


def recorded(folder: Path, name: str, domain: str) -> list[Mix]:
    return slots(read((folder / f"entsoe/A75_{name}.xml").read_bytes(), domain, "Z"))


class TestRealBytes:
    def test_a_document_with_one_fuel_is_refused(self, recordings: Path) -> None:
        day = recorded(recordings, "DE_2023-08-15_psrB01_only", "10Y1001A1001A83F")
        [(zone, source)] = [pair for pair in ZONES if pair[0].zone == "ENTSOE_DE_LU"]
        batch = batch_of(day, zone, source, fetched_at=datetime(2023, 8, 17, tzinfo=UTC))
        [error] = batch.errors
        assert batch.readings == ()
        assert isinstance(error, InvalidError)
        assert error.reason == "missing_fuel"
        assert "and 95 before it: the mix has no B02, B04, B05, B19" in error.message

    def test_a_dutch_noon_and_night_have_the_expected_intensities(self, recordings: Path) -> None:
        day = recorded(recordings, "NL_2024-09-02_A03", NL)
        zone, source = ZONES[0]

        def lifecycle(hour: int) -> Reading:
            now = datetime(2024, 9, 2, hour, tzinfo=UTC)
            return batch_of(day, zone, source, fetched_at=now).readings[1]

        noon, night = lifecycle(12), lifecycle(2)
        assert (noon.quality, night.quality) == (Quality.ESTIMATED, Quality.MEASURED)
        assert 0.2 < noon.coverage < 0.3  # gas, coal, wind and metered solar; "Other" is unknown
        assert night.coverage > 0.7
        assert noon.gco2_low < noon.gco2_kwh < night.gco2_kwh < noon.gco2_high
