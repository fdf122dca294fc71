"""The whole system under a simulated clock: a day of all schedules and load takes minutes.

The providers' own pipelines run, from the HTTP client to the table, on the schedules of the
template. The simulator answers them in this process, its faults included.
"""

import gc
import heapq
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Lock
from typing import IO, Any, Final

from samtranslator.yaml_helper import yaml_parse

from functions.eia.provider import Eia
from functions.electricitymaps.provider import ElectricityMaps
from functions.elexon.provider import Elexon
from functions.energycharts.provider import EnergyCharts
from functions.entsoe.provider import Entsoe
from functions.eso.provider import Eso
from functions.flows.provider import FlowTracing
from functions.gridstatus.provider import Gridstatus, wanted
from functions.national.provider import PROVIDERS as NATIONAL
from functions.tuner.nightly import run as tune
from functions.watttime.provider import WattTime
from greenstream.api.router import Router
from greenstream.api.snapshot_cache import TIME_TO_LIVE
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_profiles import StoredProfiles
from greenstream.aws.dynamo_recording import DynamoRecording
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.places import pops
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.zones import zones_of
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Provider
from greenstream.ports.store import Put, PutOutcome, Snapshot
from infra.local.upstream.providers import simulators_of
from infra.ops.cost import ROOT, rate_s
from infra.registry import COLLECTORS
from tests.chaos.machine_floor import MachineFloor
from tests.chaos.simulated_upstreams import FuelMixes, Simulator
from tests.router_client import SetClock
from tests.table_client import TableClient

RETRY_S: Final = 60.0  # Lambda retries a failed asynchronous invocation after it
COLD_STARTS: Final = 0.02
STALL_S = 0.1
"""A delay of this process after which a read of the table may miss the router's 0.6 s: such a delay
hits the router, the client and the table's server one after another."""

ASKED_EVERY_S: Final = 60
COLOS: Final = ("AMS", "LHR", "SJC", "IAD")
OURS: Final = ("greenstream", "functions")
SourceKey = tuple[str, str, Kind]


MeanKey = tuple[SourceKey, datetime, int]
"""The source of a mean, the time at which it was computed, and its hour of day."""

HOURS_OF_A_RUN = 2
"""How many hours of day a run computes anew of a source's profile."""


class Ledger(DynamoStore):
    """The store, which also records in memory everything that was written to it."""

    def __init__(self, client: TableClient, table_name: str, clock: SetClock) -> None:
        super().__init__(client, table_name, clock=clock)
        self.intervals: defaultdict[SourceKey, set[datetime]] = defaultdict(set)
        self.newest: dict[SourceKey, datetime] = {}
        self.forecast: set[SourceKey] = set()
        self.profiled: list[tuple[datetime, MeanKey]] = []
        """The time at which each mean was stored, and which; the replay computes the values."""
        self.of_windows: dict[MeanKey, HourMean] = {}
        """The means of fetched windows, which the history does not hold."""
        self.outcomes: Counter[str] = Counter()
        self.kinds: dict[Kind, Kind] = {}
        """One object of each kind, so that not every write adds another object to this record."""

    def recording(self, provider: str) -> DynamoRecording:
        return _Recorded(self, super().recording(provider))

    def note_put(self, reading: Reading, put: Put) -> None:
        """Record a reading that was stored."""
        self.intervals[reading.zone, reading.provider, reading.kind].add(reading.valid_to)
        of_source = (reading.provider, reading.provider_zone, reading.kind)
        self.newest[of_source] = max(reading.valid_to, self.newest.get(of_source, reading.valid_to))
        self.outcomes[put.outcome] += 1

    def note_profile(self, profile: HourProfile) -> None:
        """Record the means of a profile that is published at the end of its run."""
        kind = self.kinds.setdefault(profile.kind, profile.kind)
        source = (profile.zone, profile.provider, kind)
        computed = {(source, mean.computed_at, hour): mean for hour, mean in profile.hours.items()}
        self.profiled += [(self._clock(), key) for key in computed]
        # A run computes two hours of the history at most; EIA's workbooks hold a week every time.
        if len(self.intervals[source]) == 1 or len(profile.hours) > HOURS_OF_A_RUN:
            self.of_windows |= computed


