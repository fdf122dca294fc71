"""Computes what a month costs, from the template, measured durations and AWS's prices.

``greenstream cost`` prints the table. ``python -m infra.ops.cost --write`` writes it into
``infra/docs/COSTS.md``. ``--measured FILE`` uses durations of your own, ``{"eso": 2310}`` in ms,
for the functions that the file names.
Prices are the public ones of us-east-1 on 2026-11-22, in USD, for arm64: Lambda 0.0000133334 per
GB-s and 0.20 per million requests; DynamoDB 0.625 per million writes and 0.125 per million reads;
CloudWatch 0.50 per GB of logs, 0.30 per metric, 0.10 per alarm; KMS 0.03 per 10,000 requests.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from samtranslator.yaml_helper import yaml_parse

from greenstream.domain.places import pops
from greenstream.domain.zones import zones
from infra.registry import COLLECTING

ROOT: Final = Path(__file__).resolve().parents[2]
MONTH_S: Final = 30 * 86_400
MONTH_H: Final = 30 * 24
MONTH_DAYS: Final = 30
UNIT_S: Final = {"minute": 60, "hour": 3600, "day": 86_400}
START, END = "<!-- cost: python -m infra.ops.cost --write -->", "<!-- /cost -->"

GB_S_USD: Final = 0.0000133334
REQUEST_USD: Final = 0.20e-6
WRITE_USD: Final = 0.625e-6
READ_USD: Final = 0.125e-6
LOG_GB_USD: Final = 0.50
METRIC_USD: Final = 0.30
ALARM_USD: Final = 0.10
KMS_USD: Final = 0.03 / 10_000

FREE_GB_S, FREE_REQUESTS, FREE_LOG_GB = 400_000, 1_000_000, 5
FREE_METRICS, FREE_ALARMS, FREE_KMS = 10, 10, 20_000
"""What AWS gives free each month, also after the first year; DynamoDB gives nothing on demand."""

PROFILE_READS: Final = 7
"""Read units of computing one source's hour of a profile: a Query for each of 7 days."""

HOUR_RUNS: Final = 4
"""In how many runs an hour of a provider's profiles is written, since its zones end the hour at
different times. It is the most: a run every 15 minutes, or four groups of zones. A function that
runs less often writes less often. Of a function with more providers, each writes the hour of its
own zones once."""

HOUR_GROUPS: Final[Mapping[str, int]] = MappingProxyType({"eso": 2, "elexon": 1, "watttime": 1})
"""Groups of zones whose figures come together, where a function has fewer than `HOUR_RUNS`: NESO's
regions and the nation, and the single zones of the others."""

HOURS_READS: Final = 24.0
"""Read units of the Query of all 24 hours of all providers' profiles, which comes before some of
them are written, and before storage counts by the week's mean."""

WEEK_MEANS: Final[Mapping[str, int]] = MappingProxyType(
    {"elexon": 1, "national": 4, "gridstatus": 1, "entsoe": 1, "energycharts": 1}
)
"""How many providers of a function count storage by the mean of the last week, and so read all
hours at the start of a process and of a UTC day."""

PROCESSES_A_DAY: Final = 12
"""How many processes of a collector run after each other in a day: it is assumed that Lambda ends
one after two hours."""

READINGS_PER_UNIT: Final = 80
"""How many readings of an hour of profiles, or of a board, a write unit of 1 KB holds at least."""

HISTORY_ITEM_BYTES: Final = 600
HISTORY_DAYS: Final = 30
BYTES_PER_READ: Final = 8192
"""Bytes per read unit of an eventually consistent Query, which costs half a unit for 4 KB."""

QUERY_READS: Final = 2.0
QUERY_EVERY_S: Final = 5
PROFILES_QUERY_READS: Final = 4.0
PROFILES_EVERY_S: Final = 300
"""The router's Query of the boards every few seconds, and its Query of four hours of profiles."""

KMS_EVERY_S: Final = 300
"""The shortest time between two requests of DynamoDB to KMS for one caller of the table."""

REQUESTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Function:
    """The runs of one function in a month, and what one run takes, reads, writes and logs.

    ``duration_s`` is the time of one run; its part ``assumed_s`` is assumed, not measured.
    ``run_writes`` and ``run_reads`` are DynamoDB units of every run, ``log_bytes`` bytes per run.
    ``new_writes`` are the further write units when all figures are new, as they are every
    ``new_s`` seconds. ``providers`` is how many providers the function runs, and ``week_means``
    how many of them count storage by the mean of the last week.
    """

    name: str
    runs: float
    memory_gb: float
    duration_s: float
    readings: int = 0
    run_writes: float = 0
    run_reads: float = 0
    new_writes: float = 0
    new_s: float = MONTH_S
    log_bytes: int = 0
    assumed_s: float = 0
    providers: int = 1
    week_means: int = 0

    @property
    def gb_s(self) -> float:
        """Billed gigabyte-seconds."""
        return self.runs * self.memory_gb * self.duration_s

    @property
    def writes(self) -> float:
        """Write units: of boards, of new figures, and hourly of profiles and of a board's copy."""
        items = 2 * math.ceil(self.readings / READINGS_PER_UNIT)
        hourly = self.hour_runs * items + (self.run_writes if self.readings else 0)
        new = MONTH_S / self.new_s * self.new_writes
        return self.runs * self.run_writes + new + MONTH_H * hourly

    @property
    def reads(self) -> float:
        """Read units, with those of hour profiles and of the means of the last week."""
        profiles = self.hour_runs * HOURS_READS if self.readings else 0
        profiles += self.readings * PROFILE_READS
        week = MONTH_DAYS * PROCESSES_A_DAY * self.week_means * HOURS_READS
        return self.runs * self.run_reads + MONTH_H * profiles + week

    @property
    def hour_runs(self) -> float:
        """In how many writes an hour of the profiles of all its providers is set."""
        groups = HOUR_GROUPS.get(self.name, HOUR_RUNS)
        return max(min(groups, self.runs / MONTH_H), self.providers)

    @property
    def log_gb(self) -> float:
        """Ingested logs, GB."""
        return self.runs * self.log_bytes / 1e9

    @property
    def usd(self) -> float:
        """The price in USD without the free tier."""
        return (
            self.gb_s * GB_S_USD
            + self.runs * REQUEST_USD
            + self.writes * WRITE_USD
            + self.reads * READ_USD
            + self.log_gb * LOG_GB_USD
        )

    def __str__(self) -> str:
        assumed = f" ({self.assumed_s:.3g} assumed)" if self.assumed_s else ""
        parts = [f"{self.runs:,.0f} runs of {self.duration_s:.3g} s{assumed}"]
        parts[0] += f" at {self.memory_gb * 1024:.0f} MB"
        if self.writes:
            parts.append(f"{self.writes:,.0f} writes, {self.reads:,.0f} reads")
        return ", ".join([*parts, f"{self.log_gb:.2f} GB of logs"])


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table; the free tier reduces ``usd`` by ``free_usd``."""

    what: str
    how: str
    usd: float
    free_usd: float = 0.0


def functions(measured_ms: Mapping[str, float] | None = None) -> list[Function]:
    """Return the collectors, the tuner and, last, the router.

    Parameters
    ----------
    measured_ms
        Measured durations of whole runs by function; these replace the stored ones, which hold
        assumed times of the upstreams.
    """
    template = yaml_parse((ROOT / "template.yaml").read_text())
    durations: Mapping[str, Any] = json.loads((ROOT / "infra/ops/durations.json").read_text())
    listed = []
    for name, run in durations["functions"].items():
        properties = template["Resources"][f"{name.title()}Function"]["Properties"]
        rate = template["Parameters"].get(f"{name.title()}Rate", {}).get("Default")
        measured = (measured_ms or {}).get(name)
        listed.append(
            Function(
                name=name,
                runs=MONTH_S / rate_s(rate) if rate else REQUESTS,
                memory_gb=properties["MemorySize"] / 1024,
                duration_s=(measured or run["own_ms"] + run["upstream_ms"]) / 1000,
                readings=run["readings"],
                run_writes=run["writes"],
                run_reads=tuner_reads() if name == "tuner" else run["reads"],
                new_writes=run["new_writes"],
                new_s=run["new_s"],
                log_bytes=run["log_bytes"],
                assumed_s=0 if measured else run["upstream_ms"] / 1000,
                providers=len(COLLECTING.get(name, (name,))),
                week_means=WEEK_MEANS.get(name, 0),
            )
        )
    return listed


def tuner_reads() -> float:
    """Return the read units of a run of the tuner, which reads the history of each POP's zone."""
    read = {entry.zone for pop in pops().values() for entry in pop.zones if not entry.proxy}
    items = sum(
        HISTORY_DAYS * 86_400 / zones()[zone].sources[0].cadence_s
        for zone in read
        if zones()[zone].own_sources
    )
    return items * HISTORY_ITEM_BYTES / BYTES_PER_READ


def metrics() -> set[tuple[str, str]]:
    """Return the service and the name of each own metric that a chart or an alarm uses.

    The functions send no other metric, which tests/template/test_cost.py checks.
    """
    resources = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())["Resources"]
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    charted = {
        (metric[3], metric[1])
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == "${Namespace}"
    }
    return charted | {
        (resource["Properties"]["Dimensions"][0]["Value"], resource["Properties"]["MetricName"])
        for resource in resources.values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
        and resource["Properties"]["Namespace"] == {"Ref": "Namespace"}
    }


def rate_s(rate: str) -> int:
    """Return the period of ``rate(5 minutes)`` in seconds."""
    number, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rate).groups()  # type: ignore[union-attr]
    return int(number) * UNIT_S[unit]


