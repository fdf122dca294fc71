"""``greenstream mcp``: a server of the Model Context Protocol over standard input and output.

Its tools ask what `route`, `window` and `zones` ask. Each answer is short: sentences, and figures
with their age, their kind and their source.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final, Literal

from greenstream.cli.asking import Answer, Asker, add_url
from greenstream.cli.errors import CommandError, UnusableError
from greenstream.domain.zone_sources import zone_sources
from greenstream.domain.zones import zones as known_zones

if TYPE_CHECKING:
    from mcp.server import MCPServer

INSTRUCTIONS: Final = (
    "Carbon intensity of electricity, in g CO2 per kWh. Figures of different kind (signal/basis) "
    "are not comparable. `rung` says what a figure rests on: live, live_partial and stale are "
    "readings, forecast is a forecast, same_hour_7d is the mean of this hour of day over the last "
    "week, annual_mean is the mean of a year. Places are POPs (lon), Cloudflare data centres (LHR) "
    "or cloud regions (aws:eu-west-2)."
)

MAX_SOURCE_CHARS: Final = 120
"""Characters of the source of a yearly mean in a list. A zone that is asked for has all of it."""


@dataclass(frozen=True)
class Figure:
    """One figure, and what it is worth.

    Parameters
    ----------
    place
        The place that it is about, where places were asked about.
    zone
        The grid area that it is about.
    gco2_kwh
        The carbon intensity in g/kWh, or null where it is unknown.
    age_s
        The age of the reading, forecast or profile in seconds; null for a yearly mean.
    kind
        Signal and basis, as in average/direct.
    scope
        Production, or consumption with imports.
    rung
        What the figure rests on.
    source
        Who publishes it.
    note
        What else matters: the window's times, the round trip, why a place was left out.
    """

    place: str | None
    zone: str
    gco2_kwh: float | None
    age_s: int | None
    kind: str | None
    scope: str | None
    rung: str | None
    source: str | None
    note: str | None


@dataclass(frozen=True)
class ToolAnswer:
    """What a tool answers.

    Parameters
    ----------
    answer
        The answer in sentences.
    answered_by
        A router, the local stack, or the tables of this package, which have yearly means only.
    as_of
        The instant of the answer, in UTC.
    simulated
        Whether figures are made up by a simulator, so that none of them is real.
    degraded_reason
        Why the answer is worse than usual, or null.
    figures
        The figures that the answer rests on.
    """

    answer: str
    answered_by: str
    as_of: str
    simulated: bool | None
    degraded_reason: str | None
    figures: list[Figure]


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    mcp = commands.add_parser("mcp")
    add_url(mcp)
    mcp.set_defaults(do=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    server(Asker.of(arguments)).run("stdio")
    return 0


def server(asker: Asker) -> "MCPServer[Any]":
    """Return the server whose tools ask what an asker asks.

    Raises
    ------
    UnusableError
        When the library of the protocol is not installed.
    """
    try:
        from mcp.server import MCPServer  # noqa: PLC0415 - an extra, which few installations have
        from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415
        from mcp.types import ToolAnnotations  # noqa: PLC0415
    except ImportError as error:
        raise UnusableError(
            "`greenstream mcp` needs the extra `mcp`: install greenstream[mcp]"
        ) from error

    served = MCPServer(
        "greenstream", instructions=INSTRUCTIONS, version=_version(), log_level="WARNING"
    )
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=True)

    def answered(
        path: str, asked: Mapping[str, object], summary: Callable[[Answer], ToolAnswer]
    ) -> ToolAnswer:
        try:
            return summary(asker.ask(path, {name: _text(value) for name, value in asked.items()}))
        except CommandError as error:
            raise ToolError(str(error)) from error

    @served.tool(annotations=reads)
    def route(
        pops: list[str] | None = None,
        origin: str | None = None,
        max_latency_ms: float | None = None,
        signal: Literal["auto", "average", "marginal", "any"] | None = None,
        allow: list[str] | None = None,
        deny: list[str] | None = None,
    ) -> ToolAnswer:
        """Say which place should serve a request: the cleanest electricity within a latency limit.

        `pops` are the candidates (lon, LHR, aws:eu-west-2), six by default. `origin` is where the
        request comes from: a place, a city, or degrees as in 48.1,11.6. `allow` and `deny` are
        countries (CH) or groups of countries (EU, EEA).
        """
        asked = {
            "pops": pops,
            "from": origin,
            "max_latency_ms": max_latency_ms,
            "signal": signal,
            "allow": allow,
            "deny": deny,
        }
        return answered("/v1/route", asked, _of_route)

    @served.tool(annotations=reads)
    def window(  # noqa: PLR0913, PLR0917
        zones: list[str] | None = None,
        pops: list[str] | None = None,
        origin: str | None = None,
        duration_minutes: int = 60,
        within_hours: int = 24,
        signal: Literal["auto", "average", "marginal"] | None = None,
        basis: Literal["direct", "lifecycle"] | None = None,
    ) -> ToolAnswer:
        """Say when a job should run, in UTC: the start with the cleanest electricity.

        `zones` (up to ten grid areas, as in GBR-13) or `pops` (up to ten places) say where, or
        `origin` alone names the one place. The job takes `duration_minutes` (5 to 1440) and ends
        within `within_hours` (1 to 72) from now.
        """
        asked = {
            "zones": zones,
            "pops": pops,
            "from": origin,
            "duration_min": duration_minutes,
            "within_h": within_hours,
            "signal": signal,
            "basis": basis,
        }
        return answered("/v1/window", asked, _of_window)

    @served.tool(annotations=reads)
    def zones(
        name: str | None = None,
        country: str | None = None,
        signal: Literal["average", "marginal"] | None = None,
        basis: Literal["direct", "lifecycle"] | None = None,
    ) -> ToolAnswer:
        """Say the carbon intensity of grid areas now.

        `name` is one zone (GBR-13, NYISO), whose sources and yearly means are listed too. Without
        it all zones are listed, or those of a `country` (two letters, as in US).
        """
        if name is not None:
            return answered(f"/v1/zones/{name}", {}, _of_zone)
        asked = {"signal": signal, "basis": basis}
        return answered("/v1/zones", asked, lambda answer: _of_zones(answer, country))

    return served


def _version() -> str:
    try:
        return version("greenstream")
    except PackageNotFoundError:  # run from the repository without an installation
        return ""


def _text(value: object) -> str | None:
    """Return a parameter as a query string has it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return None if value is None else str(value)


