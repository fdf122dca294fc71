"""The simulated national feeds make mixes that can be believed all day, all year."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from functions.national import aemo, aeso, hydroquebec, ieso, kpx, ons, taipower
from greenstream.domain.intensity import factor_tables
from greenstream.domain.judging import judge
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.reading import Basis
from greenstream.domain.zones import zones_of
from infra.local.upstream import aemo as simulated_aemo
from infra.local.upstream import aeso as simulated_aeso
from infra.local.upstream import hydroquebec as simulated_hydroquebec
from infra.local.upstream import ieso as simulated_ieso
from infra.local.upstream import kpx as simulated_kpx
from infra.local.upstream import ons as simulated_ons
from infra.local.upstream import taipower as simulated_taipower
from infra.local.upstream.wire import Request

NIGHTS = [datetime(2026, month, 21, 13, tzinfo=UTC) for month in (3, 6, 9, 12)]


def of_ons(now: datetime) -> Mapping[str, Mix]:
    body = simulated_ons.answer(Request("GET", ons.PATH), now).body
    return {name: slots[0].mix for name, slots in ons.parse(json.loads(body), now).slots.items()}


def of_aemo(now: datetime) -> Mapping[str, Mix]:
    page = simulated_aemo.answer(Request("GET", aemo.PATH), now).body
    end, name = aemo.listed(page, now)[-1]
    body = simulated_aemo.answer(Request("GET", aemo.PATH + name), now).body
    return {region: slot.mix for region, slot in aemo.parse(body, end).items()}


def of_ieso(now: datetime) -> Mapping[str, Mix]:
    body = simulated_ieso.answer(Request("GET", ieso.PATH.format("")), now).body
    day = now.astimezone(ieso.EST) - timedelta(days=1)
    yesterday = Request("GET", ieso.PATH.format(f"_{day:%Y%m%d}"))
    before = simulated_ieso.answer(yesterday, now).body
    return {"ON": [*ieso.parse(before), *ieso.parse(body)][-1].mix}


def of_aeso(now: datetime) -> Mapping[str, Mix]:
    asked = Request("GET", simulated_aeso.REPORT, {"contentType": "csv"})
    return {"AB": aeso.parse(simulated_aeso.answer(asked, now).body, now).mix}


def of_hydroquebec(now: datetime) -> Mapping[str, Mix]:
    body = simulated_hydroquebec.answer(Request("GET", hydroquebec.PATH), now).body
    return {"QC": hydroquebec.parse(json.loads(body))[-1].mix}


def of_taipower(now: datetime) -> Mapping[str, Mix]:
    body = simulated_taipower.answer(Request("GET", taipower.PATH), now).body
    return {"TW": taipower.parse(body, now).slots["TW"][0].mix}


def of_kpx(now: datetime) -> Mapping[str, Mix]:
    readable = now + simulated_kpx.PUBLISHED_AFTER
    page = simulated_kpx.answer(Request("GET", simulated_kpx.PAGE), readable).body
    return {"KR": kpx.parse(page.decode())[-1].mix}


FEEDS = {
    "ons": of_ons,
    "aemo": of_aemo,
    "ieso": of_ieso,
    "aeso": of_aeso,
    "hydroquebec": of_hydroquebec,
    "taipower": of_taipower,
    "kpx": of_kpx,
}


def day(start: datetime) -> Iterator[datetime]:
    for hours in range(25):
        yield start + timedelta(hours=hours)


@pytest.mark.parametrize("start", NIGHTS, ids=str)
@pytest.mark.parametrize("provider", FEEDS)
def test_every_zone_can_be_believed_on_each_hour_of_a_day(provider: str, start: datetime) -> None:
    seen = [FEEDS[provider](now) for now in day(start)]
    for zone, source in zones_of(provider):
        mixes = [mixes[source.provider_zone] for mixes in seen]
        rules = rules_of_source(provider, zone.zone)
        for mix, refusal in judge(mixes, rules_of_provider(provider), rules):
            assert refusal is None, f"{zone.zone} at {mix.valid_from}: {refusal}"


@pytest.mark.parametrize("provider", FEEDS)
def test_each_fuel_has_a_factor_on_both_bases(provider: str) -> None:
    fuels = {fuel for mix in FEEDS[provider](NIGHTS[0]).values() for fuel in mix.generation_mw}
    for basis in Basis:
        assert fuels <= factor_tables()[provider.upper(), basis].factors.keys()


def test_an_unknown_path_is_answered_with_404() -> None:
    assert simulated_ons.answer(Request("GET", "/"), NIGHTS[0]).status == 404
    assert simulated_aemo.answer(Request("GET", f"{aemo.PATH}x.zip"), NIGHTS[0]).status == 404
