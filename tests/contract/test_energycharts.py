"""Energy-Charts: the mixes of countries, as its OpenAPI document and public code describe them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.energycharts.answers import NAME, slots_of
from functions.energycharts.grid import COVERAGE_OF_PART, part_bounds
from functions.energycharts.provider import LATER, PAUSE_S, SILENCE, WINDOW, EnergyCharts
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
)
from greenstream.domain.intensity import mix_intensity, table_over
from greenstream.domain.ladder import FULL_COVERAGE, Ladder, Rung
from greenstream.domain.moment import Moment
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Signal
from greenstream.domain.zones import zones, zones_of
from greenstream.ingest.http import HttpClient
from infra.local.upstream import energycharts
from infra.local.upstream.wire import Request
from tests.builders import a_reading

NOW = datetime(2026, 6, 10, 12, 7, tzinfo=UTC)
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
FRANCE_MW = {
    "Hydro pumped storage consumption": -500.0,
    "Cross border electricity trading": -9000.0,
    "Nuclear": 40_000.0,
    "Hydro Run-of-River": 5000.0,
    "Biomass": 300.0,
    "Fossil gas": 1500.0,
    "Hydro water reservoir": 1200.0,
    "Hydro pumped storage": 0.0,
    "Others": 0.0,
    "Waste": 200.0,
    "Wind onshore": 4000.0,
    "Solar": 9000.0,
    "Load": 52_000.0,
    "Residual load": 39_000.0,
    "Renewable share of generation": 32.1,
    "Renewable share of load": 34.0,
}
"""The production types of a country, in the order in which the API lists them."""


def answer(
    mw: dict[str, Any] = FRANCE_MW,
    *,
    slots: int = 4,
    later: int = 2,
    end: datetime = NOON,
    step: timedelta = QUARTER,
) -> dict[str, Any]:
    """Return an answer with slots that end at ``end``, each a little greater than the one before.

    ``later`` slots after them hold null, as those that are not published yet.
    """
    start = end - slots * step
    return {
        "unix_seconds": [int((start + n * step).timestamp()) for n in range(slots + later)],
        "production_types": [
            {
                "name": name,
                "data": [
                    value
                    if isinstance(value, str) or not value
                    else round(value * (1 + n / 1e3), 2)
                    for n in range(slots)
                ]
                + [None] * later,
            }
            for name, value in mw.items()
        ],
        "deprecated": False,
    }


def read(made: object, now: datetime = NOW) -> list[dict[str, float]]:
    found = slots_of(made, "ENTSOE_FR", now, timedelta(hours=1))
    return [dict(slot.mix.generation_mw) for slot in found]


class TestAnswers:
    def test_each_slot_has_the_generation_by_entsoes_types(self) -> None:
        first, *_, last = read(answer())
        assert first == {
            "B14": 40_000.0, "B11": 5000.0, "B01": 300.0, "B04": 1500.0, "B12": 1200.0,
            "B10": 0.0, "B20": 0.0, "B17": 200.0, "B19": 4000.0, "B16": 9000.0,
        }  # fmt: skip
        assert last["B14"] == 40_120.0

    def test_the_times_are_the_starts_of_the_slots(self) -> None:
        found = slots_of(answer(), "Z", NOW, timedelta(hours=1))
        assert [slot.mix.valid_to for slot in found] == [NOON - n * QUARTER for n in (3, 2, 1, 0)]
        [only] = slots_of(answer(slots=1, later=0, step=timedelta(hours=1)), "Z", NOW, QUARTER * 4)
        assert (only.mix.valid_from, only.mix.valid_to) == (NOON - timedelta(hours=1), NOON)

    def test_what_is_not_published_yet_is_no_slot(self) -> None:
        assert len(read(answer(slots=3, later=5))) == 3
        with pytest.raises(NoDataError):
            read(answer(slots=0, later=4))

    def test_a_null_is_an_absent_fuel_and_never_zero(self) -> None:
        made = answer()
        made["production_types"][2]["data"][1] = None
        assert ["B14" in slot for slot in read(made)] == [True, False, True, True]

    def test_a_slot_that_has_not_ended_is_left_out(self) -> None:
        assert len(read(answer(), NOW - QUARTER)) == 3

    def test_an_unknown_type_only_widens_the_bounds(self) -> None:
        [slot, *_] = slots_of(answer(FRANCE_MW | {"Tidal": 700.0}), "Z", NOW, QUARTER)
        assert "Tidal" not in slot.mix.generation_mw
        assert slot.beside_mw == {"Tidal": 700.0}

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("7", "not_a_number"),
            (True, "not_a_number"),
            (float("nan"), "not_a_number"),
            ([], "not_a_number"),
            (1e300, "implausible_mw"),
            (10**400, "implausible_mw"),
        ],
    )
    def test_a_bad_value_costs_its_slot_only(self, value: object, reason: str) -> None:
        made = answer()
        made["production_types"][2]["data"][1] = value
        found = slots_of(made, "Z", NOW, QUARTER)
        reasons = [slot.mix.refusal.reason if slot.mix.refusal else None for slot in found]
        assert reasons == [None, reason, None, None]

    def test_two_figures_of_one_type_are_a_contradiction(self) -> None:
        made = answer()
        made["production_types"].append({"name": "Nuclear", "data": [1.0, *[None] * 5]})
        [first, *others] = slots_of(made, "Z", NOW, QUARTER)
        assert first.mix.refusal is not None
        assert first.mix.refusal.reason == "contradiction"
        assert not any(slot.mix.refusal for slot in others)

    def test_a_figure_for_the_future_is_refused(self) -> None:
        found = slots_of(answer(slots=8, later=0, end=NOON + timedelta(hours=1)), "Z", NOW, QUARTER)
        assert {slot.mix.refusal.reason for slot in found if slot.mix.refusal} == {"future"}

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda _: "no content available",
            lambda made: [made],
            lambda made: made | {"unix_seconds": None},
            lambda made: made | {"unix_seconds": [*made["unix_seconds"][:-1], "soon"]},
            lambda made: made | {"unix_seconds": [*made["unix_seconds"][:-1], 10**30]},
            lambda made: made | {"unix_seconds": made["unix_seconds"][::-1]},
            lambda made: made | {"unix_seconds": [at + 7 for at in made["unix_seconds"]]},
            lambda made: made | {"unix_seconds": [at // 900 for at in made["unix_seconds"]]},
            lambda made: made | {"unix_seconds": made["unix_seconds"][1:]},
            lambda made: made | {"production_types": {}},
            lambda made: made | {"production_types": [7]},
            lambda made: made | {"production_types": [{"name": None, "data": []}]},
            lambda made: made | {"production_types": [{"name": "Solar", "data": None}]},
        ],
    )
    def test_another_format_is_malformed(self, spoil: Callable[[dict[str, Any]], object]) -> None:
        with pytest.raises(InvalidError) as refused:
            read(spoil(answer()))
        assert refused.value.reason == "malformed"


class Api:
    """Answers requests as the tests say, and remembers them and the time between them."""

    def __init__(self, reply: Callable[[str], httpx.Response]) -> None:
        self.asked: list[dict[str, str]] = []
        self.slept: list[float] = []
        self.seconds = 0.0
        self._reply = reply

    def http(self) -> HttpClient:
        return HttpClient(
            provider=NAME,
            base_url="https://charts.test",
            attempts=1,
            transport=httpx.MockTransport(self._answer),
            sleep=self._sleep,
            monotonic=lambda: self.seconds,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/public_power"
        self.asked.append(dict(request.url.params))
        self.seconds += 0.1
        return self._reply(request.url.params["country"])

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    @property
    def countries(self) -> list[str]:
        return [query["country"] for query in self.asked]


def simulated(country: str, now: datetime = NOW) -> httpx.Response:
    query = {"country": country, "start": f"{now - WINDOW:%Y-%m-%dT%H:%MZ}"}
    query["end"] = f"{now:%Y-%m-%dT%H:%MZ}"
    made = energycharts.answer(Request("GET", "/public_power", query), now)
    return httpx.Response(made.status, content=made.body)


def provider(api: Api, *countries: str, **more: Any) -> EnergyCharts:
    wanted = tuple(
        pair for pair in zones_of(NAME) if not countries or pair[1].provider_zone in countries
    )
    return EnergyCharts(http=api.http(), wanted=wanted, **more)


def outcomes(
    made: EnergyCharts, now: datetime = NOW
) -> tuple[list[Reading], list[GreenStreamError], list[str]]:
    readings: list[Reading] = []
    errors: list[GreenStreamError] = []
    skipped: list[str] = []
    for batch in made.fetch(now):
        readings += batch.readings
        errors += batch.errors
        skipped += batch.skipped
        batch.acknowledge()
    return readings, errors, skipped


class TestRequests:
    def test_a_country_is_asked_for_a_day_and_a_half_first_and_then_for_four_hours(self) -> None:
        api = Api(simulated)
        made = provider(api, "fr")
        outcomes(made)
        outcomes(made, NOW + QUARTER)
        first, second = api.asked
        assert first == {"country": "fr", "start": "2026-06-09T00:07Z", "end": "2026-06-10T12:07Z"}
        assert second == {"country": "fr", "start": "2026-06-10T08:00Z", "end": "2026-06-10T12:22Z"}
        assert timedelta(hours=4) == LATER

    def test_a_country_that_has_fallen_behind_is_asked_for_what_it_has(self) -> None:
        api = Api(lambda country: simulated(country, NOW))
        made = provider(api, "fr")
        [first, _], _, _ = outcomes(made)
        later, errors, _ = outcomes(made, NOW + timedelta(hours=12))
        assert not errors
        assert {reading.valid_to for reading in later} == {first.valid_to}
        since = datetime.strptime(api.asked[1]["start"], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        assert since == first.valid_to - timedelta(hours=2)

    def test_at_most_two_requests_begin_in_a_second(self) -> None:
        api = Api(simulated)
        readings, errors, _ = outcomes(provider(api))
        assert not errors
        assert len(api.asked) == len(set(api.countries)) == 33
        assert len(api.slept) == 32
        assert api.slept == pytest.approx([PAUSE_S - 0.1] * 32)
        assert {reading.provider_zone for reading in readings} == set(api.countries)

    def test_after_429_nothing_is_asked_for_ten_minutes(self) -> None:
        api = Api(lambda _: httpx.Response(429, headers={"Retry-After": "1"}))
        made = provider(api)
        for now in (NOW, NOW + SILENCE - timedelta(seconds=1)):
            with pytest.raises(ThrottledError):
                outcomes(made, now)
        assert len(api.asked) == 1
        with pytest.raises(ThrottledError):
            outcomes(made, NOW + SILENCE)
        assert len(api.asked) == 2

    def test_an_empty_day_costs_its_country_only(self) -> None:
        def reply(country: str) -> httpx.Response:
            if country == "de":
                return httpx.Response(404, json={"detail": "no content available"})
            return simulated(country)

        readings, [error], _ = outcomes(provider(Api(reply), "de", "fr"))
        assert isinstance(error, NoDataError)
        assert error.zone == "ENTSOE_DE_LU"
        assert {reading.zone for reading in readings} == {"ENTSOE_FR"}

    @pytest.mark.parametrize("status", [301, 400, 403, 422])
    def test_another_refusal_is_named(self, status: int) -> None:
        api = Api(lambda _: httpx.Response(status, json={"message": "rate plan"}))
        _, errors, _ = outcomes(provider(api, "de", "fr"))
        assert [type(error) for error in errors] == [PermanentError] * 2
        assert f"HTTP {status}" in str(errors[0])

    def test_the_next_run_goes_on_where_time_ended(self) -> None:
        slow = Api(simulated)

        def reply(country: str) -> httpx.Response:
            slow.seconds += 7.0
            return simulated(country)

        slow = Api(reply)
        made = provider(slow)
        outcomes(made)
        asked = len(slow.asked)
        assert asked < 29
        outcomes(made)
        assert len(set(slow.countries[: 2 * asked])) == 2 * asked

    def test_a_country_that_is_not_stored_is_asked_first_again(self) -> None:
        api = Api(simulated)
        made = provider(api, "de", "fr", "be")
        for batch in made.fetch(NOW):
            if not batch.skipped and batch.readings:
                break
        outcomes(made)
        assert api.countries[0] == api.countries[1]


def entsoes(zone: str, age: timedelta) -> list[Reading]:
    [source] = [source for source in zones()[zone].sources if source.provider == "entsoe"]
    return [
        a_reading(
            zone=zone,
            provider="entsoe",
            provider_zone=source.provider_zone,
            valid_to=NOW - age,
            fetched_at=NOW,
        )
    ]


class TestBehindEntsoe:
    def test_it_is_named_as_the_same_data_right_after_entsoe(self) -> None:
        for zone, source in zones_of(NAME):
            names = [listed.provider for listed in zone.sources]
            first = zone.sources[names.index(NAME) - 1]
            assert first.provider == "entsoe"
            assert (first.data_of, first.kinds, first.scope, first.cadence_s) == (
                source.data_of,
                source.kinds,
                source.scope,
                source.cadence_s,
            )

    def test_a_country_is_not_asked_while_entsoes_figure_is_live(self) -> None:
        api = Api(simulated)
        newest = [
            *entsoes("ENTSOE_FR", timedelta(hours=2)),
            *entsoes("ENTSOE_BE", 4 * timedelta(hours=1)),
        ]
        _, _, skipped = outcomes(provider(api, "fr", "be", newest=lambda: newest))
        assert api.countries == ["be"]
        assert skipped == ["ENTSOE_FR"]

    def test_a_country_of_several_zones_waits_until_one_has_no_figure_of_its_own(self) -> None:
        api, of_zone = Api(simulated), entsoes("ENTSOE_DK2", timedelta(days=1))
        late = [*entsoes("ENTSOE_DK1", timedelta(hours=40)), *of_zone]
        outcomes(provider(api, "dk", newest=lambda: late))
        assert api.countries == []
        lost = [*entsoes("ENTSOE_DK1", timedelta(hours=49)), *of_zone]
        outcomes(provider(api, "dk", newest=lambda: lost))
        assert api.countries == ["dk"]


def figures(country: str, made: dict[str, Any], now: datetime = NOW) -> dict[Basis, Reading]:
    api = Api(lambda _: httpx.Response(200, json=made))
    readings, errors, _ = outcomes(provider(api, country), now)
    assert errors == []
    return {reading.basis: reading for reading in readings}


class TestFigures:
    def test_a_country_that_is_one_zone_has_entsoes_figure(self) -> None:
        for basis, reading in figures("fr", answer()).items():
            fuel_mw = reading.detail["fuel_mw"]
            assert isinstance(fuel_mw, dict)
            expected = mix_intensity(
                fuel_mw, table_over("ENTSOE", "ENTSOE_FR", basis), provider="p", zone="Z"
            )
            assert reading.gco2_kwh == pytest.approx(expected.gco2_kwh)
            assert reading.quality is Quality.MEASURED
            assert reading.coverage > 0.99
            assert (reading.zone, reading.valid_to) == ("ENTSOE_FR", NOON)

    def test_what_entsoes_rules_refuse_is_refused(self) -> None:
        api = Api(lambda _: httpx.Response(200, json=answer(FRANCE_MW | {"Nuclear": None})))
        readings, [error], _ = outcomes(provider(api, "fr"))
        assert readings == []
        assert isinstance(error, InvalidError)
        assert error.reason == "missing_fuel"

    def test_a_figure_in_gigawatts_is_refused(self) -> None:
        gw = {name: mw / 1000 for name, mw in FRANCE_MW.items()}
        api = Api(lambda _: httpx.Response(200, json=answer(gw)))
        _, errors, _ = outcomes(provider(api, "fr"))
        assert {error.kind for error in errors} == {"invalid"}

    def test_the_newest_slot_is_left_out_while_a_needed_fuel_is_null(self) -> None:
        made = answer()
        for row in made["production_types"]:
            if row["name"] == "Nuclear":
                row["data"][3] = None
        api = Api(lambda _: httpx.Response(200, json=made))
        readings, errors, _ = outcomes(provider(api, "fr"))
        assert {reading.valid_to for reading in readings} == {NOON - QUARTER}
        assert [error.kind for error in errors] == ["invalid"]

    def test_the_sun_in_the_dutch_other_is_an_estimate_within_bounds(self) -> None:
        api = Api(simulated)
        readings, errors, _ = outcomes(provider(api, "nl"))
        assert not errors
        for reading in readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.detail["solar_in_other_mw"]
            assert reading.coverage < FULL_COVERAGE
            assert reading.gco2_low < reading.gco2_kwh < reading.gco2_high


DENMARK_MW = {
    "Cross border electricity trading": 100.0,
    "Biomass": 400.0,
    "Fossil gas": 200.0,
    "Fossil hard coal": 400.0,
    "Waste": 100.0,
    "Wind offshore": 900.0,
    "Wind onshore": 1500.0,
    "Solar": 500.0,
    "Load": 4000.0,
}


class TestZonesOfACountry:
    @pytest.fixture
    def readings(self) -> dict[Basis, Reading]:
        return figures("dk", answer(DENMARK_MW))

    def test_the_countrys_figure_is_never_wholly_live(self, readings: dict[Basis, Reading]) -> None:
        for reading in readings.values():
            assert reading.coverage == COVERAGE_OF_PART < FULL_COVERAGE
            assert reading.quality is Quality.ESTIMATED
            assert reading.detail["mix_of"] == "DK"

    def test_its_bounds_are_those_of_the_cleanest_and_dirtiest_part(
        self, readings: dict[Basis, Reading]
    ) -> None:
        reading = readings[Basis.DIRECT]
        assert reading.gco2_low == 0
        assert reading.gco2_high > 1000  # coal alone may be the smallest zone

    def test_it_stands_for_each_zone_before_the_yearly_mean(
        self, readings: dict[Basis, Reading]
    ) -> None:
        kind = (Kind(Signal.AVERAGE, Basis.DIRECT),)
        for name in ("ENTSOE_DK1", "ENTSOE_DK2"):
            ladder = Ladder(zones()[name], readings.values(), ())
            figure = ladder.at(Moment(NOW, Policy()), kind)
            assert figure.rung is Rung.LIVE_PARTIAL
            assert figure.origin.gco2_kwh == readings[Basis.DIRECT].gco2_kwh
            own = Ladder(zones()[name], [*readings.values(), *entsoes(name, QUARTER)], ())
            assert own.at(Moment(NOW, Policy()), kind).rung is Rung.LIVE

    def test_the_bounds_hold_any_split_of_the_mix_into_zones(self) -> None:
        table = table_over("ENTSOE", "ENTSOE_DK1", Basis.DIRECT)
        mix_mw = {"B04": 200.0, "B05": 400.0, "B19": 1500.0, "B16": 500.0}
        for share in (0.0, 0.2, 0.5, 1.0):
            west = {fuel: mw * share if fuel == "B05" else mw / 2 for fuel, mw in mix_mw.items()}
            east = {fuel: mw - west[fuel] for fuel, mw in mix_mw.items()}
            least_mw = min(sum(west.values()), sum(east.values()))
            low, high = part_bounds(mix_mw, table, least_mw)
            for zone in (west, east):
                figure = mix_intensity(zone, table, provider="p", zone="Z").gco2_kwh
                assert low <= figure <= high

    def test_the_whole_mix_is_its_own_only_part(self) -> None:
        table = table_over("ENTSOE", "ENTSOE_DK1", Basis.DIRECT)
        mix_mw = {"B04": 200.0, "B05": 400.0, "B19": 1500.0}
        whole = mix_intensity(mix_mw, table, provider="p", zone="Z").gco2_kwh
        assert part_bounds(mix_mw, table, 2100.0) == pytest.approx((whole, whole))
        assert part_bounds(mix_mw, table, 0.0) == (
            table.factors["B19"].low_gco2_kwh,
            table.factors["B05"].high_gco2_kwh,
        )


def test_only_what_is_new_or_revised_is_given_again() -> None:
    now = [NOW]
    api = Api(lambda country: simulated(country, now[0]))
    made = provider(api, "fr")
    first, _, _ = outcomes(made)
    now[0] = NOW + QUARTER
    again, _, _ = outcomes(made, now[0])
    assert {reading.valid_to for reading in again} == {reading.valid_to for reading in first}
    now[0] = NOW + 3 * timedelta(hours=1)
    later, _, _ = outcomes(made, now[0])
    assert {reading.valid_to for reading in later} == {
        first[0].valid_to + n * timedelta(hours=1) for n in (1, 2, 3)
    }


def test_the_openapi_document_names_the_request_and_the_answer(recordings: Path) -> None:
    path = recordings / "energy_charts/openapi_energy-charts_0.1.0.json"
    described = json.loads(path.read_bytes())
    operation = described["paths"]["/public_power"]["get"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert {"country", "start", "end"} <= names
    for member in ("unix_seconds", "production_types", "name", "data", "deprecated"):
        assert f'"{member}"' in operation["description"]
    simulated_answer = json.loads(simulated("de").content)
    assert set(simulated_answer) == {"unix_seconds", "production_types", "deprecated"}
    assert set(simulated_answer["production_types"][0]) == {"name", "data"}


class TestIreland:
    """Whether the country is the whole island, as the zone is, is not known."""

    def test_its_figure_is_partial_and_counts_the_north_as_anything(self) -> None:
        readings, errors, _ = outcomes(provider(Api(simulated), "ie"))
        assert not errors
        for reading in readings:
            mw = reading.detail["fuel_mw"]
            assert isinstance(mw, dict)
            table = table_over("ENTSOE", "ENTSOE_IE", reading.basis)
            value = mix_intensity(mw, table, provider=NAME, zone="ENTSOE_IE")
            total_mw = sum(mw.values())
            cleanest = value.gco2_kwh * total_mw / (total_mw + 2500)
            assert reading.gco2_kwh == pytest.approx(value.gco2_kwh)
            assert reading.gco2_low <= cleanest + 1
            assert reading.gco2_high > value.gco2_high
            assert reading.coverage < FULL_COVERAGE
