"""A router that shares figures and text between answers answers like one that does not.

A router computes what depends on the second and the POPs once, for all questions of that second.
The tests compare it with a router that is new for each question, and its text with the encoding of
plain objects.
"""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from greenstream.api.rendering import JSON, carbon
from greenstream.api.router import Router
from greenstream.api.view import View
from greenstream.domain.ladder import OBSERVED, Rung, ZoneCarbon
from greenstream.domain.origin import NO_ORIGIN
from greenstream.domain.places import PopZone, pops
from greenstream.domain.policy import FreshnessModel, Policy, RankingSignal
from greenstream.domain.ranking import like_for_like
from greenstream.domain.reading import Reading
from greenstream.domain.zones import zones
from infra.local.memory_store import MemoryStore
from tests.builders import NOW, a_reading
from tests.router_client import Log, SetClock
from tests.storing import put_readings

ASKED = ("sfo", "lax", "iad", "nyc", "lon", "man", "ams", "fra", "arn")
SOURCES = [
    (zone, source, kind)
    for zone in dict.fromkeys(entry.zone for pop in ASKED for entry in pops()[pop].zones)
    for source in zones()[zone].sources
    for kind in source.kinds
]

figures = st.tuples(
    st.sampled_from(SOURCES),
    st.floats(0, 900),
    st.integers(-600, 60 * 3600),
    st.floats(0.3, 1),
    st.booleans(),
)
worlds = st.lists(figures, max_size=25, unique_by=lambda figure: figure[0][:2])
policies = st.builds(
    Policy,
    freshness_model=st.sampled_from(FreshnessModel),
    max_latency_ms=st.sampled_from([20.0, 80.0, 300.0]),
    penalty_grace_s=st.sampled_from([0.0, 600.0]),
)
queries = st.tuples(
    st.lists(st.sampled_from(ASKED), min_size=1, unique=True),
    st.sampled_from(["", "&signal=any", "&signal=average", "&signal=marginal"]),
    st.sampled_from(["", "&lat=40.7&lon=-74.0", "&colo=LHR", "&colo=SJC&lat=52.4&lon=4.9"]),
    st.sampled_from(["", "&max_latency_ms=30", "&max_latency_ms=200", "&split=true"]),
).map(lambda parts: f"pops={','.join(parts[0])}{''.join(parts[1:])}")
steps = st.lists(
    st.tuples(queries, st.sampled_from([0.0, 0.3, 1.0, 2.5, 400.0, 3600.0])), min_size=1, max_size=8
)


def store_of(world: list[Any], policy: Policy) -> MemoryStore:
    store = MemoryStore(policy=policy)
    for figure in world:
        put_readings(store, reading_of(figure))
    return store


def reading_of(figure: Any) -> Reading:
    (zone, source, kind), gco2_kwh, age_s, coverage, simulated = figure
    return a_reading(
        zone=zone,
        provider=source.provider,
        provider_zone=source.provider_zone,
        kind=kind,
        scope=source.scope,
        gco2_kwh=gco2_kwh,
        age_s=age_s,
        coverage=coverage,
        simulated=simulated,
    )


def answer(router: Router, query: str) -> dict[str, Any]:
    event = {
        "rawPath": "/v1/route",
        "rawQueryString": query,
        "headers": {"x-correlation-id": "same"},
        "requestContext": {"http": {"method": "GET"}},
    }
    return router.respond(event)


@settings(deadline=None, max_examples=60)
@given(worlds, policies, steps)
def test_an_answer_does_not_depend_on_the_questions_before_it(
    world: list[Any], policy: Policy, asked: list[tuple[str, float]]
) -> None:
    store, clock = store_of(world, policy), SetClock()
    warm = Router(store, clock=clock, telemetry=Log())
    for query, seconds in asked:
        clock.forward(seconds)
        new = Router(store, clock=clock, telemetry=Log())
        assert answer(warm, query) == answer(new, query)


@settings(deadline=None, max_examples=60)
@given(worlds, st.lists(figures, min_size=1, max_size=5))
def test_a_renewed_view_rests_on_the_boards_that_changed_since(
    world: list[Any], since: list[Any]
) -> None:
    store = store_of(world, Policy())
    profiles = store.profiles(range(24))
    view = View(snapshot=store.snapshot(), profiles=profiles)
    for figure in since:
        figures_of(view)
        put_readings(store, reading_of(figure))
        (_, source, _), *_ = figure
        before = {board.provider: board for board in view.snapshot.boards}
        read = store.snapshot()
        boards = [
            board if board.provider == source.provider else before[board.provider]
            for board in read.boards
        ]
        view = view.renewed(replace(read, boards=tuple(boards)), profiles, read_at=NOW)
        assert figures_of(view) == figures_of(View(snapshot=read, profiles=profiles))


def figures_of(view: View) -> dict[str, Any]:
    carbon_of = view.carbon_at(NOW, Policy(), None)
    return {zone: carbon(carbon_of(zone)) for zone, _, _ in SOURCES}


