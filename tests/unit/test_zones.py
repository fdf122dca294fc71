"""The tables of zones and POPs are consistent, and the six default POPs have their own grids."""

import pytest

from greenstream.domain.places import place, pops, seed_pops
from greenstream.domain.policy import RankedScope
from greenstream.domain.reading import Basis, Kind
from greenstream.domain.tables import DATA, load
from greenstream.domain.zone_sources import zone_sources
from greenstream.domain.zones import INDEX, zones, zones_of
from infra.ops.zone_index import index_of
from infra.registry import COLLECTORS


def test_the_six_default_pops_draw_from_their_known_grids() -> None:
    table = pops()
    assert {pop: [entry.zone for entry in table[pop].zones] for pop in seed_pops()} == {
        "sfo": ["CAISO_NORTH"],
        "lax": ["EIA_LDWP", "CAISO_NORTH"],
        "iad": ["PJM", "NYISO"],
        "nyc": ["NYISO"],
        "lon": ["GBR-13"],
        "ams": ["ENTSOE_NL"],
    }


def test_ashburn_is_on_pjm_and_new_york_is_only_its_fallback() -> None:
    own, other = pops()["iad"].zones
    assert (own.proxy, other.proxy) == (False, True)
    assert other.proxy_reason


def test_every_pop_stands_on_earth_and_draws_from_known_zones() -> None:
    for pop in pops().values():
        assert -90 <= pop.lat <= 90
        assert -180 <= pop.lon <= 180
        assert pop.zones
        assert pop.source
        for entry in pop.zones:
            assert entry.zone in zones()
            assert bool(entry.proxy_reason) == entry.proxy


def test_every_zone_has_a_published_mean_with_its_source_and_year() -> None:
    for zone in zones().values():
        assert zone.annual_means, zone.zone
        for mean in zone.annual_means:
            assert 0 <= mean.gco2_kwh < 1200
            assert 2019 <= mean.year <= 2026
        cited = zone_sources()[zone.zone]
        assert cited.source
        assert len(cited.annual_means) == len(zone.annual_means)
        assert all(cited.annual_means)
        kinds = [mean.kind for mean in zone.annual_means]
        assert len(kinds) == len(set(kinds))


def test_a_mean_of_zero_says_why_it_is_one() -> None:
    zeros = {
        zone.zone: (mean, source)
        for zone in zones().values()
        for mean, source in zip(
            zone.annual_means, zone_sources()[zone.zone].annual_means, strict=True
        )
        if mean.gco2_kwh == 0
    }

    assert zeros.keys() == {"ENTSOE_AL", "BT", "CD", "NP", "PY"}
    for mean, source in zeros.values():
        assert mean.basis is Basis.DIRECT
        assert "held no coal, gas or oil" in source


def test_the_index_has_the_rows_of_the_table_without_their_prose() -> None:
    """A change of ``zones.json`` wants ``python -m infra.ops.zone_index --write``."""
    rows = load("zones.json")["zones"]

    assert (DATA / INDEX).read_text(encoding="utf-8") == index_of(rows)
    assert list(zones()) == [row["zone"] for row in rows]
    for row in rows:
        zone = zones()[row["zone"]]
        assert (zone.name, zone.country, zone.time_zone) == tuple(
            row[name] for name in ("name", "country", "time_zone")
        )
        assert [(source.provider, source.provider_zone) for source in zone.sources] == [
            (source["provider"], source["provider_zone"]) for source in row["sources"]
        ]
        assert [(mean.basis, mean.gco2_kwh, mean.year) for mean in zone.annual_means] == [
            (mean["basis"], mean["gco2_kwh"], mean["year"]) for mean in row["annual_means"]
        ]
    assert '"source"' not in index_of(rows)


def test_a_country_of_which_the_tables_know_nothing_has_no_row() -> None:
    """Both tables give 0 for the Central African Republic, where they know nothing of it."""
    assert "CF" not in {zone.country for zone in zones().values()}


