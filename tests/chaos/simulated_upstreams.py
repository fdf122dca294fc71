"""The simulated providers without their sockets, which would take most of a simulated day's time.

The fault matrix tests how the client handles faults of the network. The library behind the US grids
takes today's date from the real clock, so `FuelMixes` does the library's part, which is to turn a
response body into a table of megawatts.
"""

import csv
import io
import json
import re
import urllib.error
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from email.message import Message
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pandas as pd

from infra.local.upstream.faults import COMMON_FAULTS, SENDING_FAULTS, Fault, Faults
from infra.local.upstream.providers import PROVIDERS
from infra.local.upstream.server import build
from infra.local.upstream.wire import Answer, Request
from tests.router_client import SetClock

BIG_BYTES: Final = 9_000_000  # above the client's size limit
_MINUTES: Final = re.compile(r"(\d\d)Z(?=/fw24h)")


class BrokenError(Exception):
    """A connection broke; the message is the name of the simulator's fault."""


class Simulator:
    """The simulated providers without their sockets."""

    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self._by_name = {provider.name: provider for provider in PROVIDERS}
        neso = self._by_name["eso"]
        self._by_name["eso"] = replace(neso, answer=_remembering(neso.answer))
        self.faults = Faults()

    def send(self, name: str, request: Request) -> Answer:
        """Answer as the server does, but raise an error where the server breaks the connection."""
        provider = self._by_name[name]
        in_force, now = self.faults.take(provider, request, self._clock())
        faults = in_force[:1]  # a second fault would not find the format that it alters
        for fault in faults:
            if fault.fault in SENDING_FAULTS:
                raise BrokenError(fault.fault)
        return build(provider, request, now, faults)

    def transport(self, name: str) -> httpx.BaseTransport:
        """Return a transport to this simulator; a hung answer puts the simulated clock forward."""

        def handle(sent: httpx.Request) -> httpx.Response:
            headers = {key.lower(): value for key, value in sent.headers.items()}
            request = Request(sent.method, sent.url.path, dict(sent.url.params), headers)
            try:
                answer = self.send(name, request)
            except BrokenError as broken:
                match str(broken):
                    case "reset":
                        raise httpx.ReadError("reset", request=sent) from None
                    case "truncate":
                        raise httpx.RemoteProtocolError("cut", request=sent) from None
                self._clock.forward(10)
                raise httpx.ReadTimeout("slow", request=sent) from None
            sent_back = {"content-type": answer.content_type, **answer.headers}
            return httpx.Response(answer.status, content=answer.body, headers=sent_back)

        return httpx.MockTransport(handle)

    def any_fault(self, random: Random) -> Fault:
        """Return a random fault of a random provider."""
        provider = random.choice(PROVIDERS)
        fault = random.choice((*COMMON_FAULTS, *provider.payload_faults))
        return Fault(
            provider=provider.name,
            fault=fault,
            times=2 if fault == "big" else None,
            for_s=random.choice((60.0, 600.0, 3600.0)),
            status=random.choice((401, 403, 404, 429, 500, 503)),
            headers={"Retry-After": "3"},
            body_bytes=BIG_BYTES,
        )


def _remembering(answer: Callable[[Request, datetime], Answer]) -> Callable[..., Answer]:
    """Cache NESO's last regional answer, which is slow to make and the same for half an hour."""
    last: dict[str, Answer] = {}

    def remembered(request: Request, now: datetime) -> Answer:
        half_hour = _MINUTES.sub(lambda at: "30Z" if at[1] >= "30" else "00Z", request.path)
        if not half_hour.startswith("/regional/intensity/"):
            return answer(request, now)
        if half_hour not in last:
            last.clear()
            last[half_hour] = answer(request, now)
        return last[half_hour]

    return remembered


@dataclass(frozen=True)
class FuelMixes:
    """The `FuelMixFeed` port on the simulator's bytes, in the shape of the library's tables."""

    simulator: Simulator

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Ask for one local day, as the library does."""
        records = getattr(self, f"_{market.lower()}")(day, api_key)
        return pd.DataFrame(records)

    def _nyiso(self, day: date, _: str | None) -> list[dict[str, Any]]:
        body = self._ask("nyiso", f"/public/csv/rtfuelmix/{day:%Y%m%d}rtfuelmix.csv")
        mixes: defaultdict[pd.Timestamp, dict[str, float]] = defaultdict(dict)
        for row in csv.DictReader(io.StringIO(body)):
            local = datetime.strptime(row["Time Stamp"], "%m/%d/%Y %H:%M:%S")  # noqa: DTZ007
            at = local.replace(
                tzinfo=ZoneInfo("America/New_York"), fold=int(row["Time Zone"] == "EST")
            )
            mixes[pd.Timestamp(at)].setdefault(row["Fuel Category"], float(row["Gen MW"]))
        return [{"Time": at, **mix} for at, mix in mixes.items()]

    def _caiso(self, day: date, _: str | None) -> list[dict[str, Any]]:
        pacific = ZoneInfo("America/Los_Angeles")
        today = self.simulator._clock().astimezone(pacific).date()
        where = "current" if day == today else f"history/{day:%Y%m%d}"
        body = self._ask("caiso", f"/outlook/{where}/fuelsource.csv").removeprefix("\ufeff")
        rows = []
        for row in csv.DictReader(io.StringIO(body)):
            wall = datetime.strptime(row.pop("Time"), "%H:%M").time()  # noqa: DTZ007
            mix = {
                {"Natural gas": "Natural Gas"}.get(fuel, fuel): float(mw)
                for fuel, mw in row.items()
                if mw
            }
            if mix:
                start = pd.Timestamp(datetime.combine(day, wall, pacific))
                end = start + pd.Timedelta(minutes=5)
                rows.append({"Time": start, "Interval Start": start, "Interval End": end, **mix})
        return rows[: 24 * 12]  # a past day's file ends with the next day's first row

    def _pjm(self, day: date, api_key: str | None) -> list[dict[str, Any]]:
        body = self._ask(
            "pjm",
            "/api/v1/gen_by_fuel",
            {
                "datetime_beginning_ept": f"{day:%m/%d/%Y} 00:00to{day:%m/%d/%Y} 23:59",
                "startrow": "1",
                "rowcount": "50000",
            },
            {"ocp-apim-subscription-key": api_key or ""},
        )
        mixes: defaultdict[pd.Timestamp, dict[str, float]] = defaultdict(dict)
        for row in json.loads(body)["items"]:
            mixes[pd.Timestamp(row["datetime_beginning_utc"], tz="UTC")][row["fuel_type"]] = row[
                "mw"
            ]
        return [
            {
                "Time": at,
                "Interval Start": at,
                "Interval End": at + pd.Timedelta(hours=1),
                **mix,
            }
            for at, mix in mixes.items()
        ]

    def _ask(
        self,
        name: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        try:
            answer = self.simulator.send(name, Request("GET", path, query or {}, headers or {}))
        except BrokenError as broken:
            raise ConnectionError(str(broken)) from None
        if answer.status != 200:
            raise urllib.error.HTTPError(path, answer.status, "refused", Message(), None)
        return answer.body.decode()