class _Recorded(DynamoRecording):
    """A recording whose values the ledger records too."""

    def __init__(self, ledger: Ledger, recording: DynamoRecording) -> None:
        self.__dict__ |= recording.__dict__
        self._ledger = ledger

    def put_readings(self, readings: Sequence[Reading]) -> tuple[Put, ...]:
        puts = super().put_readings(readings)
        for reading, put in zip(readings, puts, strict=True):
            self._ledger.note_put(reading, put)
        return puts

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        self._ledger.forecast.add((forecast.zone, forecast.provider, forecast.kind))
        return super().put_forecast(forecast)

    def put_profile(self, profile: HourProfile) -> None:
        super().put_profile(profile)
        self._ledger.note_profile(profile)


class Reader(DynamoStore):
    """The router's store; the lock ``busy`` is held while a snapshot or profiles are read.

    The router may answer before such a read has ended.
    """

    def __init__(self, client: TableClient, table_name: str, clock: SetClock) -> None:
        super().__init__(client, table_name, clock=clock)
        self.busy = Lock()

    def snapshot(self) -> Snapshot:
        with self.busy:
            return super().snapshot()

    def profiles(self, hours: Collection[int]) -> StoredProfiles:
        with self.busy:
            return super().profiles(hours)


@dataclass
class Sink:
    """Telemetry that stores the fields of the last answer."""

    last: Mapping[str, object] = field(default_factory=dict)

    def event(self, level: str, message: str, **fields: object) -> None:
        """Store the fields of an answer, and discard every other log line."""
        if message == "answered":
            self.last = fields

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Discard a metric."""

    def flush(self) -> None:
        """Flush nothing, as nothing is buffered."""


FILLED_LATER: Final = frozenset(
    {
        "greenstream.aws.dynamo_profiles",
        "greenstream.aws.profile_items",
        "greenstream.domain.course",
        "greenstream.domain.profile",
        "greenstream.ingest.stored_slots",
    }
)
"""The modules of what grows until the end of the day: a source has a mean for each of 24 hours, and
remembers a slot for each interval of a window of up to 11 days, which a cold start forgets."""


@dataclass
class Footprint:
    """Memory at an instant: objects of this project's types, and the process as a whole.

    Objects of `FILLED_LATER` are not counted.
    """

    objects: int
    rss_mb: float

    @classmethod
    def now(cls) -> "Footprint":
        """Return the footprint at this instant."""
        gc.collect()
        objects = sum(
            (module := str(type(item).__module__)).startswith(OURS) and module not in FILLED_LATER
            for item in gc.get_objects()
        )
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(objects, pages * 4096 / 2**20)


class Day:
    """All schedules, faults and load from ``start`` on.

    Every decision is written as one line to the file that `pass_hours` is given. The line also has
    the two instants at which the router had read the table: the items that change often, and the
    rest.
    """

    def __init__(self, client: TableClient, table_name: str, start: datetime, seed: int) -> None:
        self.start = start
        self.clock = SetClock(start)
        self.random = Random(seed)
        self.simulator = Simulator(self.clock)
        self.store = Ledger(client, table_name, self.clock)
        self.policies = DynamoPolicies(client, table_name)
        self.sink = Sink()
        self.reader = Reader(client, table_name, self.clock)
        self.router = Router(self.reader, clock=self.clock, telemetry=self.sink)
        self.template = yaml_parse((ROOT / "template.yaml").read_text())
        self.runs: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.faults = 0
        self.answers = 0
        self.ages = 0
        self.reports = 0
        self.floor = MachineFloor()
        self.degraded = 0
        """Answers from memory, since the table did not answer within the router's time limit."""
        self.stalled = 0
        """Answers from memory during which the machine let this process wait for `STALL_S`. They
        say nothing about the router and are not counted as degraded."""
        self.read_at: datetime | None = None
        self.profiles_at = start
        self.hours: list[int] = []
        self.colos: set[tuple[str, str]] = set()
        self.footprints: list[Footprint] = []
        self.failures: list[str] = []
        self._token = f"soak-{start:%Y%m%d}"
        self._providers = {name: self._made(name) for name in COLLECTORS}
        self._order = itertools.count()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []

    def pass_hours(self, hours: int, decisions: IO[str]) -> None:
        """Run everything that is due within these hours, and write the decisions to a file."""
        until = self.start + timedelta(hours=hours)
        for name in COLLECTORS:
            self._schedule(name, until)
        tuner_at = self.start + self.random.random() * (until - self.start)
        self._at(tuner_at, self._tune)
        at = self.start + timedelta(seconds=37)
        while at < until:
            self._at(at, lambda: self._load(decisions))
            at += timedelta(seconds=ASKED_EVERY_S)
        at = self.start + timedelta(minutes=10)
        while at < until:
            self._at(at, self._break)
            at += timedelta(minutes=self.random.uniform(5, 20))
        for hour in range(1, hours + 1):
            self._at(
                self.start + timedelta(hours=hour),
                lambda: self.footprints.append(Footprint.now()),
            )
        with self.floor:
            while self._due:
                due, _, action = heapq.heappop(self._due)
                self.clock.now = max(self.clock.now, due)
                action()

    def _at(self, due: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (due, next(self._order), action))

    def _schedule(self, name: str, until: datetime) -> None:
        function = COLLECTORS[name].function.title()
        properties = self.template["Resources"][f"{function}Function"]["Properties"]
        window = properties["Events"]["Schedule"]["Properties"]["FlexibleTimeWindow"]
        step = timedelta(seconds=rate_s(self._default(f"{function}Rate")))
        retries = properties["EventInvokeConfig"]["MaximumRetryAttempts"]
        at = self.start
        while at < until:
            late = timedelta(minutes=self.random.random() * window["MaximumWindowInMinutes"])
            self._at(at + late, lambda: self._collect(name, retries))
            at += step

    def _default(self, parameter: str) -> str:
        return str(self.template["Parameters"][parameter]["Default"])

    def _made(self, name: str) -> Provider:
        """Make a provider as its function does at a cold start."""
        if name == "gridstatus":
            return Gridstatus(
                feed=FuelMixes(self.simulator),
                wanted=wanted(self._default("GridstatusZones")),
                pjm_api_key=lambda: "key",
                simulated=True,
            )
        seconds = lambda: self.clock().timestamp()  # noqa: E731
        http = HttpClient(
            provider=name,
            base_url=f"https://{name}.test",
            attempts=1 if name in ("entsoe", "energycharts", "flows", "electricitymaps") else 2,
            transport=self.simulator.transport(simulators_of(name)[0].name),
            sleep=self.clock.forward,
            monotonic=seconds,
        )
        newest = lambda: self.store.snapshot().readings  # noqa: E731
        keyless: dict[str, Callable[[], Provider]] = {
            "eso": lambda: Eso(http, simulated=True),
            "elexon": lambda: Elexon(http, simulated=True),
            "eia": lambda: Eia(http, simulated=True),
            "energycharts": lambda: EnergyCharts(http=http, newest=newest, simulated=True),
            "flows": lambda: FlowTracing(
                http=http,
                token=lambda: "key",
                history=self.store.history,
                simulated=True,
                monotonic=seconds,
            ),
        }
        if name in keyless:
            return keyless[name]()
        if name in NATIONAL:
            return NATIONAL[name].over(http, simulated=True)
        match name:
            case "entsoe":
                return Entsoe(http=http, token=lambda: "key", simulated=True, monotonic=seconds)
            case "watttime":
                return WattTime(
                    http=http,
                    wanted=zones_of(name),
                    credentials=lambda: ("user", "password"),
                    telemetry=self.sink,
                    simulated=True,
                    clock=self.clock,
                    monotonic=seconds,
                )
        return ElectricityMaps(
            http=http,
            wanted=zones_of(name),
            newest=newest,
            token=lambda: self._token,
            hourly_budget=int(self._default("ElectricitymapsHourlyBudget")),
            simulated=True,
            monotonic=seconds,
        )

    def _collect(self, name: str, retries: int) -> None:
        if self.random.random() < COLD_STARTS:
            self._providers[name] = self._made(name)
        self.runs[name] += 1
        try:
            collect(self._providers[name], self.store, clock=self.clock, telemetry=self.sink)
        except CollectionFailedError:
            self.failed[name] += 1
            if retries:
                again = self.clock() + timedelta(seconds=RETRY_S)
                self._at(again, lambda: self._collect(name, retries - 1))

    def _tune(self) -> None:
        tune(self.store, self.policies, clock=self.clock, telemetry=self.sink)

    def _break(self) -> None:
        self.simulator.faults.add(self.simulator.any_fault(self.random), self.clock())
        self.faults += 1

    def _load(self, decisions: IO[str]) -> None:
        """Ask as the Worker's colos do: twice at once, and after 2 s again, now from memory."""
        self._check_ages()
        for pause_s in (0, 0, 2):
            self.clock.forward(pause_s)
            query = self._question()
            self.sink.last = {}
            body = self._ask("/v1/route", query)
            logged = self.sink.last and {
                name: self.sink.last[name] for name in ("pop", "zone", "reason")
            }
            if logged != {name: body[name] for name in logged}:
                self.failures.append(f"{self.clock()} logged {logged}, not {body['pop']}")
            record = {
                "at": self.clock().isoformat(),
                "read_at": str(self.read_at),
                "profiles_at": str(self.profiles_at),
                "hours": self.hours,
                "query": query,
                "body": body,
            }
            decisions.write(json.dumps(record) + "\n")
        colo, pop = self.random.choice(COLOS), self.random.choice(("lon", "ams", "iad"))
        self.colos.add((colo, pop))
        self.reports += 1
        sample = {"colo": colo, "pop": pop, "rtt_ms": self.random.uniform(2, 90)}
        self._ask("/v1/latency", body=json.dumps({"samples": [sample]}), status=202)
        self._ask("/v1/route", f"colo={colo}")
        self._ask("/v1/providers")

    def _question(self) -> str:
        random = self.random
        names = random.sample(sorted(pops()), random.choice((2, 6, 12)))
        if random.random() < 0.5:
            names = ["sfo", "lax", "iad", "nyc", "lon", "ams"]
        asked = [f"pops={','.join(names)}", f"current={random.choice(names)}"]
        asked.append(f"signal={random.choice(('auto', 'auto', 'average', 'marginal', 'any'))}")
        if random.random() < 0.5:
            rtts = ",".join(f"{name}:{random.randint(1, 120)}" for name in names)
            asked.append(f"rtt={rtts}")
        else:
            asked.append(f"lat={random.uniform(35, 60):.2f}&lon={random.uniform(-120, 20):.2f}")
        return "&".join(asked)

    def _ask(
        self, path: str, query: str = "", *, body: str | None = None, status: int = 200
    ) -> dict[str, Any]:
        event = {
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": "POST" if body else "GET"}},
            "body": body,
        }
        self.floor.take_worst_s()
        answer = self.router.respond(event)
        stall_s = self.floor.take_worst_s()
        self.answers += 1
        with self.reader.busy:  # waits for a read that is still running after the answer
            read_at = self.router._cache.remembered.read_at
            profiles = self.router._cache._profiles
            self.read_at = read_at
            if profiles is not None:
                self.profiles_at, self.hours = profiles.read_at, sorted(profiles.hours)
        document: dict[str, Any] = json.loads(answer["body"])
        late = answer["statusCode"] == 503 if body else store_failed(document)
        if late and stall_s >= STALL_S:
            self.stalled += 1
        else:
            self.degraded += late
        if answer["statusCode"] != status and not late:
            self.failures.append(f"{self.clock()} {path}?{query}: {answer}")
        return document

    def _check_ages(self) -> None:
        """Check every zone's age against the newest reading that was ever stored of its source."""
        self.clock.forward(TIME_TO_LIVE.total_seconds())  # the router's memory expires
        answer = self._ask("/v1/zones")
        if store_failed(answer):
            return
        now = datetime.fromisoformat(answer["as_of"])
        for zone in answer["zones"]:
            if zone["valid_to"] is None:
                continue
            self.ages += 1
            kind = Kind(zone["signal"], zone["basis"])
            newest = self.store.newest[zone["provider"], zone["provider_zone"], kind]
            age_s = max(0.0, (now - newest.replace(microsecond=0)).total_seconds())
            owners = max(0.0, age_s - 600) / 60
            if zone["age_s"] != age_s:
                self.failures.append(f"{now} {zone['zone']}: age {zone['age_s']}, not {age_s}")
            adjusted = zone["expected_gco2_kwh"] + zone["penalty_gco2_kwh"]
            if answer["zones"] and abs(zone["adj_carbon_gco2_kwh"] - adjusted) > 0.11:
                self.failures.append(f"{now} {zone['zone']}: {zone}")
            if self.priced:
                priced = min(owners, Policy().penalty_cap_doubts * zone["doubt_gco2_kwh"])
                if abs(zone["penalty_gco2_kwh"] - priced) > 0.1:
                    self.failures.append(f"{now} {zone['zone']}: price of {age_s} s: {zone}")

    priced = True
    """Whether the policy in force puts a price on age."""


def store_failed(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer comes from memory, since the store failed to answer in time."""
    return "the store failed" in (answer.get("degraded_reason") or "")
