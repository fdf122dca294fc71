"""Great Britain by this package's factors, made of NESO's shares, with NESO's own figure beside."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from functions.eso.half_hours import HalfHour, regional_half_hours
from functions.eso.harmonised import Factors, ended_half_hour
from functions.eso.provider import LINKS, METERING, Eso
from functions.eso.shares import Shares, shares_of
from greenstream.domain.intensity import factor_tables
from greenstream.domain.reading import Basis, Kind, Reading, Scope, Signal
from greenstream.domain.zones import zones
from greenstream.ingest.links import StoredLinks
from tests.builders import a_reading
from tests.contract.neso_mixes import whole_mix
from tests.contract.pipeline import Body, Ran, http, ran
from tests.fakes.memory_store import MemoryStore
from tests.storing import put_reading

NOW = datetime(2026, 4, 19, 20, 14, tzinfo=UTC)
ENDED = datetime(2026, 4, 19, 19, 30, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
Row = dict[str, Any]

YORKSHIRE = {"biomass": 38.0, "gas": 15.0, "imports": 1.0, "nuclear": 4.0, "wind": 42.0}
"""A mix like that of a Yorkshire evening. NESO counts 45.6 g/kWh for the biomass alone."""

BRITAIN = {"biomass": 7.0, "gas": 30.0, "imports": 20.0, "nuclear": 13.0, "wind": 30.0}


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def published(shares: Mapping[str, float], import_gco2_kwh: float) -> int:
    """Return NESO's own figure of some shares, in whole g/kWh."""
    factors = {"gas": 394, "coal": 937, "biomass": 120, "other": 300, "imports": import_gco2_kwh}
    return round(sum(perc * factors.get(fuel, 0) for fuel, perc in shares.items()) / 100)


def period(start: datetime) -> Row:
    return {"from": stamp(start), "to": stamp(start + HALF_HOUR)}


def answers(import_gco2_kwh: float = 100.0) -> dict[str, Body]:
    """Return NESO's answers: Yorkshire and the nation."""
    starts = [ENDED + step * HALF_HOUR for step in range(49)]
    regional, national = published(YORKSHIRE, import_gco2_kwh), published(BRITAIN, import_gco2_kwh)
    regions = [
        period(start)
        | {
            "regions": [
                {
                    "regionid": number,
                    "intensity": {"forecast": figure, "index": "moderate"},
                    "generationmix": whole_mix(**shares),
                }
                for number, figure, shares in ((5, regional, YORKSHIRE), (18, national, BRITAIN))
            ]
        }
        for start in starts
    ]
    ahead = [
        period(start) | {"intensity": {"forecast": national, "actual": None, "index": "moderate"}}
        for start in starts
    ]
    newest = period(ENDED) | {
        "intensity": {"forecast": national, "actual": national, "index": "moderate"}
    }
    return {
        "/regional/*": {"data": regions},
        "/intensity/*": {"data": ahead},
        "/intensity": {"data": [newest]},
        "/generation/*": {"data": [period(ENDED) | {"generationmix": whole_mix(**BRITAIN)}]},
    }


def metered(links_mw: Mapping[str, float], *, minutes: int = 25) -> Reading:
    """Return a slot of the ended half hour as Elexon's collector stores it."""
    start = ENDED + timedelta(minutes=minutes)
    return a_reading(
        zone="GBR",
        provider="elexon",
        provider_zone="GB",
        scope=Scope.CONSUMPTION,
        valid_from=start,
        valid_to=start + timedelta(minutes=5),
        fetched_at=NOW,
        detail={"fuel_mw": dict(links_mw)},
    )


def run(store: MemoryStore, body: Mapping[str, Body] | None = None) -> Ran:
    wanted = tuple((zones()[name], zones()[name].sources[0]) for name in ("GBR-5", "GBR"))
    links = StoredLinks(
        provider=METERING,
        table=LINKS,
        history=store.history,
        newest=lambda: store.snapshot().readings,
    )
    return ran(Eso(http("eso", body or answers()), wanted=wanted, links=links), store, NOW)


