"""Every zone has a figure when its sources fail one after another, down to its yearly mean."""

from datetime import timedelta

import pytest

from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.ladder import Ladder, Rung
from greenstream.domain.moment import Moment
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Kind, Reading
from greenstream.domain.zones import Source, Zone, zones
from tests.builders import NOW, a_reading

POLICY = Policy()
ZONES = list(zones().values())


def live(zone: Zone, source: Source, kind: Kind, *, age_s: float = 60) -> Reading:
    return a_reading(
        zone=zone.zone,
        provider=source.provider,
        provider_zone=source.provider_zone,
        kind=kind,
        scope=source.scope,
        age_s=age_s,
    )


def a_profile(zone: Zone, source: Source, kind: Kind) -> HourProfile:
    return HourProfile(
        zone=zone.zone,
        kind=kind,
        scope=source.scope,
        factor_set=GREENSTREAM,
        provider=source.provider,
        hours={NOW.hour: HourMean(123.0, NOW - timedelta(hours=20))},
    )


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.zone)
def test_each_source_stands_in_for_those_before_it(zone: Zone) -> None:
    for first, source in enumerate(zone.sources):
        left = zone.sources[first:]
        readings = [live(zone, each, kind) for each in left for kind in each.kinds]
        answer = Ladder(zone, readings, ()).at(Moment(NOW, POLICY))

        assert (answer.zone, answer.rung) == (zone.zone, Rung.LIVE)
        origin = answer.origin
        assert (origin.provider, origin.provider_zone) == (source.provider, source.provider_zone)


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.zone)
def test_each_kind_descends_rung_by_rung_and_says_where_it_stands(zone: Zone) -> None:
    for kind in zone.kinds:
        sources = [source for source in zone.sources if kind in source.kinds]
        published = [mean for mean in zone.annual_means if mean.kind == kind]
        last = Rung.ANNUAL_MEAN if published else Rung.NONE
        assert Ladder(zone, (), ()).at(Moment(NOW, POLICY), (kind,)).rung is last
        for source in sources:
            profile = a_profile(zone, source, kind)
            beyond_live_s = source.max_age_s + 1
            stale = live(zone, source, kind, age_s=beyond_live_s)
            gone = live(zone, source, kind, age_s=max(beyond_live_s, POLICY.max_stale_s + 1))
            expected = Rung.STALE if beyond_live_s <= POLICY.max_stale_s else Rung.SAME_HOUR
            for readings, profiles, rung in (
                ([live(zone, source, kind)], [profile], Rung.LIVE),
                ([stale], [profile], expected),
                ([gone], [profile], Rung.SAME_HOUR),
                ([gone], [], last),
            ):
                answer = Ladder(zone, readings, profiles).at(Moment(NOW, POLICY), (kind,))
                assert answer.rung is rung
                assert (answer.origin.kind == kind) == (rung is not Rung.NONE)


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.zone)
def test_no_zone_is_ever_without_an_average_figure(zone: Zone) -> None:
    answer = Ladder(zone, (), ()).at(Moment(NOW, POLICY))

    assert answer.rung is Rung.ANNUAL_MEAN
    assert answer.origin.gco2_kwh is not None
    assert answer.origin.note is not None