def test_a_zone_is_made_once_and_an_unknown_one_never() -> None:
    assert zones()["NYISO"] is zones()["NYISO"]
    assert "ATLANTIS" not in zones()
    assert zones().get("ATLANTIS") is None
    assert len(zones()) == len(list(zones())) == len(dict(zones()))


def test_every_zone_has_one_row() -> None:
    names = [row["zone"] for row in load("zones.json")["zones"]]

    assert sorted(names) == sorted(set(names))


def test_sources_are_live_for_at_least_one_cadence() -> None:
    for zone in zones().values():
        for source in zone.sources:
            assert source.max_age_s >= source.cadence_s
            assert source.bases


def test_the_fourteen_regions_of_great_britain_fall_back_to_the_nation() -> None:
    for region in range(1, 15):
        regional, national = zones()[f"GBR-{region}"].sources[:2]
        assert (regional.provider, regional.provider_zone) == ("eso", str(region))
        assert (national.provider, national.provider_zone) == ("eso", "national")


@pytest.mark.parametrize("provider", COLLECTORS)
def test_zones_of_a_provider(provider: str) -> None:
    found = zones_of(provider)
    assert found
    assert {source.provider for _, source in found} == {provider}
    assert all(isinstance(kind, Kind) for _, source in found for kind in source.kinds)


def test_electricity_maps_stands_behind_every_zone_on_a_basis_of_its_other_sources() -> None:
    named = [row for row in load("zones.json")["zones"] if "Electricity Maps" in row["source"]]
    ranked = [zones()[row["zone"]].ranked(RankedScope.USUAL) for row in named if row["sources"]]
    assert {zone.sources[-1].provider for zone in ranked} == {"electricitymaps"}
    for zone in zones().values():
        if not zone.sources:
            # Electricity Maps has no zone for Grenada, and one for the whole of China.
            assert zone.zone == "GD" or zone.zone.startswith("CN_")
            continue
        *others, last = zone.ranked(RankedScope.USUAL).sources
        assert last.provider == "electricitymaps", zone.zone
        average = {kind for source in others for kind in source.kinds}
        assert set(last.kinds) <= (average or {mean.kind for mean in zone.annual_means})
        assert len(last.bases) == 1  # an hourly request has one basis


def test_a_figure_of_the_whole_of_china_does_not_stand_for_its_provinces() -> None:
    """The official means of the provinces differ by a factor of five."""
    provinces = [zone for name, zone in zones().items() if name.startswith("CN_")]
    means = [mean.gco2_kwh for zone in provinces for mean in zone.annual_means]
    assert max(means) > 4 * min(means)
    assert not any(zone.sources for zone in provinces)


def test_the_marginal_rate_comes_first_where_a_free_account_has_it() -> None:
    (zone, source), *others = zones_of("watttime")
    assert zone.sources[0] == source
    assert (zone.zone, source.provider_zone) == ("CAISO_NORTH", "CAISO_NORTH")
    assert [str(kind) for kind in source.kinds] == ["marginal/direct"]
    assert [zone.zone for zone, _ in others] == ["CAISO_SANDIEGO"]


def test_san_diego_shares_the_feeds_of_the_whole_california_iso() -> None:
    north, south = zones()["CAISO_NORTH"], zones()["CAISO_SANDIEGO"]
    assert south.sources[0].provider_zone == "CAISO_SANDIEGO"
    assert south.sources[1:] == north.sources[1:]
    assert south.annual_means == north.annual_means
    assert [entry.zone for entry in pops()["san"].zones] == ["CAISO_SANDIEGO"]
    assert [entry.zone for entry in place("SAN").zones] == ["CAISO_SANDIEGO"]


def test_the_parts_of_los_angeles_and_calabria_are_zones_of_their_own() -> None:
    assert [entry.proxy for entry in pops()["lax"].zones] == [False, True]
    assert place("LAX").zones[0].zone == place("lax").zones[0].zone == "EIA_LDWP"
    calabria = zones()["ENTSOE_IT_CALABRIA"]
    names = {source.provider: source.provider_zone for source in calabria.sources}
    assert names["entsoe"] == names["flows"] == "10Y1001C--00096J"
