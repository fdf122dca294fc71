"""What the store has of the links of Great Britain, and of the grids behind them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from greenstream.domain.intensity import Factor, factor_tables
from greenstream.domain.reading import Basis, Kind, Reading, Scope, Signal
from greenstream.domain.zones import zones
from greenstream.ingest.links import Imports, StoredLinks
from greenstream.ports.store import StoreError
from tests.builders import NOW, a_reading
from tests.contract.pipeline import Heard

HALF_HOUR = timedelta(minutes=30)


def metered(mw: dict[str, float], *, minutes_ago: int = 5, **changes: Any) -> Reading:
    """Return a reading of Elexon whose mix has these links."""
    end = NOW - timedelta(minutes=minutes_ago)
    return a_reading(
        provider="elexon",
        provider_zone="GB",
        zone="GBR",
        scope=Scope.CONSUMPTION,
        valid_from=end - timedelta(minutes=5),
        valid_to=end,
        detail={"fuel_mw": {"CCGT": 9000.0, **mw}},
        **changes,
    )


def french(gco2_kwh: float, **changes: Any) -> Reading:
    fields: dict[str, Any] = {
        "zone": "ENTSOE_FR",
        "provider": "entsoe",
        "provider_zone": "10YFR-RTE------C",
        "gco2_kwh": gco2_kwh,
        "gco2_low": gco2_kwh - 5,
        "gco2_high": gco2_kwh + 5,
    }
    return a_reading(**fields | changes)


def read(
    stored: Sequence[Reading], newest: Sequence[Reading] = (), *, simulated: bool = False
) -> Imports:
    def history(
        zone: str, provider: str, kind: Kind, *, since: Any, until: Any
    ) -> Sequence[Reading]:
        assert (zone, provider, kind) == (
            "GBR",
            "elexon",
            Kind(Signal.AVERAGE, Basis.DIRECT),
        )
        return [reading for reading in stored if since < reading.valid_to <= until]

    links = StoredLinks(
        provider="elexon",
        table="ELEXON",
        history=history,
        newest=lambda: newest,
        simulated=simulated,
    )
    return links.read(NOW - HALF_HOUR, NOW, NOW)


def of_link(link: str, basis: Basis = Basis.DIRECT) -> Factor:
    return replace(factor_tables()["ELEXON", basis].factors[link], neighbour=None)


def test_the_power_of_a_link_is_the_mean_of_the_interval() -> None:
    imports = read(
        [
            metered({"INTFR": 1000.0, "INTNED": -500.0}, minutes_ago=5),
            metered({"INTFR": 2000.0}, minutes_ago=10),
            metered({"INTFR": 9.0}, minutes_ago=40),
        ]
    )

    assert imports.links_mw == {"INTFR": 1500.0, "INTNED": -500.0}


def test_a_grid_without_a_live_figure_stands_with_its_yearly_mean() -> None:
    imports = read([metered({"INTFR": 1500.0})])

    assert imports.neighbours == ()
    for basis in Basis:
        assert imports.factors[basis].of_grid() == of_link("INTFR", basis)


def test_a_live_figure_of_the_grid_behind_a_link_stands_with_its_own_bounds() -> None:
    imports = read([metered({"INTFR": 1500.0})], [french(25.0)])

    assert imports.factors[Basis.DIRECT].of_grid() == Factor(25.0, 20.0, 30.0)
    assert imports.factors[Basis.LIFECYCLE].of_grid() == of_link("INTFR", Basis.LIFECYCLE)
    assert imports.neighbours == ("ENTSOE_FR",)


@pytest.mark.parametrize(
    "changes",
    [
        {"age_s": zones()["ENTSOE_FR"].sources[0].max_age_s + 1},
        {"scope": Scope.CONSUMPTION},
        {"provider": "electricitymaps", "provider_zone": "FR", "scope": Scope.CONSUMPTION},
        {"simulated": True},
        {"signal": Signal.MARGINAL},
    ],
)
def test_what_is_old_made_up_or_counts_imports_itself_is_not_used(changes: dict[str, Any]) -> None:
    imports = read([metered({"INTFR": 1500.0})], [french(25.0, **changes)])

    assert imports.neighbours == ()
    assert imports.factors[Basis.DIRECT].of_grid() == of_link("INTFR")


def test_a_simulated_run_uses_simulated_figures_only() -> None:
    stored = [metered({"INTFR": 1000.0}, simulated=True), metered({"INTNED": 800.0})]
    newest = [french(25.0), french(70.0, simulated=True)]

    imports = read(stored, newest, simulated=True)

    assert imports.links_mw == {"INTFR": 1000.0}
    assert imports.factors[Basis.DIRECT].of_grid().gco2_kwh == 70.0


@pytest.mark.parametrize(
    "stored",
    [
        [],
        [metered({}, minutes_ago=31)],
        [replace(metered({}), detail={"fuel_mw": {"INTFR": "many"}})],
        [metered({"INTFR": -900.0})],
    ],
)
def test_links_that_are_not_known_or_do_not_import_have_the_shares_of_a_year(
    stored: list[Reading],
) -> None:
    """GWh of 2023 by interconnector, from the source that the table names."""
    gwh = {"INTFR": 7028, "INTIFA2": 3825, "INTELEC": 4649, "INTNED": 4265, "INTNEM": 3986}
    gwh |= {"INTNSL": 8945, "INTVKL": 64, "INTEW": 239}
    factors = factor_tables()["ELEXON", Basis.DIRECT].factors
    mean = sum(gwh[link] * (factors[link].gco2_kwh or 0) for link in gwh) / sum(gwh.values())

    known = read(stored).factors[Basis.DIRECT].of_grid()

    assert known.gco2_kwh == pytest.approx(mean)
    assert (known.low_gco2_kwh, known.high_gco2_kwh) == (0.0, 685.0)


def test_the_shares_of_a_year_too_count_by_live_figures() -> None:
    imports = read([], [french(25.0)])
    usual = read([]).factors[Basis.DIRECT].of_grid().gco2_kwh or 0

    assert imports.neighbours == ("ENTSOE_FR",)
    assert (imports.factors[Basis.DIRECT].of_grid().gco2_kwh or 0) < usual


def test_an_interval_is_read_again_only_until_it_has_settled() -> None:
    asked: list[Any] = []

    def history(*_: object, **span: Any) -> Sequence[Reading]:
        asked.append(span["until"])
        return [metered({"INTFR": 1000.0})]

    links = StoredLinks(provider="elexon", table="ELEXON", history=history)
    for minutes in (2, 7, 12, 17, 22):
        links.read(NOW - HALF_HOUR, NOW, NOW + timedelta(minutes=minutes))
    links.read(NOW, NOW + HALF_HOUR, NOW + timedelta(minutes=32))

    assert asked == [NOW, NOW, NOW, NOW + HALF_HOUR]


def test_a_store_that_cannot_be_read_is_logged_and_is_as_an_empty_one() -> None:
    def unreachable(*_: object, **__: object) -> Sequence[Reading]:
        raise StoreError("the table is away")

    heard = Heard()
    links = StoredLinks(provider="elexon", table="ELEXON", history=unreachable, telemetry=heard)

    assert links.read(NOW - HALF_HOUR, NOW, NOW) == read([])
    assert [(line["message"], line["error"]) for line in heard.lines] == [
        ("links not read", "the table is away")
    ]
