"""The router: answers which POP is cleanest now, behind a Function URL (payload format 2.0).

It asks no upstream and reads nothing but the store's memory of the last seconds; whatever
fails behind it, a question that can be understood gets an answer, which says how good it is.
"""

import gc
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from greenstream import answer
from greenstream.clock import Clock, utc_now
from greenstream.collect import Telemetry
from greenstream.dynamodb import DynamoStore, dynamodb_client
from greenstream.latency import estimate_rtt_ms, great_circle_km
from greenstream.question import (
    FieldError,
    QuestionError,
    RouteQuestion,
    no_question,
    route_question,
    zone_question,
    zones_question,
)
from greenstream.reading import Reading
from greenstream.routing import Candidate, LatencySource, decide, like_for_like
from greenstream.settings import Settings
from greenstream.snapshot_cache import SnapshotCache
from greenstream.store import Store
from greenstream.telemetry import PowertoolsTelemetry
from greenstream.zones import Pop, Zone, pops, zones

SHARED: Final = "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
PRIVATE: Final = "no-store"
METHODS: Final = ("GET", "HEAD")
ZONE_PATH: Final = "/v1/zones/"

_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it is an HTTP response; ``log`` is what the request's log line adds."""

    body: Mapping[str, Any]
    status: HTTPStatus = HTTPStatus.OK
    cache_control: str = PRIVATE
    headers: Mapping[str, str] = field(default_factory=dict)
    log: Mapping[str, object] = field(default_factory=dict)


