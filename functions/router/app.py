"""The router: answers which POP is cleanest now, behind a Function URL (payload format 2.0).

It asks no upstream and reads nothing but the store's memory of the last seconds; whatever
fails behind it, a question that can be understood gets an answer, which says how good it is.
"""

import gc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger

from greenstream.api import answer, answer_health, answer_window, openapi
from greenstream.api.candidates import candidates
from greenstream.api.decision_log import DecisionLog
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
    FieldError,
    QuestionError,
    no_question,
    route_question,
    window_question,
    zone_question,
    zones_question,
)
from greenstream.api.report import MAX_BYTES, latency_report
from greenstream.api.snapshot_cache import Patience, SnapshotCache
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings
from greenstream.domain.clock import Clock, utc_now
from greenstream.domain.places import pops
from greenstream.domain.reading import Forecast, Reading
from greenstream.domain.routing import decide
from greenstream.domain.split import shares
from greenstream.domain.window import Window, cleanest, of_one_kind
from greenstream.domain.zones import Zone, zones
from greenstream.ports.store import Store
from greenstream.ports.telemetry import FlushedTelemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

READS: Final = ("GET", "HEAD")
WRITES: Final = ("POST",)
ZONE_PATH: Final = "/v1/zones/"
ZONE_ROUTE: Final = ZONE_PATH + "{zone}"
LATENCY_ROUTE: Final = "/v1/latency"

STORE_DEADLINE_S: Final = 0.3
"""How long the table may take to connect and to answer before memory answers instead."""

UNHURRIED_WAIT_S: Final = 2.0
"""How long requests may wait for the store that no visit waits for, a zone's page and a report of
round trips: well within the function's own time."""