def with_links(links_mw: Mapping[str, float], *neighbours: Reading) -> MemoryStore:
    store = MemoryStore()
    for reading in (metered(links_mw), *neighbours):
        put_reading(store, reading)
    return store


def ours(store: MemoryStore, zone: str) -> Reading:
    """Run NESO's collector, and return its newest direct figure of a zone."""
    run(store)
    [reading] = [
        one
        for one in store.snapshot().readings
        if (one.provider, one.zone, one.basis) == ("eso", zone, Basis.DIRECT)
    ]
    return reading


def detail_of(store: MemoryStore, zone: str) -> Mapping[str, object]:
    """Return the detail of the newest direct figure of a zone, which the history keeps."""
    span = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
    return store.history(zone, "eso", Kind(Signal.AVERAGE, Basis.DIRECT), **span)[-1].detail


class TestTheFigure:
    def test_biomass_counts_as_everywhere_and_nesos_figure_stays_beside(self) -> None:
        ran_once = run(MemoryStore())
        direct = ran_once.readings["GBR-5", "direct"]
        lifecycle = ran_once.readings["GBR-5", "lifecycle"]

        assert direct.as_published_gco2_kwh == 106
        assert direct.gco2_kwh == pytest.approx(15 * 3.94 + 0.749, abs=0.001)
        assert lifecycle.gco2_kwh == pytest.approx(
            38 * 2.3 + 15 * 5.14 + 1.173 + 4 * 0.12 + 42 * 0.12, abs=0.001
        )
        assert lifecycle.as_published_gco2_kwh is None
        assert {direct.factor_set, lifecycle.factor_set} == {"greenstream"}

    def test_without_links_the_imports_may_be_as_dirty_as_behind_any_link(self) -> None:
        reading = run(MemoryStore()).readings["GBR", "direct"]

        assert reading.gco2_low == pytest.approx(30 * 3.94)
        assert reading.gco2_high == pytest.approx(30 * 3.94 + 20 * 6.85)
        assert reading.coverage == 1.0

    def test_the_links_that_elexon_meters_are_the_imports(self) -> None:
        store = with_links({"INTFR": 3000, "INTNED": 1000, "INTIRL": -400})
        reading = ours(store, "GBR")
        french, dutch = (
            factor_tables()["ELEXON", Basis.DIRECT].factors[link] for link in ("INTFR", "INTNED")
        )

        assert french.gco2_kwh is not None
        assert dutch.gco2_kwh is not None
        imports = 0.75 * french.gco2_kwh + 0.25 * dutch.gco2_kwh
        highest = 0.75 * french.high_gco2_kwh + 0.25 * dutch.high_gco2_kwh
        assert reading.gco2_kwh == pytest.approx(30 * 3.94 + 0.2 * imports)
        assert reading.gco2_high == pytest.approx(30 * 3.94 + 0.2 * highest)
        assert detail_of(store, "GBR")["links_mw"] == {
            "INTFR": 3000,
            "INTIRL": -400,
            "INTNED": 1000,
        }

    def test_a_neighbours_live_figure_stands_before_its_yearly_mean(self) -> None:
        french = a_reading(
            zone="ENTSOE_FR",
            provider="entsoe",
            provider_zone="10YFR-RTE------C",
            gco2_kwh=25.0,
            gco2_low=20.0,
            gco2_high=30.0,
            valid_from=NOW - 3 * HALF_HOUR,
            valid_to=NOW - HALF_HOUR,
            fetched_at=NOW,
        )
        store = with_links({"INTFR": 3000}, french)
        reading = ours(store, "GBR")

        assert reading.gco2_kwh == pytest.approx(30 * 3.94 + 0.2 * 25)
        assert (reading.gco2_low, reading.gco2_high) == pytest.approx(
            (30 * 3.94 + 0.2 * 20, 30 * 3.94 + 0.2 * 30)
        )
        assert detail_of(store, "GBR")["neighbours"] == ["ENTSOE_FR"]

    def test_a_region_may_draw_from_any_link_that_imports(self) -> None:
        """Yorkshire imports 1 %, so that one g/kWh of a link is 0.01 of its figure."""
        reading = ours(with_links({"INTFR": 3000, "INTNED": 1000}), "GBR-5")

        assert reading.gco2_low == pytest.approx(15 * 3.94)
        assert reading.gco2_high == pytest.approx(15 * 3.94 + 0.01 * 600)

    @pytest.mark.parametrize(("import_gco2_kwh", "link"), [(474, "INTNED"), (53, "INTFR")])
    def test_nesos_own_factor_of_a_regions_imports_tells_the_link_that_it_draws_from(
        self, import_gco2_kwh: int, link: str
    ) -> None:
        """East England's imports counted 391 g/kWh in the median of 44 half hours: Dutch ones."""
        store = with_links({"INTFR": 3000, "INTNED": 1000})
        eastern = {"gas": 20.0, "imports": 40.0, "wind": 40.0}
        body = answers()
        for row in body["/regional/*"]["data"]:  # type: ignore[index,call-overload]
            row["regions"][0] |= {
                "intensity": {
                    "forecast": published(eastern, import_gco2_kwh),
                    "index": "moderate",
                },
                "generationmix": whole_mix(**eastern),
            }
        run(store, body)
        [reading] = [
            one
            for one in store.snapshot().readings
            if (one.provider, one.zone, one.basis) == ("eso", "GBR-5", Basis.DIRECT)
        ]
        factor = factor_tables()["ELEXON", Basis.DIRECT].factors[link].gco2_kwh or 0

        assert reading.gco2_kwh == pytest.approx(20 * 3.94 + 0.4 * factor, abs=0.6)
        assert (reading.gco2_low, reading.gco2_high) == pytest.approx((78.8, 78.8 + 0.4 * 600))

    def test_the_forecast_is_made_of_its_own_shares(self) -> None:
        store = MemoryStore()
        run(store)
        [direct, lifecycle] = sorted(store.forecasts("GBR-5"), key=lambda one: one.basis)

        assert len(direct.points) == len(lifecycle.points) == 48
        assert {round(point.gco2_kwh, 3) for point in direct.points} == {59.85}
        [nation] = [one for one in store.forecasts("GBR") if one.basis is Basis.DIRECT]
        assert nation.points[0].gco2_kwh == pytest.approx(30 * 3.94 + 0.2 * 67.7, abs=0.02)

    def test_a_figure_is_stored_once_in_a_half_hour(self) -> None:
        store = with_links({"INTFR": 3000})
        run(store)
        links = StoredLinks(provider=METERING, table=LINKS, history=store.history)
        later = NOW + timedelta(minutes=5)

        assert links.read(*ended_half_hour(NOW), NOW) == links.read(*ended_half_hour(later), later)


