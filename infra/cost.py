"""What a month costs: the template's memory and rates, measured durations, AWS's prices.

``greenstream cost`` prints the README's table; ``python -m infra.cost --write`` puts it there.
Prices are the public ones of us-east-1 on 2026-11-22, in USD, for arm64: Lambda 0.0000133334 per
GB-s and 0.20 per million requests; DynamoDB 0.625 per million writes and 0.125 per million reads;
CloudWatch 0.50 per GB of logs, 0.30 per metric, 0.10 per alarm; KMS 0.03 per 10,000 requests.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from samtranslator.yaml_helper import yaml_parse

ROOT: Final = Path(__file__).resolve().parents[1]
MONTH_S: Final = 30 * 86_400
UNIT_S: Final = {"minute": 60, "hour": 3600, "day": 86_400}
START, END = "<!-- cost: python -m infra.cost --write -->", "<!-- /cost -->"

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
"""Of each month, always (not for a first year only); DynamoDB's free tier excludes on-demand."""

COLLECTOR_METRICS, ROUTER_METRICS = 6, 10
"""Names counted: five of a run and the cold start; the router's decisions, rungs and ages."""

QUERY_READS: Final = 2
QUERY_EVERY_S: Final = 5
KMS_EVERY_S: Final = 300
"""DynamoDB asks KMS for the table's key at most this often for each caller."""

REQUESTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Function:
    """One function's month. ``runs`` per month; a reading is written to CURRENT and HISTORY."""

    name: str
    runs: float
    memory_gb: float
    duration_s: float
    readings: int
    log_bytes: int

    @property
    def gb_s(self) -> float:
        """Billed gigabyte-seconds."""
        return self.runs * self.memory_gb * self.duration_s

    @property
    def writes(self) -> float:
        """Write units: a refused duplicate costs as much as a new item; one status per run."""
        return self.runs * (2 * self.readings + 1) if self.readings else 0

    @property
    def log_gb(self) -> float:
        """Log bytes taken in, GB."""
        return self.runs * self.log_bytes / 1e9

    @property
    def usd(self) -> float:
        """Price without any free tier."""
        return (
            self.gb_s * GB_S_USD
            + self.runs * REQUEST_USD
            + self.writes * WRITE_USD
            + self.log_gb * LOG_GB_USD
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table; ``free_usd`` is what the free tier takes off."""

    what: str
    how: str
    usd: float
    free_usd: float = 0.0


def functions() -> list[Function]:
    """Read the collectors and the router from template and measurements."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    measured: Mapping[str, Any] = json.loads((ROOT / "infra/durations.json").read_text())
    found = []
    for name, each in measured["functions"].items():
        properties = template["Resources"][f"{name.title()}Function"]["Properties"]
        rate = template["Parameters"].get(f"{name.title()}Rate", {}).get("Default")
        found.append(
            Function(
                name=name,
                runs=MONTH_S / rate_s(rate) if rate else REQUESTS,
                memory_gb=properties["MemorySize"] / 1024,
                duration_s=(each["own_ms"] + each["upstream_ms"]) / 1000,
                readings=each["readings"],
                log_bytes=each["log_bytes"],
            )
        )
    return found


def rate_s(rate: str) -> int:
    """Return the period of ``rate(5 minutes)`` in seconds."""
    number, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rate).groups()  # type: ignore[union-attr]
    return int(number) * UNIT_S[unit]


def lines() -> Iterator[Line]:
    """Yield the month's rows: each collector, the router, and what watches them."""
    *collectors, router = functions()
    share = min(1.0, FREE_GB_S / sum(each.gb_s for each in (*collectors, router)))
    asked = sum(each.runs for each in (*collectors, router))
    requests_share = min(1.0, FREE_REQUESTS / asked)
    for each in (*collectors, router):
        free = each.gb_s * GB_S_USD * share + each.runs * REQUEST_USD * requests_share
        how = (
            f"{each.runs:,.0f} runs of {each.duration_s:.3g} s at {each.memory_gb * 1024:.0f} MB"
            f"{f', {each.writes:,.0f} writes' if each.writes else ''}, {each.log_gb:.2f} GB of logs"
        )
        what = "router, a million requests" if each is router else each.name
        yield Line(what, how, each.usd, free + each.log_gb * LOG_GB_USD)
    queries = MONTH_S / QUERY_EVERY_S
    reads = f"{queries:,.0f} queries of {QUERY_READS} units, one process always warm"
    yield Line("router's reads", reads, queries * QUERY_READS * READ_USD)
    monitoring = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())["Resources"].values()
    alarms = sum(each["Type"] == "AWS::CloudWatch::Alarm" for each in monitoring)
    metrics = COLLECTOR_METRICS * len(collectors) + ROUTER_METRICS
    yield Line(
        "metrics", f"{metrics} names", metrics * METRIC_USD, min(metrics, FREE_METRICS) * METRIC_USD
    )
    yield Line("alarms", f"{alarms}", alarms * ALARM_USD, min(alarms, FREE_ALARMS) * ALARM_USD)
    yield Line("dashboard", "one; three are free", 3.0, 3.0)
    calls = (len(collectors) + 1) * MONTH_S / KMS_EVERY_S
    yield Line(
        "the table's key", f"{calls:,.0f} KMS requests at most", calls * KMS_USD,
        min(calls, FREE_KMS) * KMS_USD,
    )  # fmt: skip


def markdown() -> str:
    """Lay the table out, with what one more of each thing costs."""
    month = list(lines())
    *collectors, router = functions()
    ingest = sum(each.usd for each in collectors)
    zone_writes = 2 * MONTH_S / 300
    measured = json.loads((ROOT / "infra/durations.json").read_text())
    total, free = sum(line.usd for line in month), sum(line.free_usd for line in month)
    words = (
        f"Collecting alone: ${ingest:.2f} a month. A further million requests to the router: "
        f"${router.usd:.2f}, logs included; the Worker sends one per colo and `ttl`, not one "
        f"per visit. A further zone asked every five minutes in a request that is made anyway: "
        f"{zone_writes:,.0f} writes, ${zone_writes * WRITE_USD:.3f} per basis. Schedules, the "
        "dead-letter queue and traces stay within their free tiers; stored data (about 0.1 GB "
        "with 30 days of history) and its backups cost cents."
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
            f"Durations of {measured['measured_on']}: {measured['how']}",
        ]
    )


def main() -> int:
    """Print the table, or write it into the README."""
    if "--write" not in sys.argv[1:]:
        print(markdown())
        return 0
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(START)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{START}\n{markdown()}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