@settings(deadline=None, max_examples=60)
@given(worlds, policies, steps)
def test_answers_to_a_question_have_one_etag_where_they_differ_in_nothing_but_their_instant(
    world: list[Any], policy: Policy, asked: list[tuple[str, float]]
) -> None:
    clock = SetClock()
    router = Router(store_of(world, policy), clock=clock, telemetry=Log())
    tags: dict[tuple[str, str], str] = {}
    for query, seconds in [*asked, (asked[-1][0], 0.5), (asked[-1][0], 1.0)]:
        clock.forward(seconds)
        answered = answer(router, query)
        body = json.loads(answered["body"])
        del body["as_of"]
        tag = answered["headers"]["ETag"]
        assert tags.setdefault((query, json.dumps(body)), tag) == tag
    by_tag = {tag: content for (_, content), tag in tags.items()}
    assert all(by_tag[tag] == content for (_, content), tag in tags.items())


def test_answers_that_differ_in_one_round_trip_alone_have_different_etags() -> None:
    router = Router(store_of([], Policy()), clock=SetClock(), telemetry=Log())
    near, far = (answer(router, f"rtt=sfo:10,iad:{rtt_ms}") for rtt_ms in (90, 91))

    assert near["body"].replace('"latency_ms":90.0', "") == far["body"].replace(
        '"latency_ms":91.0', ""
    )
    assert near["headers"]["ETag"] != far["headers"]["ETag"]


@settings(deadline=None, max_examples=60)
@given(worlds, policies, queries)
def test_the_text_of_the_candidates_is_the_encoding_of_plain_objects(
    world: list[Any], policy: Policy, query: str
) -> None:
    store = store_of(world, policy)
    text = answer(Router(store, clock=SetClock(), telemetry=Log()), query)["body"]
    body = json.loads(text)
    named = query.partition("&")[0].removeprefix("pops=").split(",")
    view = View(snapshot=store.snapshot(), profiles=store.profiles(range(24)), read_at=NOW)
    standings = like_for_like(
        [pops()[name] for name in named],
        partial(view.carbon_at, NOW, policy),
        RankingSignal(body["ranking"]["asked"]),
    )
    by_pop = {
        name: (figure, entry)
        for name, figure, entry in zip(
            standings.names, standings.figures, standings.entries, strict=True
        )
    }
    plain = []
    for listed in body["candidates"]:
        figure, entry = by_pop[listed["pop"]]
        visitor = {
            name: listed[name]
            for name in (
                *("eligible", "exclusion", "score"),
                *("latency_ms", "latency_source", "latency_samples"),
            )
        }
        place = {
            "pop": listed["pop"],
            "zone": figure.zone,
            "proxy_zone": entry.proxy,
            "proxy_reason": entry.proxy_reason or None,
        }
        plain.append({**place, **visitor, **carbon(figure)})
    assert text.partition('"candidates":')[2] == JSON.encode(plain) + "}"
    assert sorted(listed["pop"] for listed in body["candidates"]) == sorted(named)
    assert body["figures"] == {
        "live": sum(c["rung"] in ("live", "live_partial") for c in body["candidates"]),
        "fallback": sum(
            c["rung"] in ("stale", "same_hour_7d", "annual_mean") for c in body["candidates"]
        ),
        "none": sum(c["rung"] == "none" for c in body["candidates"]),
    }
    assert body["simulated"] == any(c["simulated"] for c in body["candidates"])


@given(
    st.lists(st.tuples(st.sampled_from(Rung), st.booleans()), min_size=1, max_size=4).map(
        lambda entries: [(f"Z{nth}", *entry) for nth, entry in enumerate(entries)]
    )
)
def test_a_pop_is_ranked_by_the_first_of_its_most_trusted_zones(
    entries: list[tuple[str, Rung, bool]],
) -> None:
    rungs = {zone: rung for zone, rung, _ in entries}
    zones_of = tuple(PopZone(zone=zone, proxy=proxy) for zone, _, proxy in entries)
    pop = next(iter(pops().values()))
    asked = type(pop)(
        pop="x", name="X", country="XX", lat=0, lon=0, zones=zones_of, source="a test"
    )

    [chosen] = like_for_like(
        [asked],
        lambda _: lambda zone: ZoneCarbon(zone, rungs[zone], NO_ORIGIN),
        RankingSignal.ANY,
    ).figures

    def distrust(entry: tuple[str, Rung, bool]) -> tuple[bool, bool, bool]:
        _, rung, proxy = entry
        return rung is Rung.NONE, proxy, rung not in OBSERVED

    assert chosen.zone == min(entries, key=distrust)[0]


def test_the_shared_figures_of_a_second_are_not_those_of_the_next() -> None:
    [zone, source, kind] = next(entry for entry in SOURCES if entry[0] == "NYISO")
    store = store_of([((zone, source, kind), 200.0, 0, 1.0, False)], Policy())
    clock = SetClock()
    router = Router(store, clock=clock, telemetry=Log())

    ages = []
    for seconds in (0.0, 0.4, 1.0):
        clock.forward(seconds)
        ages.append(json.loads(answer(router, "pops=nyc")["body"])["candidates"][0]["age_s"])

    assert ages == [0, 0, 1]
    assert clock.now - NOW == timedelta(seconds=1.4)
