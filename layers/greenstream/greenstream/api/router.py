"""The router: answers which POP is cleanest now, as an HTTP API.

The router asks no upstream. It reads the store's memory of the last seconds; whatever fails behind
it, a question that can be understood gets an answer, and the answer says how good it is.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from greenstream.api import answer_health, answer_tables, answer_zones, openapi
from greenstream.api.answer_route import route as route_answer
from greenstream.api.answer_window import window as window_answer
from greenstream.api.answer_zones import ZoneReads
from greenstream.api.candidates import candidates
from greenstream.api.decision_log import DecisionLog
from greenstream.api.fields import FieldError, QuestionError
from greenstream.api.function_url import (
    SHARED,
    NotARequestError,
    Reply,
    Request,
    correlation_id,
    problem,
    response,
)
from greenstream.api.latency_cache import LatencyCache
from greenstream.api.question import (
    no_question,
    route_question,
    window_question,
    zone_question,
    zones_question,
)
from greenstream.api.refusals import unknown_zone
from greenstream.api.rendering import Json
from greenstream.api.report import MAX_BYTES, latency_report
from greenstream.api.snapshot_cache import RequestDeadline, SnapshotCache
from greenstream.api.window_search import find, first_start
from greenstream.domain.clock import Clock
from greenstream.domain.places import places, pops
from greenstream.domain.reading import Forecast, Reading
from greenstream.domain.routing import decide
from greenstream.domain.split import shares
from greenstream.domain.zones import UnknownZoneError, Zone, zones
from greenstream.domain.zones import zone as zone_of_name
from greenstream.ports.store import Store
from greenstream.ports.telemetry import FlushedTelemetry

READ: Final = ("GET", "HEAD")
WRITE: Final = ("POST",)
ZONE_PATH: Final = "/v1/zones/"
ZONE_ROUTE: Final = ZONE_PATH + "{zone}"

MAX_PATH_CHARS: Final = 200
"""Characters of a path that are logged."""

MILLISECOND: Final = timedelta(milliseconds=1)

LONG_DEADLINE_S: Final = 2.0
"""The deadline in seconds of requests for which no visit waits: a zone's page and a report of
round trips. It is well within the function's own time limit."""


@dataclass(frozen=True, slots=True)
class _Route:
    """What a path answers: its methods, and the function that answers a request."""

    methods: tuple[str, ...]
    answer: Callable[[Request], Reply]


