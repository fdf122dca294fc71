"""Two independent live sources of one zone that contradict each other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.disputes import ALLOWANCE_GCO2_KWH, Claim, dispute_among
from greenstream.domain.ladder import Ladder, Rung, ZoneCarbon
from greenstream.domain.moment import Moment
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Kind, Reading, Scope
from greenstream.domain.zones import zones
from tests.builders import (
    AVERAGE_DIRECT,
    AVERAGE_LIFECYCLE,
    NOW,
    a_reading,
    a_source,
    a_zone,
    an_hour_profile,
)

FIRST = a_source("first", data_of=frozenset({"one publisher"}))
SECOND = a_source("second", data_of=frozenset({"another publisher"}))
ZONE = a_zone(FIRST, SECOND)


def usual(gco2_kwh: float, provider: str = "first") -> HourProfile:
    """Return a profile that has the same figure at every hour, with a week behind it."""
    return an_hour_profile(
        provider=provider,
        hours={hour: HourMean(gco2_kwh, NOW, 10.0, 7) for hour in range(24)},
    )


def says(provider: str, gco2_kwh: float, *, wide: float = 0.0, **changes: Any) -> Reading:
    """Return a reading whose bounds are ``wide`` g/kWh away from its figure."""
    return a_reading(
        provider=provider,
        gco2_kwh=gco2_kwh,
        gco2_low=max(0.0, gco2_kwh - wide),
        gco2_high=gco2_kwh + wide,
        **changes,
    )


def no_mean(_kind: Kind) -> None:
    """Know no yearly mean."""


def answer(*readings: Reading, profiles: tuple[HourProfile, ...] = ()) -> ZoneCarbon:
    return Ladder(ZONE, readings, profiles).at(Moment(NOW, Policy()), (AVERAGE_DIRECT,))


class TestAZonesFigure:
    def test_the_source_that_is_nearer_to_the_zones_usual_figure_stands(self) -> None:
        figure = answer(says("first", 0.0), says("second", 190.0), profiles=(usual(170.0),))

        assert (figure.origin.provider, figure.rung) == ("second", Rung.LIVE)
        assert figure.origin.gco2_kwh == 190.0
        assert figure.disputed is not None
        assert figure.disputed.against.provider == "first"
        assert figure.disputed.text == (
            "The sources of Z contradict each other: second says 190 g/kWh and first 0; "
            "second stands, the nearer to the usual 170 g/kWh."
        )

    def test_the_yearly_mean_decides_where_the_zone_has_no_profile(self) -> None:
        figure = answer(says("first", 0.0), says("second", 390.0))

        assert (figure.origin.provider, figure.origin.gco2_kwh) == ("second", 390.0)

    def test_the_preferred_source_stands_where_no_usual_figure_is_known(self) -> None:
        ladder = Ladder(
            a_zone(FIRST, SECOND, means=()), (says("first", 0.0), says("second", 190.0)), ()
        )
        figure = ladder.at(Moment(NOW, Policy()), (AVERAGE_DIRECT,))

        assert figure.origin.provider == "first"
        assert figure.disputed is not None
        assert figure.disputed.text.endswith("first stands, the preferred source.")

    def test_bounds_that_overlap_are_no_dispute(self) -> None:
        figure = answer(says("first", 100.0, wide=30.0), says("second", 190.0, wide=60.0))

        assert (figure.origin.provider, figure.disputed) == ("first", None)

    def test_the_difference_of_two_factor_sets_is_no_dispute(self) -> None:
        apart = ALLOWANCE_GCO2_KWH - 1
        assert answer(says("first", 100.0), says("second", 100.0 + apart)).disputed is None

    def test_figures_of_two_scopes_are_not_compared(self) -> None:
        imports = says("second", 190.0, scope=Scope.CONSUMPTION)

        assert answer(says("first", 0.0), imports).disputed is None

    def test_an_older_figure_may_be_farther_away(self) -> None:
        """Both zones are usually within 10 g/kWh; 25 minutes move the second by 1.8 of them."""

        def aged(minutes: int) -> Reading:
            end = NOW - timedelta(minutes=minutes)
            return says("second", 127.0, valid_from=end - timedelta(minutes=5), valid_to=end)

        week = (usual(170.0), usual(170.0, "second"))
        assert answer(says("first", 100.0), aged(0), profiles=week).disputed is not None
        assert answer(says("first", 100.0), aged(25), profiles=week).disputed is None

    def test_a_stale_source_contradicts_nothing(self) -> None:
        late = NOW - timedelta(hours=3)
        old = says("second", 190.0, valid_from=late - timedelta(minutes=5), valid_to=late)

        assert answer(says("first", 0.0), old).disputed is None

    def test_two_feeds_of_one_publisher_are_not_compared(self) -> None:
        again = replace(SECOND, data_of=frozenset({"one publisher", "another"}))
        ladder = Ladder(a_zone(FIRST, again), (says("first", 0.0), says("second", 190.0)), ())

        assert ladder.at(Moment(NOW, Policy()), (AVERAGE_DIRECT,)).disputed is None

    def test_figures_of_two_kinds_are_not_compared(self) -> None:
        figure = answer(says("first", 0.0), says("second", 190.0, basis=AVERAGE_LIFECYCLE.basis))

        assert figure.disputed is None

    def test_a_region_does_not_rest_on_the_source_that_lost_the_dispute_of_the_nation(self) -> None:
        london = zones()["GBR-13"]

        def british(provider: str, provider_zone: str, zone: str, gco2_kwh: float) -> Reading:
            return says(
                provider,
                gco2_kwh,
                provider_zone=provider_zone,
                zone=zone,
                scope=Scope.CONSUMPTION,
            )

        nation = replace(usual(170.0, "eso"), zone="GBR", scope=Scope.CONSUMPTION)
        readings = (
            british("eso", "13", "GBR-13", 3.0),
            british("eso", "national", "GBR", 4.0),
            british("elexon", "GB", "GBR", 180.0),
        )
        figure = Ladder(london, readings, (nation,)).at(Moment(NOW, Policy()), (AVERAGE_DIRECT,))

        assert (figure.origin.provider, figure.origin.gco2_kwh) == ("elexon", 180.0)
        assert figure.disputed is not None
        assert figure.disputed.against.gco2_kwh == 4.0


claims = st.builds(
    Claim,
    provider=st.sampled_from(["a", "b"]),
    zone=st.just("Z"),
    kind=st.just(AVERAGE_DIRECT),
    scope=st.just(Scope.CONSUMPTION),
    data_of=st.sampled_from([frozenset("a"), frozenset("b")]),
    gco2_kwh=st.floats(0, 2000),
    gco2_low=st.floats(0, 2000),
    gco2_high=st.floats(0, 2000),
    usual_gco2_kwh=st.none(),
    doubt_gco2_kwh=st.floats(0, 100),
).map(
    lambda claim: claim._replace(
        gco2_low=min(claim.gco2_low, claim.gco2_kwh), gco2_high=max(claim.gco2_high, claim.gco2_kwh)
    )
)


@given(first=claims, second=claims)
def test_whether_two_sources_contradict_each_other_does_not_depend_on_their_order(
    first: Claim, second: Claim
) -> None:
    there = dispute_among([first, second], no_mean)
    back = dispute_among([second, first], no_mean)
    assert (there is None) == (back is None)


@given(first=claims, second=claims, usual_gco2_kwh=st.floats(0, 2000))
def test_the_claim_that_stands_is_never_farther_from_the_usual_figure(
    first: Claim, second: Claim, usual_gco2_kwh: float
) -> None:
    dispute = dispute_among([first._replace(usual_gco2_kwh=usual_gco2_kwh), second], no_mean)
    if dispute is not None:
        stands, against = (
            max(claim.gco2_low - usual_gco2_kwh, usual_gco2_kwh - claim.gco2_high, 0)
            for claim in (dispute.stands, dispute.against)
        )
        assert stands <= against


@given(first=claims, second=claims)
def test_overlapping_bounds_are_never_a_dispute(first: Claim, second: Claim) -> None:
    shared = first._replace(gco2_low=min(first.gco2_low, second.gco2_kwh))._replace(
        gco2_high=max(first.gco2_high, second.gco2_kwh)
    )
    assert dispute_among([shared, second], no_mean) is None