class Router:
    """Answers the routes of the HTTP API.

    Parameters
    ----------
    store
        Where the readings are; its failure degrades answers and stops none.
    clock
        Tells the present, against which every age is computed.
    telemetry
        Gets the decision_log.
    """

    def __init__(self, store: Store, *, clock: Clock, telemetry: FlushedTelemetry) -> None:
        self._cache = SnapshotCache(store, clock)
        self._clock = clock
        self._measured = LatencyCache(self._cache.ask, clock)
        self._decision_log = DecisionLog(telemetry, clock)
        self._reads: Mapping[str, Callable[[str], Reply]] = {
            "/": self._index,
            "/v1/route": self._route,
            "/v1/window": self._window,
            "/v1/zones": self._zones,
            "/v1/pops": self._pops,
            "/v1/providers": self._providers,
            "/v1/policy": self._policy,
            "/v1/health": self._health,
            "/openapi.json": self._openapi,
        }

    def respond(self, event: object) -> dict[str, Any]:
        """Answer a Function URL event; never raises, whatever comes in its place."""
        if not isinstance(event, dict):
            event = {}
        started = self._clock()
        correlation = correlation_id(event)
        path = event.get("rawPath")
        path = path[:200] if isinstance(path, str) else ""
        try:
            request = Request.of_event(event)
            reply = self._reply(request)
            answered = response(reply, request, correlation)
        except NotARequestError:
            reply = problem(HTTPStatus.BAD_REQUEST, "The event is no HTTP request.")
            answered = response(reply, None, correlation)
        except Exception:  # noqa: BLE001 - the last line of defence: told in full, to the log
            self._decision_log.failed(path, correlation)
            reply = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "The fault is the router's and has been logged."
            )
            answered = response(reply, None, correlation)
        told = {
            "path": path,
            "correlation_id": correlation,
            "duration_ms": round((self._clock() - started) / timedelta(milliseconds=1), 2),
            **reply.log,
        }
        try:
            every = self._cache.remembered.policy.log_every
            self._decision_log.answered(answered["statusCode"], told, every=every)
        except Exception:  # noqa: BLE001 - who cannot tell of an answer still gives it
            self._decision_log.failed(path, correlation)
        return answered

    def _reply(self, request: Request) -> Reply:
        path = request.path
        route = self._reads.get(path)
        if route is None and path.startswith(ZONE_PATH):
            zone = zones().get(path.removeprefix(ZONE_PATH))
            if zone is None:
                wrong = FieldError("zone", "is not a zone known here", tuple(zones()))
                return problem(HTTPStatus.BAD_REQUEST, "There is no such zone.", errors=[wrong])
            route = _of_zone(self._zone, zone)
        if route is None and path != LATENCY_ROUTE:
            wrong = FieldError("path", "is not a path known here", self._paths())
            return problem(HTTPStatus.NOT_FOUND, "There is nothing here.", errors=[wrong])
        methods = WRITES if route is None else READS
        if request.method not in methods:
            wrong = FieldError("method", "is not allowed here", methods)
            return problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "This path does not know the method.",
                errors=[wrong],
                headers={"Allow": ", ".join(methods)},
            )
        try:
            return self._report(request) if route is None else route(request.query)
        except QuestionError as error:
            return problem(
                HTTPStatus.BAD_REQUEST, "The request cannot be understood.", errors=error.errors
            )

    def _paths(self) -> tuple[str, ...]:
        return (*self._reads, ZONE_ROUTE, LATENCY_ROUTE)

    def _index(self, query: str) -> Reply:
        no_question(query)
        return Reply(
            body={
                "name": "GreenStream",
                "about": "Sends each request to the point of presence on the cleanest grid now.",
                "routes": self._paths(),
            },
            cache_control=SHARED,
        )

    def _route(self, query: str) -> Reply:
        question = route_question(query)
        patience = Patience()
        view, now = self._cache.view(patience), self._clock()
        policy = view.policy
        if question.max_latency_ms is not None:
            policy = replace(policy, max_latency_ms=question.max_latency_ms)
        ranking = question.signal or policy.ranking_signal
        standings = view.standings(question.pops, now, policy, ranking)
        measured = self._measured.of(question.colo, patience) if question.colo else {}
        weighed = candidates(question, standings, measured)
        decision = decide(weighed, policy, question.current)
        spread = shares(decision, policy) if question.split else None
        body = answer.route(decision, view, policy, ranking, now, spread)
        self._decision_log.decided(decision, degraded=body["degraded"])
        why = {"degraded_reason": body["degraded_reason"]} if body["degraded"] else {}
        return Reply(
            body=body,
            members={"candidates": answer.candidates(decision)},
            cache_control=SHARED,
            log={
                "pop": body["pop"],
                "zone": body["zone"],
                "reason": body["reason"],
                "colo": question.colo,
                "rungs": dict(Counter([candidate.carbon.rung for candidate in weighed])),
                "degraded": body["degraded"],
                **why,
            },
        )

    def _window(self, query: str) -> Reply:
        question = window_question(query)
        patience = Patience()
        now = self._clock()
        earliest = now.replace(second=0, microsecond=0)
        if earliest < now:
            earliest += timedelta(minutes=1)  # a start one can still keep
        found: dict[str, list[Window]] = {}
        unknown: dict[str, str] = {}
        seen: list[Forecast] = []
        for zone in question.zones:
            forecasts = self._cache.ask(_forecasts(zone), patience)
            seen += forecasts or ()
            windows = [
                window
                for forecast in _by_source(forecasts or (), zone)
                if (
                    window := cleanest(
                        forecast,
                        duration=question.duration,
                        earliest=earliest,
                        latest=earliest + question.within,
                    )
                )
            ]
            if windows:
                found[zone.zone] = windows
            elif forecasts is None:
                unknown[zone.zone] = "not_read"
            else:
                unknown[zone.zone] = "too_short" if forecasts else "no_forecast"
        chosen, comparable = of_one_kind(found)
        simulated = (
            any(each.simulated for each in seen) if seen else self._cache.view(patience).simulated
        )
        body = answer_window.window(
            question, chosen, unknown, now, comparable=comparable, simulated=simulated
        )
        return Reply(body=body, cache_control=SHARED)

    def _zones(self, query: str) -> Reply:
        kinds = zones_question(query)
        view, now = self._cache.view(Patience()), self._clock()
        carbon_of = view.carbon_at(now, view.policy)
        figures = ((zone, carbon_of(zone.zone, kinds)) for zone in zones().values())
        return Reply(body=answer.zones(figures, view, now), cache_control=SHARED)

    def _zone(self, query: str, zone: Zone) -> Reply:
        history_h = zone_question(query)
        patience = Patience(UNHURRIED_WAIT_S)
        view, now = self._cache.view(patience), self._clock()
        figure = view.carbon_at(now, view.policy)(zone.zone, None)
        body = answer.zone(zone, figure, view, view.policy, now)
        forecasts = self._cache.ask(_forecasts(zone), patience)
        body["forecasts"] = None if forecasts is None else answer.forecasts(forecasts, now)
        unread = [] if forecasts is not None else ["forecasts"]
        if history_h is not None:
            since = now - timedelta(hours=history_h)
            # An interval under way ends in the future and belongs to the history too.
            ends = [reading.valid_to for reading in view.readings.get(zone.zone, ())]
            until = max([now, *ends])
            past = self._cache.ask(lambda store: _history(store, zone, since, until), patience)
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
        return Reply(body=answer.providers(fed, self._cache.view(Patience()), self._clock()))

    def _policy(self, query: str) -> Reply:
        no_question(query)
        return Reply(body=answer.policy(self._cache.view(Patience())))

    def _health(self, query: str) -> Reply:
        no_question(query)
        return Reply(body=answer_health.health(self._cache.view(Patience()), self._clock()))

    def _openapi(self, query: str) -> Reply:
        no_question(query)
        return Reply(body=openapi.text(), cache_control=SHARED)

    def _report(self, request: Request) -> Reply:
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
        paths: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for sample in latency_report(sent):
            paths[sample.colo, sample.pop].append(sample.rtt_ms)
        now, accepted, patience = self._clock(), 0, Patience(UNHURRIED_WAIT_S)
        for (colo, pop), rtts_ms in paths.items():
            recorded = self._cache.ask(_recording(colo, pop, rtts_ms, now), patience)
            if recorded is None and not accepted:
                return problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "The round trips could not be kept.",
                    headers={"Retry-After": "1"},
                )
            accepted += len(rtts_ms) if recorded else 0
        return Reply(body={"accepted": accepted}, status=HTTPStatus.ACCEPTED)