class Router:
    """Answers the routes of the HTTP API.

    Parameters
    ----------
    store
        Holds the readings. Its failure degrades answers and stops none.
    clock
        Returns the present instant, against which every age is computed.
    telemetry
        Receives the decision log and the metrics.
    """

    def __init__(self, store: Store, *, clock: Clock, telemetry: FlushedTelemetry) -> None:
        self._cache = SnapshotCache(store, clock)
        self._clock = clock
        self._measured = LatencyCache(self._cache.ask, clock)
        self._decision_log = DecisionLog(telemetry, clock)
        self._routes: Mapping[str, _Route] = {
            "/": _Route(READ, self._index),
            "/v1/route": _Route(READ, self._route),
            "/v1/window": _Route(READ, self._window),
            "/v1/zones": _Route(READ, self._zones),
            "/v1/pops": _Route(READ, self._pops),
            "/v1/places": _Route(READ, self._places),
            "/v1/providers": _Route(READ, self._providers),
            "/v1/policy": _Route(READ, self._policy),
            "/v1/health": _Route(READ, self._health),
            "/openapi.json": _Route(READ, self._openapi),
            "/metrics": _Route(READ, self._metrics),
            ZONE_ROUTE: _Route(READ, self._zone),
            "/v1/latency": _Route(WRITE, self._latency),
        }

    def prepare(self) -> None:
        """Read before the first request what it needs: the tables, and a snapshot of the store.

        A failure of the store is left to the first request, which asks again.
        """
        zones(), pops()
        try:
            self._cache.prepare()
        except Exception:  # noqa: BLE001 - a router that cannot prepare can still answer
            self._decision_log.failed("the start", "")

    def respond(self, event: object) -> dict[str, Any]:
        """Answer a Function URL event; never raises, whatever the event holds."""
        if not isinstance(event, dict):
            event = {}
        started = self._clock()
        correlation = correlation_id(event)
        path = event.get("rawPath")
        path = path[:MAX_PATH_CHARS] if isinstance(path, str) else ""
        try:
            request = Request.of_event(event)
            reply = self._reply(request)
            answered = response(reply, request, correlation)
        except NotARequestError:
            reply = problem(HTTPStatus.BAD_REQUEST, "The event is no HTTP request.")
            answered = response(reply, None, correlation)
        except Exception:  # noqa: BLE001 - the last line of defence; the log gets the stack
            self._decision_log.failed(path, correlation)
            reply = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "The fault is the router's and has been logged."
            )
            answered = response(reply, None, correlation)

        def fields() -> dict[str, object]:
            return {
                "path": path,
                "correlation_id": correlation,
                "duration_ms": round((self._clock() - started) / MILLISECOND, 2),
                **reply.log(),
            }

        try:
            self._decision_log.answered(
                answered["statusCode"],
                fields,
                store_failing=reply.store_failing,
                every=self._cache.remembered.policy.log_every,
            )
        except Exception:  # noqa: BLE001 - an answer that cannot be logged is still given
            self._decision_log.failed(path, correlation)
        return answered

    def _reply(self, request: Request) -> Reply:
        path = request.path
        if path.startswith(ZONE_PATH):
            path = ZONE_ROUTE
        route = self._routes.get(path)
        if route is None or request.path == ZONE_ROUTE:
            wrong = FieldError("path", "is not a path known here", tuple(self._routes))
            return problem(HTTPStatus.NOT_FOUND, "There is nothing here.", errors=[wrong])
        if request.method not in route.methods:
            wrong = FieldError("method", "is not allowed here", route.methods)
            return problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "This path does not know the method.",
                errors=[wrong],
                headers={"Allow": ", ".join(route.methods)},
            )
        try:
            return route.answer(request)
        except QuestionError as error:
            return problem(
                HTTPStatus.BAD_REQUEST, "The request cannot be understood.", errors=error.errors
            )

    def _index(self, request: Request) -> Reply:
        no_question(request.query)
        return Reply(
            body={
                "name": "GreenStream",
                "about": "Sends each request to the point of presence on the cleanest grid now.",
                "routes": tuple(self._routes),
            },
            cache_control=SHARED,
        )

    def _route(self, request: Request) -> Reply:
        question = route_question(request.query)
        deadline = RequestDeadline()
        view, now = self._cache.view(deadline), self._clock()
        ranking = question.signal or view.policy.ranking_signal
        standings = view.standings(question.pops, now, view.policy, ranking)
        policy = view.policy
        if question.max_latency_ms is not None:
            policy = replace(policy, max_latency_ms=question.max_latency_ms)
        measured = self._measured.of(question.colo, deadline) if question.colo else {}
        weighed = candidates(question, standings, measured)
        decision = decide(weighed, policy, question.current, standings.counting)
        split = shares(decision, policy) if question.split else None
        answer = route_answer(decision, standings, view, policy, now, split)
        self._decision_log.decided(decision, standings, degraded=answer.degraded_reason is not None)
        store_failing = view.degraded_reason is not None

        def fields() -> dict[str, object]:
            reason, chosen = answer.degraded_reason, decision.chosen.candidate
            return {
                "pop": chosen.pop,
                "zone": chosen.carbon.zone,
                "reason": decision.reason,
                "colo": question.colo,
                "rungs": dict(standings.rungs),
                "freshness": standings.counts.freshness,
                "degraded": reason is not None,
                **({"degraded_reason": reason} if reason else {}),
                **({"disputed": sorted(set(standings.disputed))} if standings.disputed else {}),
                "store_failing": store_failing,
            }

        return Reply(
            body=answer.text,
            essence=answer.essence,
            as_of=answer.as_of,
            cache_control=SHARED,
            log=fields,
            store_failing=store_failing,
        )

    def _window(self, request: Request) -> Reply:
        question = window_question(request.query)
        deadline, now = RequestDeadline(), self._clock()
        outlook = find(
            question,
            first_start(now),
            lambda zone: self._cache.ask(_forecasts(zone), deadline),
            lambda zone: self._cache.day_profiles_of(zone.zone, deadline),
            self._cache.remembered.policy.scope,
        )
        simulated = outlook.simulated
        if simulated is None:
            simulated = self._cache.view(deadline).simulated
        return _shared(window_answer(question, outlook, now, simulated=simulated))

    def _zones(self, request: Request) -> Reply:
        kinds = zones_question(request.query)
        view, now = self._cache.view(RequestDeadline()), self._clock()
        carbon_of = view.carbon_at(now, view.policy, kinds)
        figures = ((zone, carbon_of(zone.zone)) for zone in zones().values())
        return _shared(answer_zones.zones(figures, view, now))

    def _zone(self, request: Request) -> Reply:
        name = unquote(request.path.removeprefix(ZONE_PATH))  # a Function URL decodes no path
        try:
            zone = zone_of_name(name)
        except UnknownZoneError:
            near, said = unknown_zone(name, alone=True)
            wrong = FieldError("zone", said, near)
            return problem(HTTPStatus.NOT_FOUND, "There is no such zone.", errors=[wrong])
        history_h = zone_question(request.query)
        deadline = RequestDeadline(LONG_DEADLINE_S)
        view, now = self._cache.view(deadline), self._clock()
        figure = view.carbon_at(now, view.policy, None)(zone.zone)
        forecasts = self._cache.ask(_forecasts(zone), deadline)
        history = None
        if history_h is not None:
            since = now - timedelta(hours=history_h)
            # An interval under way ends in the future and belongs to the history too.
            ends = [reading.valid_to for reading in view.readings_of(zone.zone)]
            until = max([now, *ends])
            history = self._cache.ask(lambda store: _history(store, zone, since, until), deadline)
        profiles = self._cache.day_profiles_of(zone.zone, deadline)
        reads = ZoneReads(
            forecasts=forecasts,
            profiles=profiles,
            history=history,
            asked_history=history_h is not None,
        )
        return _shared(answer_zones.zone(zone, figure, reads, view, now))

    def _pops(self, request: Request) -> Reply:
        no_question(request.query)
        return _shared(answer_tables.pops(pops().values()))

    def _places(self, request: Request) -> Reply:
        no_question(request.query)
        return _shared(answer_tables.places(places().values()))

    def _providers(self, request: Request) -> Reply:
        no_question(request.query)
        zones_by_provider: dict[str, list[str]] = {}
        for zone in zones().values():
            for provider in dict.fromkeys(source.provider for source in zone.sources):
                zones_by_provider.setdefault(provider, []).append(zone.zone)
        view = self._cache.view(RequestDeadline())
        return Reply(body=answer_tables.providers(zones_by_provider, view, self._clock()))

    def _policy(self, request: Request) -> Reply:
        no_question(request.query)
        return Reply(body=answer_tables.policy(self._cache.view(RequestDeadline())))

    def _health(self, request: Request) -> Reply:
        no_question(request.query)
        return Reply(body=answer_health.health(self._cache.view(RequestDeadline()), self._clock()))

    def _metrics(self, request: Request) -> Reply:
        no_question(request.query)
        from greenstream.api import answer_metrics, exposition  # noqa: PLC0415 - few ask for them

        view, now = self._cache.view(RequestDeadline()), self._clock()
        policy = view.policy
        listed = tuple(pops().values())
        standings = view.standings(listed, now, policy, policy.ranking_signal)
        return Reply(
            body=answer_metrics.metrics(view, standings, now),
            headers={"Content-Type": exposition.CONTENT_TYPE},
        )

    def _openapi(self, request: Request) -> Reply:
        no_question(request.query)
        return Reply(body=openapi.text(), cache_control=SHARED)

    def _latency(self, request: Request) -> Reply:
        no_question(request.query)
        content_type = request.header("content-type").partition(";")[0].strip().lower()
        if content_type != "application/json":
            wrong = FieldError("content-type", "must be application/json", ("application/json",))
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Only JSON is understood.", errors=[wrong]
            )
        try:
            sent = request.body()
        except ValueError:
            raise QuestionError([FieldError("body", "is not base64")]) from None
        if len(sent) > MAX_BYTES:
            wrong = FieldError("body", f"is larger than {MAX_BYTES} bytes")
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Send less.", errors=[wrong])
        rtts_ms_by_path: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for sample in latency_report(sent):
            rtts_ms_by_path[sample.colo, sample.pop].append(sample.rtt_ms)
        now, accepted, deadline = self._clock(), 0, RequestDeadline(LONG_DEADLINE_S)
        for (colo, pop), rtts_ms in rtts_ms_by_path.items():
            recorded = self._cache.ask(_recording(colo, pop, rtts_ms, now), deadline)
            if recorded is None and not accepted:
                return problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "The round trips could not be stored.",
                    headers={"Retry-After": "1"},
                )
            accepted += len(rtts_ms) if recorded else 0
        return Reply(body={"accepted": accepted}, status=HTTPStatus.ACCEPTED)


def _shared(body: Json) -> Reply:
    """Return a reply that caches may keep, since it is the same for everybody."""
    return Reply(body=body, as_of=body.get("as_of"), cache_control=SHARED)


def _recording(
    colo: str, pop: str, rtts_ms: Sequence[float], at: datetime
) -> Callable[[Store], bool]:
    return lambda store: store.record_latency(colo, pop, rtts_ms, at)


def _forecasts(zone: Zone) -> Callable[[Store], tuple[Forecast, ...]]:
    return lambda store: store.forecasts(zone.zone)


def _history(store: Store, zone: Zone, since: datetime, until: datetime) -> list[Reading]:
    feeds = dict.fromkeys(
        (source.provider, kind) for source in zone.sources for kind in source.kinds
    )
    return [
        reading
        for provider, kind in feeds
        for reading in store.history(zone.zone, provider, kind, since=since, until=until)
    ]