class Router:
    """Answers the routes of the HTTP API.

    Parameters
    ----------
    store
        Where the readings are; its failure degrades answers and stops none.
    clock
        Tells the present, against which every age is computed.
    telemetry
        Gets one line per request.
    """

    def __init__(self, store: Store, *, clock: Clock, telemetry: Telemetry) -> None:
        self._cache = SnapshotCache(store, clock)
        self._clock = clock
        self._telemetry = telemetry
        self._routes: Mapping[str, Callable[[str], Reply]] = {
            "/": self._index,
            "/v1/route": self._route,
            "/v1/zones": self._zones,
            "/v1/pops": self._pops,
            "/v1/providers": self._providers,
            "/v1/policy": self._policy,
            "/v1/health": self._health,
        }

    def respond(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a Function URL event; never raises."""
        started = self._clock()
        path: str = event.get("rawPath") or "/"
        try:
            method: str = event["requestContext"]["http"]["method"]
            reply = self._reply(method, path, event.get("rawQueryString") or "")
            text = "" if method == "HEAD" else _JSON.encode(reply.body)
        except Exception:  # noqa: BLE001 - the last line of defence: told in full, to the log
            self._telemetry.event("exception", "the router failed", path=path[:200])
            reply = _problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "The fault is the router's and has been logged."
            )
            text = _JSON.encode(reply.body)
        self._telemetry.event(
            "info",
            "answered",
            path=path[:200],
            status=int(reply.status),
            duration_ms=round((self._clock() - started) / timedelta(milliseconds=1), 2),
            **reply.log,
        )
        problem = reply.status >= HTTPStatus.BAD_REQUEST
        return {
            "statusCode": int(reply.status),
            "headers": {
                "Content-Type": "application/problem+json" if problem else "application/json",
                "Cache-Control": reply.cache_control,
                "X-Content-Type-Options": "nosniff",
                **reply.headers,
            },
            "body": text,
        }

    def _reply(self, method: str, path: str, query: str) -> Reply:
        route = self._routes.get(path)
        if route is None and path.startswith(ZONE_PATH):
            zone = zones().get(path.removeprefix(ZONE_PATH))
            if zone is None:
                wrong = FieldError("zone", "is not a zone known here", tuple(zones()))
                return _problem(HTTPStatus.NOT_FOUND, "There is no such zone.", errors=(wrong,))
            route = _of_zone(self._zone, zone)
        if route is None:
            wrong = FieldError("path", "is not a path known here", (*self._routes, _ZONE_ROUTE))
            return _problem(HTTPStatus.NOT_FOUND, "There is nothing here.", errors=(wrong,))
        if method not in METHODS:
            wrong = FieldError("method", "is not allowed here", METHODS)
            return _problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "This path can only be read.",
                errors=(wrong,),
                headers={"Allow": ", ".join(METHODS)},
            )
        try:
            return route(query)
        except QuestionError as error:
            return _problem(
                HTTPStatus.BAD_REQUEST,
                "The query string cannot be understood.",
                errors=error.errors,
            )

    def _index(self, query: str) -> Reply:
        no_question(query)
        return Reply(
            body={
                "name": "GreenStream",
                "about": "Sends each request to the point of presence on the cleanest grid now.",
                "routes": [*self._routes, _ZONE_ROUTE],
            },
            cache_control=SHARED,
        )

    def _route(self, query: str) -> Reply:
        question = route_question(query)
        view, now = self._cache.view(), self._clock()
        policy = view.policy
        if question.max_latency_ms is not None:
            policy = replace(policy, max_latency_ms=question.max_latency_ms)
        ranking = question.signal or policy.ranking_signal
        figures = like_for_like(question.pops, view.carbon_at(now, policy), ranking)
        candidates = []
        for pop in question.pops:
            figure, proxy_reason, proxy = figures[pop.pop]
            latency_ms, latency_source = _latency(pop, question)
            candidates.append(
                Candidate(
                    pop=pop.pop,
                    latency_ms=latency_ms,
                    latency_source=latency_source,
                    carbon=figure,
                    proxy=proxy,
                    proxy_reason=proxy_reason,
                )
            )
        decision = decide(candidates, policy, question.current)
        body = answer.route(decision, view, policy, ranking, now)
        return Reply(
            body=body,
            cache_control=SHARED,
            log={
                "pop": body["pop"],
                "zone": body["zone"],
                "reason": body["reason"],
                "colo": question.colo,
                "rungs": dict(Counter(candidate.carbon.rung for candidate in candidates)),
                "degraded": body["degraded"],
                "degraded_reason": body["degraded_reason"],
            },
        )

    def _zones(self, query: str) -> Reply:
        kinds = zones_question(query)
        view, now = self._cache.view(), self._clock()
        carbon_of = view.carbon_at(now, view.policy)
        figures = ((zone, carbon_of(zone.zone, kinds)) for zone in zones().values())
        return Reply(body=answer.zones(figures, view, now), cache_control=SHARED)

    def _zone(self, query: str, zone: Zone) -> Reply:
        history_h = zone_question(query)
        view, now = self._cache.view(), self._clock()
        figure = view.carbon_at(now, view.policy)(zone.zone, None)
        body = answer.zone(zone, figure, view, view.policy, now)
        forecasts = self._cache.ask(lambda store: store.forecasts(zone.zone))
        body["forecasts"] = None if forecasts is None else answer.forecasts(forecasts, now)
        unread = [] if forecasts is not None else ["forecasts"]
        if history_h is not None:
            since = now - timedelta(hours=history_h)
            # An interval under way ends in the future and belongs to the history too.
            ends = [reading.valid_to for reading in view.readings.get(zone.zone, ())]
            until = max([now, *ends])
            past = self._cache.ask(lambda store: _history(store, zone, since, until))
            body["history"] = None if past is None else answer.history(past)
            unread += [] if past is not None else ["history"]
        if unread:
            reason = f"the store did not give {' and '.join(unread)}"
            known = body["degraded_reason"]
            body |= {"degraded": True, "degraded_reason": f"{known}; {reason}" if known else reason}
        return Reply(body=body, cache_control=SHARED)

    def _pops(self, query: str) -> Reply:
        no_question(query)
        return Reply(body=answer.pops(pops().values()), cache_control=SHARED)

    def _providers(self, query: str) -> Reply:
        no_question(query)
        fed: dict[str, list[str]] = {}
        for zone in zones().values():
            for provider in dict.fromkeys(source.provider for source in zone.sources):
                fed.setdefault(provider, []).append(zone.zone)
        return Reply(body=answer.providers(fed, self._cache.view(), self._clock()))

    def _policy(self, query: str) -> Reply:
        no_question(query)
        return Reply(body=answer.policy(self._cache.view()))

    def _health(self, query: str) -> Reply:
        no_question(query)
        return Reply(body=answer.health(self._cache.view(), self._clock()))


_ZONE_ROUTE: Final = ZONE_PATH + "{zone}"


def _of_zone(route: Callable[[str, Zone], Reply], zone: Zone) -> Callable[[str], Reply]:
    return lambda query: route(query, zone)


def _latency(pop: Pop, question: RouteQuestion) -> tuple[float | None, LatencySource]:
    """Return the round trip, ms: what the caller measured, else what the distance suggests."""
    if (measured_ms := question.rtt_ms.get(pop.pop)) is not None:
        return measured_ms, LatencySource.REQUEST
    if question.position is None:
        return None, LatencySource.UNKNOWN
    km = great_circle_km(*question.position, pop.lat, pop.lon)
    return estimate_rtt_ms(km), LatencySource.DISTANCE


def _history(store: Store, zone: Zone, since: datetime, until: datetime) -> list[Reading]:
    feeds = dict.fromkeys(
        (source.provider, kind) for source in zone.sources for kind in source.kinds
    )
    return [
        reading
        for provider, kind in feeds
        for reading in store.history(zone.zone, provider, kind, since=since, until=until)
    ]


def _problem(
    status: HTTPStatus,
    detail: str,
    *,
    errors: tuple[FieldError, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return problem details (RFC 9457); the status says it all, so the type is about:blank."""
    return Reply(
        status=status,
        headers=headers or {},
        body={
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "errors": [
                {"field": each.field, "detail": each.detail, "allowed": each.allowed or None}
                for each in errors
            ],
        },
        log={"fields": [each.field for each in errors]},
    )


gc.disable()  # walking the client's models while they are read costs a tenth of a cold start
TELEMETRY: Final = PowertoolsTelemetry()
ROUTER: Final = Router(
    DynamoStore(
        dynamodb_client(connect_timeout_s=0.3, read_timeout_s=0.3, attempts=1),
        Settings.from_env().table_name,
        clock=utc_now,
    ),
    clock=utc_now,
    telemetry=TELEMETRY,
)
zones(), pops()  # read at the start, which has more processor than a request
gc.freeze()  # all this stays: no later collection need walk it
gc.enable()


# No metrics of its own: the platform counts a URL's requests, errors and durations.
@TELEMETRY.logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Answer one request."""
    return ROUTER.respond(event)