def _of_zone(route: Callable[[str, Zone], Reply], zone: Zone) -> Callable[[str], Reply]:
    return lambda query: route(query, zone)


def _recording(
    colo: str, pop: str, rtts_ms: Sequence[float], at: datetime
) -> Callable[[Store], bool]:
    return lambda store: store.record_latency(colo, pop, rtts_ms, at)


def _by_source(forecasts: Iterable[Forecast], zone: Zone) -> list[Forecast]:
    """Return the forecasts in the order of the zone's sources."""
    order = [(source.provider, source.provider_zone) for source in zone.sources]
    listed = [each for each in forecasts if (each.provider, each.provider_zone) in order]
    return sorted(listed, key=lambda each: order.index((each.provider, each.provider_zone)))


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


def table_client() -> "DynamoDBClient":
    """Make the router's client of the table: one try within `STORE_DEADLINE_S`."""
    return dynamodb_client(
        connect_timeout_s=STORE_DEADLINE_S, read_timeout_s=STORE_DEADLINE_S, attempts=1
    )


gc.disable()  # walking the client's models while they are read costs a tenth of a cold start
TELEMETRY: Final = PowertoolsTelemetry(Logger(location=None))
ROUTER: Final = Router(
    DynamoStore(
        table_client(),
        Settings.from_env().table_name,
        clock=utc_now,
    ),
    clock=utc_now,
    telemetry=TELEMETRY,
)
zones(), pops()  # read at the start, which has more processor than a request
gc.freeze()  # all this stays: no later collection need walk it
gc.enable()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Answer one request."""
    return ROUTER.respond(event)
