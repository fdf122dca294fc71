"""Compares this checkout with another commit: the same measures on both, by turns, as ratios.

Run from anywhere: ``python tests/bench/against.py COMMIT``, or ``make against COMMIT=…``. The
commit is checked out and installed below ``.local/against``, where it is kept between runs.
``--quick`` takes a few minutes, with fewer repetitions. Each row ends in ``held`` or ``missed``, or
in ``skipped`` and the reason; the exit code is 1 when one is missed. The targets are those of the
comparison with commit c1866a7, from which they were set.

Times are processor times, medians of several processes. Both builds get the same zones, readings,
documents and requests, each through its own code, and the table of both is dynoxide's on this
machine, with a table for each build. What is measured as shipped is the artefact of `sam build`
with the interpreter of Lambda's runtime, which finds boto3 compiled, as on Lambda, and may write no
byte code.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from infra.registry import COLLECTORS
from tests.bench.gridstatus_init import IMPORT, RUN, processor_ms
from tests.bench.router_init import FLOOR, Function
from tests.bench.router_peer import fetch
from tests.bench.two_builds.build import (
    Build,
    Source,
    UnknownCommitError,
    build_of,
    sources_of,
    this_build,
)
from tests.bench.two_builds.documents import write_documents
from tests.bench.two_builds.driver import COLLECTORS as COLLECTED
from tests.bench.two_builds.driver import GRIDS, QUERY
from tests.bench.two_builds.table_meter import metered
from tests.integration.conftest import make_table
from tests.integration.engines import HOST, ROOT, dynoxide
from tests.integration.runtime_interface import INVOKE, Runtime, event, runtime
from tests.integration.test_upstream import running
from tests.shipped import NO_RUNTIME, READ_ONLY, runtime_of, ship
from tests.table_client import TableClient

KEPT: Final = ROOT / ".local" / "against"
FAST: Final = {61: (0.20, 0.25), 350: (0.08, 0.10), 1000: (0.10, 0.10)}
"""Targets of reading the table, by the number of zones: processor time and read units."""

SLOW: Final = {61: (0.03, 0.25), 350: (0.03, 0.25)}
"""Targets of reading the table with the profiles, of the sizes whose table has them."""

ANSWERS: Final = 50
"""Further answers of a started router before the peak of its memory is read."""

REQUESTS: Final = 200
"""Requests of a turn under the runtime interface."""

READY_MADE: Final = """
import json
import pathlib

ANSWER = json.loads(pathlib.Path(__file__).with_name("answer.json").read_text())