def _tool_answer(answer: Answer, said: str, figures: Iterable[Figure]) -> ToolAnswer:
    return ToolAnswer(
        answer=said,
        answered_by=answer.by,
        as_of=answer.body["as_of"],
        simulated=answer.body["simulated"],
        degraded_reason=answer.body["degraded_reason"],
        figures=list(figures),
    )


def _of_route(answer: Answer) -> ToolAnswer:
    figures = []
    for row in answer.body["candidates"]:
        latency = row["latency_ms"]
        away = "round trip unknown" if latency is None else f"round trip {latency:.0f} ms"
        notes = [away, row["exclusion"], "a neighbour's grid" if row["proxy_zone"] else None]
        figures.append(_figure(row, row["pop"], row["zone"], notes))
    return _tool_answer(answer, answer.body["reason_text"], figures)


def _of_window(answer: Answer) -> ToolAnswer:
    figures = []
    for row in answer.body["zones"]:
        window = row["window"] or {}
        notes = [
            f"{window['start']} to {window['end']}" if window else "no figure of the kind",
            None if row["within_limit"] else "outside the limit",
            row["why_no_forecast"],
        ]
        figures.append(_figure(window, row["pop"], row["zone"], notes))
    return _tool_answer(answer, answer.body["reason_text"], figures)


def _of_zones(answer: Answer, country: str | None) -> ToolAnswer:
    rows = [
        row
        for row in answer.body["zones"]
        if country is None or row["country"] == country.strip().upper()
    ]
    if not rows:
        raise CommandError(f"no zone is in {country}; a country has two letters, as in US")
    live = sum(row["rung"] in {"live", "live_partial"} for row in rows)
    said = f"{live} of {len(rows)} zones have a live figure; the others rest on usual values."
    return _tool_answer(
        answer, said, [_figure(row, None, row["zone"], [row["name"]]) for row in rows]
    )


def _of_zone(answer: Answer) -> ToolAnswer:
    row = answer.body
    said = f"{row['zone']} is the grid of {row['name']} ({row['country']}, {row['time_zone']})."
    means = [
        Figure(
            place=None,
            zone=row["zone"],
            gco2_kwh=mean["gco2_kwh"],
            age_s=None,
            kind=f"{mean['signal']}/{mean['basis']}",
            scope=mean["scope"],
            rung="annual_mean",
            source=mean["source"],
            note=f"mean of {mean['year']}",
        )
        for mean in row["annual_means"]
    ]
    feeds = [
        f"{source['provider']}: {source['provider_state']}"
        + ("" if source["age_s"] is None else f", {source['age_s']} s old")
        for source in row["sources"]
    ]
    notes = ["now", f"feeds: {', '.join(feeds)}" if feeds else "no feed"]
    return _tool_answer(answer, said, [_figure(row, None, row["zone"], notes), *means])


def _figure(
    row: Mapping[str, Any], place: str | None, zone: str, notes: Iterable[str | None]
) -> Figure:
    """Return the figure of a row of any answer."""
    kind = f"{row['signal']}/{row['basis']}" if row.get("signal") else None
    return Figure(
        place=place,
        zone=zone,
        gco2_kwh=row.get("gco2_kwh"),
        age_s=row.get("age_s"),
        kind=kind,
        scope=row.get("scope"),
        rung=row.get("rung"),
        source=row.get("provider") or _shortened(_source_of_mean(zone, kind)),
        note="; ".join(filter(None, [*notes, row.get("note")])) or None,
    )


def _shortened(source: str | None) -> str | None:
    return source and shorten(source, MAX_SOURCE_CHARS, placeholder=" …")


def _source_of_mean(zone: str, kind: str | None) -> str | None:
    """Return who publishes the yearly mean of a zone and kind."""
    known = known_zones().get(zone)
    if known is None:  # a router of another version may know more zones
        return None
    sources = zip(known.annual_means, zone_sources()[zone].annual_means, strict=True)
    return next((source for mean, source in sources if str(mean.kind) == kind), None)