def lines(measured_ms: Mapping[str, float] | None = None) -> Iterator[Line]:
    """Yield the rows: each function, then the router's reads, the monitoring and the key."""
    *scheduled, router = functions(measured_ms)
    share = min(1.0, FREE_GB_S / sum(function.gb_s for function in (*scheduled, router)))
    runs = sum(function.runs for function in (*scheduled, router))
    requests_share = min(1.0, FREE_REQUESTS / runs)
    log_gb = sum(function.log_gb for function in (*scheduled, router))
    log_share = min(1.0, FREE_LOG_GB / log_gb)
    for function in (*scheduled, router):
        free = function.gb_s * GB_S_USD * share + function.runs * REQUEST_USD * requests_share
        what = "router, a million requests" if function is router else function.name
        free += function.log_gb * LOG_GB_USD * log_share
        yield Line(what, str(function), function.usd, free)
    slow, fast = MONTH_S / PROFILES_EVERY_S, MONTH_S / QUERY_EVERY_S
    reads = (
        f"{fast:,.0f} queries of the boards of {QUERY_READS} units, and {slow:,.0f} of the "
        f"profiles of {PROFILES_QUERY_READS} units, one process always warm"
    )
    units = fast * QUERY_READS + slow * PROFILES_QUERY_READS
    yield Line("router's reads", reads, units * READ_USD)
    monitoring = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())["Resources"].values()
    alarms = sum(resource["Type"] == "AWS::CloudWatch::Alarm" for resource in monitoring)
    names = len(metrics())
    yield Line(
        "metrics", f"{names} names", names * METRIC_USD, min(names, FREE_METRICS) * METRIC_USD
    )
    yield Line("alarms", f"{alarms}", alarms * ALARM_USD, min(alarms, FREE_ALARMS) * ALARM_USD)
    yield Line("dashboard", "one; three are free", 3.0, 3.0)
    calls = (len(scheduled) + 1) * MONTH_S / KMS_EVERY_S
    yield Line(
        "the table's key", f"{calls:,.0f} KMS requests at most", calls * KMS_USD,
        min(calls, FREE_KMS) * KMS_USD,
    )  # fmt: skip


def markdown(measured_ms: Mapping[str, float] | None = None) -> str:
    """Return the table and the explanation below it, as Markdown."""
    month = list(lines(measured_ms))
    *scheduled, router = functions(measured_ms)
    ingest = sum(function.usd for function in scheduled if function.name != "tuner")
    zone_writes = MONTH_S / 300 * (1 + 1 / READINGS_PER_UNIT)
    zone_reads = MONTH_H * PROFILE_READS
    zone_usd = zone_writes * WRITE_USD + zone_reads * READ_USD
    measured = json.loads((ROOT / "infra/ops/durations.json").read_text())
    profiles = MONTH_S / PROFILES_EVERY_S * PROFILES_QUERY_READS
    total, free = sum(line.usd for line in month), sum(line.free_usd for line in month)
    words = (
        f"Collecting alone costs ${ingest:.2f} a month (goal: at most $3). A further million "
        f"requests to the router cost ${router.usd:.2f}, logs included (goal: at most $0.45); the "
        "Worker sends one request per colo and `TTL_S`, not one per visit. Reading the profiles "
        f"every five minutes takes {profiles:,.0f} more units for each router process that is "
        f"always warm, ${profiles * READ_USD:.3f}. On a fresh table the first profiles take at "
        "most 24 writes for each provider, once. Reading the means of the last week, by which "
        f"storage counts, takes {HOURS_READS:.0f} units for each of {sum(WEEK_MEANS.values())} "
        f"providers, at the start of each of {PROCESSES_A_DAY} processes a day "
        "(assumed). A further zone with a new figure "
        "every five minutes, from a request that is made anyway, takes "
        f"{zone_writes:,.0f} writes and {zone_reads:,.0f} reads, ${zone_usd:.3f} per basis. The "
        "free tier is that of every month: 400,000 GB-s and a million requests of Lambda, 5 GB "
        "of logs, ten metrics and ten alarms, three dashboards, 20,000 requests of KMS. "
        "DynamoDB's free tier does not cover on-demand tables. The schedules, the dead-letter "
        "queue and the traces stay within their free tiers. Stored data (about 0.2 GB with 30 "
        "days of history) and its backups cost cents."
    )
    return "\n".join(
        [
            "| what, per month | how much | USD | after the free tier |",
            "|---|---|---|---|",
            *(
                f"| {line.what} | {line.how} | {line.usd:.2f} | {line.usd - line.free_usd:.2f} |"
                for line in month
            ),
            f"| **together** | | **{total:.2f}** | **{total - free:.2f}** |",
            "",
            words,
            "",
            f"As of {measured['measured_on']}. {measured['how']}",
        ]
    )


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    commands.add_parser("cost").set_defaults(do=_cost)


def _cost(_arguments: argparse.Namespace) -> int:
    print(markdown())
    return 0


def main() -> int:
    """Print the table, or write it into ``infra/docs/COSTS.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="write the table into infra/docs/COSTS.md"
    )
    parser.add_argument(
        "--measured", type=Path, metavar="FILE", help="JSON with durations by function, ms"
    )
    arguments = parser.parse_args()
    if not arguments.write:
        measured = arguments.measured
        print(markdown(json.loads(measured.read_text()) if measured else None))
        return 0
    document = ROOT / "infra/docs/COSTS.md"
    before, _, rest = document.read_text().partition(START)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{START}\n{markdown()}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