def handler(event, context):
    return ANSWER
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A measure of both builds and its target.

    Parameters
    ----------
    what
        The measure.
    before, after
        The other commit's value and this checkout's, ``None`` where it was not measured.
    unit
        The unit of both.
    limit
        The target of ``value``.
    value
        What the target is about: by default the ratio of ``after`` to ``before``.
    at_least
        Whether the value must be at least the limit, rather than at most.
    note
        What else decides, or the reason why it was skipped.
    """

    what: str
    before: float | None
    after: float | None
    unit: str
    limit: float
    value: float | None = None
    at_least: bool = False
    note: str = ""
    also: bool = True

    @property
    def measured(self) -> float | None:
        """The value that the target is about."""
        if self.value is not None or self.before is None or self.after is None:
            return self.value
        return self.after / self.before

    @property
    def verdict(self) -> str:
        """Whether the target is held."""
        if self.measured is None:
            return f"skipped: {self.note}"
        held = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return "held" if held and self.also else "missed"

    def __str__(self) -> str:
        bound = f"{'>=' if self.at_least else '<='} {self.limit:g}"
        if self.measured is None:
            return f"{self.what:58} {'':38} {'':8} {bound:8} {self.verdict}"
        values = f"{self.before:10.3f} {self.after:10.3f} {self.unit}"
        note = f"{self.note}; " if self.note else ""
        return f"{self.what:58} {values:38} {self.measured:8.3f} {bound:8} {note}{self.verdict}"


Filled = dict[str, tuple[Path, dict[str, str]]]
"""The folder of a world and the settings for its full table, by the name of the build."""

Turns = dict[str, list[dict[str, Any]]]


@dataclass
class Comparison:
    """Measures two builds.

    Parameters
    ----------
    builds
        The other build and this one.
    python
        The runtime's interpreter, or ``None`` where there is none.
    rounds
        How many processes of each build are started for a measure.
    hours
        How many simulated hours of the schedules are counted.
    """

    builds: tuple[Build, Build]
    python: Path | None
    rounds: int
    hours: int
    folder: Path
    stack: ExitStack
    table_url: str = field(init=False)
    meter_url: str = field(init=False)
    known: dict[str, list[Source]] = field(init=False)
    _filled: dict[int, Filled] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table_url = self.stack.enter_context(dynoxide(self.folder))
        self.meter_url = self.stack.enter_context(metered(self.table_url))
        before, now = (sources_of(build.package) for build in self.builds)
        self.known = {
            zone: [source for source in sources if source in now[zone]]
            for zone, sources in before.items()
            if zone in now
        }

    def rows(self, parts: Iterable[str]) -> Iterator[Row]:
        """Measure these parts."""
        for part in parts:
            yield from PARTS[part](self)

    def environment(self, table: str, *, url: str | None = None) -> dict[str, str]:
        """Return the settings of a process that uses a table."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_DYNAMODB": url or self.table_url,
            "HOME": str(self.folder),
            "TABLE_NAME": table,
            "POWERTOOLS_SERVICE_NAME": "router",
            "POWERTOOLS_METRICS_NAMESPACE": "GreenStream",
            "UPSTREAM": "live",
        }

    def table(self, build: Build, name: str) -> str:
        """Make an empty table for a build and return its name."""
        client = TableClient(self.table_url)
        make_table(client, f"{build.name}-{name}")
        return f"{build.name}-{name}"

    def by_turns(self, measure: Callable[[Build], dict[str, Any]], rounds: int) -> Turns:
        """Measure both builds in turns, and return the results of each."""
        found: Turns = defaultdict(list)
        for _ in range(rounds):
            for build in self.builds:
                found[build.name].append(measure(build))
        return found

    def medians(self, turns: Turns, name: str) -> tuple[float, float]:
        """Return the median of a figure, for the other build and for this one."""
        before, now = (
            statistics.median(result[name] for result in turns[build.name]) for build in self.builds
        )
        return before, now

    def filled(self, zones: int) -> Filled:
        """Make a world and a full table for each build, once in a run."""
        if zones in self._filled:
            return self._filled[zones]
        profiles = zones in SLOW
        worlds = self._filled[zones] = {}
        for build in self.builds:
            world = build.world(zones, 61, self.known)
            env = self.environment(self.table(build, f"zones-{zones}"))
            build.measure("fill", env, world=world, table=env["TABLE_NAME"], profiles=profiles)
            worlds[build.name] = (world, env)
        return worlds

    def table_reads(self) -> Iterator[Row]:
        """Compare the router's reads of the table at three sizes."""
        slow: list[Row] = []
        for zones, limits in FAST.items():
            worlds = self.filled(zones)

            def read(build: Build, *, meter: bool) -> dict[str, Any]:
                world, env = worlds[build.name]  # noqa: B023 - called at once
                if meter:
                    env = {**env, "AWS_ENDPOINT_URL_DYNAMODB": self.meter_url}
                times = 5 if meter else max(12, 6000 // zones)  # noqa: B023 - called at once
                return build.measure(
                    "reads", env, world=world, table=env["TABLE_NAME"], times=times, meter=meter
                )

            times = self.by_turns(lambda build: read(build, meter=False), self.rounds)
            units = self.by_turns(lambda build: read(build, meter=True), 1)
            what = f"table read, {zones} zones"
            yield Row(f"{what}: CPU", *self.medians(times, "fast"), "ms", limits[0])
            yield Row(f"{what}: units", *self.medians(units, "fast"), "read units", limits[1])
            if zones in SLOW:
                late = SLOW[zones]
                what = f"table read with profiles, {zones} zones"
                slow += [
                    Row(f"{what}: CPU", *self.medians(times, "slow"), "ms", late[0]),
                    Row(f"{what}: units", *self.medians(units, "slow"), "read units", late[1]),
                ]
        yield from slow

    def first_answer(self) -> Iterator[Row]:
        """Compare the first answer after the start at 350 zones."""
        worlds, asked = self.filled(350), event("route") | {"rawQueryString": QUERY}

        def answer(build: Build) -> dict[str, Any]:
            world, env = worlds[build.name]
            return build.measure("first_answer", env, world=world, event=asked)

        turns = self.by_turns(answer, 3 * self.rounds)
        before, after = self.medians(turns, "processor_ms")
        degraded = [sum(one["degraded"] for one in turns[build.name]) for build in self.builds]
        yield Row(
            "first answer after init, 350 zones",
            before,
            after,
            "ms",
            10.0,
            value=after,
            note=f"degraded {degraded[0]} and {degraded[1]} of {3 * self.rounds} times",
            also=not degraded[1],
        )

    def as_shipped(self) -> Iterator[Row]:
        """Compare the artefacts' starts under the runtime's interpreter."""
        names = (
            ("start + first answer as shipped, over a boto3 client's start", 0.85),
            ("peak memory of the router as shipped, 61 zones", 0.7),
            ("gridstatus' import as shipped", 0.30),
            ("the cold run of gridstatus' function as shipped", 0.50),
            ("start + first answer as shipped, ms more than before", 10.0),
        )
        if (python := self.python) is None:
            reason = NO_RUNTIME.removeprefix("skipped: ")
            yield from (Row(name, None, None, "", limit, note=reason) for name, limit in names)
            return
        for build in self.builds:
            ship(build.root, build.artefacts)
        floor = self.folder / "floor"
        floor.mkdir()
        (floor / "app.py").write_text(FLOOR)
        worlds = self.filled(61)

        def start(build: Build) -> dict[str, Any]:
            _, env = worlds[build.name]
            built = build.artefacts
            layer = built / "GreenstreamLayer/python"
            least = self.start(Function(floor, "app.handler", layer, python), env)
            handler = "functions.router.app.handler"
            ours = self.start(Function(built / "RouterFunction", handler, layer, python), env)
            return {**ours, "over_floor": ours["processor_ms"] / least["processor_ms"]}

        starts = self.by_turns(start, 3 * self.rounds)
        before, after = self.medians(starts, "over_floor")
        yield Row(names[0][0], before, after, "x the floor", names[0][1], value=after)
        before, after = self.medians(starts, "processor_ms")
        yield Row(names[4][0], before, after, "ms", names[4][1], value=after - before)
        yield Row(names[1][0], *self.medians(starts, "peak_mb"), "MB", names[1][1])
        imports = self.by_turns(
            lambda build: {"ms": processor_ms(python, build.artefacts, IMPORT)}, 2 * self.rounds
        )
        yield Row(names[2][0], *self.medians(imports, "ms"), "ms", names[2][1])
        runs = self.cold_runs(python)
        yield Row(names[3][0], *self.medians(runs, "ms"), "ms", names[3][1])

    def start(self, function: Function, env: Mapping[str, str]) -> dict[str, Any]:
        """Start a function under AWS's runtime interface and ask it."""
        asked = event("route") | {"rawQueryString": QUERY}
        with runtime(
            function.task_root,
            {**env, **READ_ONLY},
            folder=self.folder,
            handler=function.handler,
            layer=function.layer,
            python=function.python,
        ) as served:
            answer = served.invoke(asked)
            used_ms = served.processor_ms()
            if answer.get("statusCode") != HTTPStatus.OK:
                raise RuntimeError(f"{function.handler} did not answer: {answer}")
            for _ in range(ANSWERS):
                served.invoke(asked)
            return {"processor_ms": used_ms, "peak_mb": served.peak_mb()}

    def cold_runs(self, python: Path) -> Turns:
        """Run gridstatus' function in new processes, with the simulated grids."""
        with running(self.folder) as simulator:
            settings = {
                **COLLECTORS["gridstatus"].settings,
                "GRIDSTATUS_ZONES": GRIDS,
                "UPSTREAM": "simulated",
                "PJM_API_KEY": "simulated",
                "HTTPS_PROXY": simulator.proxy_url,
                "HTTP_PROXY": simulator.proxy_url,
                "REQUESTS_CA_BUNDLE": simulator.ca_bundle,
                "NO_PROXY": HOST,
            }
            tables = {build.name: self.table(build, "gridstatus") for build in self.builds}

            def cold_run(build: Build) -> dict[str, Any]:
                env = self.environment(tables[build.name]) | settings
                return {"ms": processor_ms(python, build.artefacts, RUN, **env)}

            return self.by_turns(cold_run, self.rounds)

    def collectors(self) -> Iterator[Row]:
        """Compare the collectors: on their schedules, and a run of ENTSO-E without the table."""

        # A collector may need the sources of collectors that do not run here.
        sources = {
            zone: [*self.known[zone], *(source for source in of_zone if source[0] not in COLLECTED)]
            for zone, of_zone in sources_of(self.builds[1].package).items()
            if zone in self.known
        }

        def schedules(build: Build) -> dict[str, Any]:
            table = self.table(build, "schedules")
            found = build.measure(
                "schedules",
                self.environment(table, url=self.meter_url),
                world=build.world(len(sources), 61, sources),
                table=table,
                start="2026-11-22T06:00:00+00:00",
                warm_hours=2,
                hours=self.hours,
            )
            bare = found["entsoe_requests"] - found["entsoe_profile_requests"]
            return {
                **found,
                "millions": found["write_units_an_hour"] * 24 * 30 / 1e6,
                "bare_requests": bare,
            }

        turns = self.by_turns(schedules, 1)
        every = self.medians(turns, "entsoe_requests")
        yield Row(
            "requests to the table of an ENTSO-E run",
            *self.medians(turns, "bare_requests"),
            "requests",
            0.55,
            note=f"with those of profiles {every[0]:.0f} and {every[1]:.0f}",
        )
        yield Row("writes a month", *self.medians(turns, "millions"), "million units", 0.40)
        documents = self.folder / "documents"
        env = self.environment("none")
        domains = [build.measure("entsoe_domains", env) for build in self.builds]
        times = write_documents(documents, domains[0].items() & domains[1].items())
        runs = self.by_turns(
            lambda build: build.measure("entsoe_runs", env, folder=str(documents), times=times),
            self.rounds,
        )
        cold = self.medians(runs, "cold")
        yield Row(
            "an ENTSO-E run without the table, warm",
            *self.medians(runs, "warm"),
            "ms",
            0.45,
            note=f"cold {cold[0]:.0f} and {cold[1]:.0f} ms",
        )

    def many_pops(self) -> Iterator[Row]:
        """Compare answers about 300 POPs on 350 zones, and about six on 61."""
        filled = self.filled(350)
        worlds = {build.name: build.world(350, 300, self.known) for build in self.builds}
        turns = self.by_turns(
            lambda build: build.measure(
                "many_pops",
                filled[build.name][1],
                world=worlds[build.name],
                table=filled[build.name][1]["TABLE_NAME"],
                event=event("route"),
                times=60,
            ),
            self.rounds,
        )
        what = "300 POPs x 350 zones"
        yield Row(f"{what}, warm", *self.medians(turns, "warm"), "ms", 0.60)
        yield Row(f"{what}, new second", *self.medians(turns, "new_second"), "ms", 0.50)
        filled = self.filled(61)
        turns = self.by_turns(
            lambda build: build.measure(
                "few_pops",
                filled[build.name][1],
                world=filled[build.name][0],
                table=filled[build.name][1]["TABLE_NAME"],
                event=event("route"),
                times=400,
            ),
            self.rounds,
        )
        yield Row("6 POPs x 61 zones, warm", *self.medians(turns, "warm"), "ms", 1.0)

    def ready_made_share(self) -> Iterator[Row]:
        """Compare the handler with a ready-made answer, under AWS's runtime interface."""
        asked = json.dumps(event("route") | {"rawQueryString": QUERY})
        shares: dict[str, list[float]] = defaultdict(list)
        worlds = self.filled(61)
        # Two processes of the same code differ by a tenth, so that each round starts new ones.
        for nth in range(self.rounds + 2):
            for build in self.builds:
                folder = self.folder / f"ready-made-{build.name}-{nth}"
                folder.mkdir()
                (folder / "app.py").write_text(READY_MADE)
                _, env = worlds[build.name]
                with ExitStack() as running:
                    took = self.request_times(build, env, folder, asked, running)
                shares[build.name].append(took["ready"] / took["ours"])
        before, after = (statistics.median(shares[build.name]) for build in self.builds)
        yield Row(
            "share of a ready-made answer's rate, runtime interface",
            before,
            after,
            "of the rate",
            0.5,
            value=after,
            at_least=True,
        )

    def request_times(
        self, build: Build, env: Mapping[str, str], folder: Path, asked: str, running: ExitStack
    ) -> dict[str, float]:
        """Return what requests cost a build's handler, and one with a ready-made answer, in ms.

        Both run until ``running`` ends, and are asked by turns.
        """
        functions: dict[str, Runtime] = {}
        for name, root in (("ours", build.root / "functions/router"), ("ready", folder)):
            if name == "ready":
                answer = fetch(connections(functions["ours"]), INVOKE, asked)
                (folder / "answer.json").write_text(json.dumps(answer))
            functions[name] = running.enter_context(
                runtime(
                    root,
                    env,
                    folder=folder,
                    layer=build.root / "layers/greenstream",
                    python=build.python,
                )
            )
        to = {name: connections(function) for name, function in functions.items()}
        took: dict[str, float] = dict.fromkeys(functions, 0.0)
        for turn in range(3):
            for name, function in functions.items():
                before = function.processor_ms() if turn else 0.0
                for _ in range(REQUESTS):
                    fetch(to[name], INVOKE, asked)
                if turn:  # the first turn starts the functions
                    took[name] += function.processor_ms() - before
        return took


PARTS: Final[Mapping[str, Callable[[Comparison], Iterator[Row]]]] = {
    "reads": Comparison.table_reads,
    "first": Comparison.first_answer,
    "shipped": Comparison.as_shipped,
    "collectors": Comparison.collectors,
    "pops": Comparison.many_pops,
    "runtime": Comparison.ready_made_share,
}
"""The parts of the comparison, in the order of the table."""


def connections(function: Runtime) -> HTTPConnection:
    """Return a connection to a function under the runtime interface."""
    return HTTPConnection(function.address.removeprefix("http://"))


def main(arguments: list[str]) -> int:
    """Print the rows; return 1 when a target is missed and 2 when there is no such commit."""
    parser = argparse.ArgumentParser(description="Compare this checkout with another commit.")
    parser.add_argument("commit", metavar="COMMIT", help="the commit to compare with")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part")
    asked = parser.parse_args(arguments)
    KEPT.mkdir(parents=True, exist_ok=True)
    try:
        builds = build_of(asked.commit, KEPT), this_build(KEPT)
    except UnknownCommitError as error:
        print(error, file=sys.stderr)
        return 2
    missed = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        comparison = Comparison(
            builds=builds,
            python=runtime_of(ROOT / ".local/runtime"),
            rounds=3 if asked.quick else 7,
            hours=4 if asked.quick else 22,
            folder=Path(folder),
            stack=stack,
        )
        header = f"{builds[0].name:>10} {'now':>10}"
        print(f"{'measure':58} {header:38} {'value':>8} {'target':8}")
        for row in comparison.rows(asked.only or PARTS):
            print(row, flush=True)
            missed += row.verdict == "missed"
    return 1 if missed else 0


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - sets the functions' environment

    sys.exit(main(sys.argv[1:]))
