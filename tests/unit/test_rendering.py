"""A zone's figure has the same content whether it is written as an object or as JSON text."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.api.rendering import JSON, carbon, carbon_text
from greenstream.domain.disputes import Claim, Dispute
from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.origin import NO_ORIGIN, Origin
from greenstream.domain.reading import Basis, Kind, Quality, Scope, Signal

GCO2_KWH = st.none() | st.floats(0, 2000)
MOMENT = st.none() | st.integers(0, 10**9).map(
    lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)
TEXT = st.none() | st.text(max_size=20)

claims = st.builds(
    Claim,
    provider=st.text(max_size=9),
    zone=st.just("Z"),
    kind=st.builds(Kind, st.sampled_from(Signal), st.sampled_from(Basis)),
    scope=st.sampled_from(Scope),
    data_of=st.just(frozenset({"p"})),
    gco2_kwh=st.floats(0, 2000),
    gco2_low=st.floats(0, 2000),
    gco2_high=st.floats(0, 2000),
    usual_gco2_kwh=GCO2_KWH,
)

origins = st.builds(
    Origin,
    kind=st.none() | st.builds(Kind, st.sampled_from(Signal), st.sampled_from(Basis)),
    scope=st.none() | st.sampled_from(Scope),
    gco2_kwh=GCO2_KWH,
    gco2_low=GCO2_KWH,
    gco2_high=GCO2_KWH,
    provider=TEXT,
    provider_zone=TEXT,
    quality=st.none() | st.sampled_from(Quality),
    coverage=st.none() | st.floats(0.2, 1),
    valid_from=MOMENT,
    valid_to=MOMENT,
    simulated=st.booleans(),
    note=TEXT,
)

figures = st.builds(
    ZoneCarbon,
    zone=st.just("Z"),
    rung=st.sampled_from(Rung),
    origin=origins,
    age_s=st.none() | st.floats(0, 1e7),
    expected_gco2_kwh=GCO2_KWH,
    penalty_gco2_kwh=GCO2_KWH,
    penalty_capped=st.booleans(),
    doubt_gco2_kwh=GCO2_KWH,
    disputed=st.none() | st.builds(Dispute, claims, claims, GCO2_KWH),
)


@given(figure=figures)
def test_the_text_of_a_figure_says_what_the_object_says(figure: ZoneCarbon) -> None:
    as_object = json.loads(JSON.encode(carbon(figure)))
    as_text = json.loads("{" + "".join(carbon_text(figure)).removesuffix(","))
    assert as_text == as_object
    assert list(as_text) == list(as_object)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_json_cannot_express_is_refused(value: float) -> None:
    figure = ZoneCarbon(zone="Z", rung=Rung.LIVE, origin=NO_ORIGIN, expected_gco2_kwh=value)
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        carbon_text(figure)