class TestTheGuard:
    """What NESO counted for a kWh of imports follows from its figure, and must be possible."""

    @pytest.mark.parametrize(("import_gco2_kwh", "stands"), [(0, True), (474, True), (700, False)])
    def test_an_import_factor_that_no_link_has_is_named(
        self, import_gco2_kwh: float, *, stands: bool
    ) -> None:
        store = MemoryStore()
        batch = run(store, answers(import_gco2_kwh))

        assert (batch.gco2_kwh("GBR") is not None) is stands
        assert batch.reasons("GBR") == (set() if stands else {"mix_identity"})
        if stands:
            implied = detail_of(store, "GBR")["implied_import_gco2_kwh"]
            assert implied == pytest.approx(import_gco2_kwh, abs=3)

    def test_a_mix_without_a_sum_of_100_percent_makes_no_national_figure(self) -> None:
        body = answers()
        without_gas = {fuel: perc for fuel, perc in BRITAIN.items() if fuel != "gas"}
        body["/generation/*"] = {
            "data": [period(ENDED) | {"generationmix": whole_mix(**without_gas)}]
        }

        batch = run(MemoryStore(), body)

        assert batch.reasons("GBR") == {"missing_fuel"}
        assert batch.gco2_kwh("GBR") is None
        assert batch.gco2_kwh("GBR-5") is not None

    @pytest.mark.parametrize(
        ("mix", "named"),
        [
            ([*whole_mix(**BRITAIN)[:-2], {"fuel": "breeze", "perc": 30}], "breeze"),
            ([*whole_mix(**BRITAIN)[1:], {"fuel": "straw", "perc": 7}], "biomass"),
            ([row for row in whole_mix(**BRITAIN) if row["fuel"] != "coal"], "coal"),
        ],
    )
    def test_a_fuel_under_another_name_and_a_fuel_that_is_absent_make_no_figure(
        self, mix: list[Row], named: str
    ) -> None:
        body = answers() | {"/generation/*": {"data": [period(ENDED) | {"generationmix": mix}]}}

        batch = run(MemoryStore(), body)

        assert batch.reasons("GBR") == {"missing_fuel"}
        assert any(named in str(line.get("error")) for line in batch.heard.lines)

    def test_the_order_of_the_fuels_changes_nothing(self) -> None:
        body = answers()
        backwards = [period(ENDED) | {"generationmix": whole_mix(**BRITAIN)[::-1]}]

        other = run(MemoryStore(), body | {"/generation/*": {"data": backwards}})

        assert other.readings == run(MemoryStore(), body).readings

    @pytest.mark.parametrize("data", [None, [], [{"from": "soon"}], {"generationmix": []}])
    def test_an_answer_without_mixes_leaves_the_regions(self, data: object) -> None:
        batch = run(MemoryStore(), answers() | {"/generation/*": {"data": data}})

        assert batch.gco2_kwh("GBR") is None
        assert batch.reasons("GBR")
        assert batch.gco2_kwh("GBR-5") is not None


class TestRealBytes:
    """The recorded half hours of London of May 2026 and of South West England of New Year 2023."""

    @staticmethod
    def rows(recordings: Path) -> Iterator[tuple[float, Shares]]:
        for name in (
            "regional_fw24h_regionid13_2026-05-05.json",
            "regional_regionid11_2022-12-31_year_boundary.json",
        ):
            body = json.loads((recordings / "neso" / name).read_bytes())
            for _, row in regional_half_hours(body["data"]):
                assert isinstance(row, HalfHour)
                yield row.intensity["forecast"], shares_of(row.mix)

    def test_each_figure_of_neso_implies_a_possible_import_factor(self, recordings: Path) -> None:
        implied = [
            factor
            for figure, shares in self.rows(recordings)
            if (factor := shares.implied_import_gco2_kwh(figure)) is not None
        ]

        assert len(implied) == 54
        assert min(implied) > 0
        assert max(implied) < 474

    def test_the_shares_times_nesos_factors_and_its_import_factor_are_its_figure(
        self, recordings: Path
    ) -> None:
        errors = []
        for figure, shares in self.rows(recordings):
            implied = shares.implied_import_gco2_kwh(figure)
            assert implied is not None
            computed = shares.burnt_gco2_kwh + round(implied) * shares.imports_percent / 100
            errors.append(abs(computed - figure))

        assert max(errors) < 0.3
        assert mean(errors) < 0.1

    def test_londons_figure_is_near_nesos_since_it_burns_hardly_any_biomass(
        self, recordings: Path
    ) -> None:
        factors = Factors(StoredLinks(provider=METERING, table=LINKS).read(ENDED, NOW, NOW))
        apart = []
        for figure, shares in self.rows(recordings):
            ours = factors.intensity(shares, Basis.DIRECT, "GBR-13", figure)
            assert ours.gco2_low <= ours.gco2_kwh <= ours.gco2_high
            apart.append(abs(ours.gco2_kwh - figure))

        assert mean(apart) < 25
