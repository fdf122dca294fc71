"""A case of the tests that hold for every provider, and how each provider is made for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from functions.eia.provider import Eia
from functions.electricitymaps.provider import ElectricityMaps
from functions.elexon.provider import Elexon
from functions.energycharts.provider import EnergyCharts
from functions.entsoe.provider import Entsoe
from functions.eso.provider import Eso
from functions.gridstatus.feed import LibraryFeed
from functions.gridstatus.provider import Gridstatus
from functions.national.provider import PROVIDERS as NATIONAL
from functions.watttime.provider import WattTime
from greenstream.domain.errors import GreenStreamError
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ports.provider import Batch, Provider
from infra.local.upstream.wire import Answer, Request
from tests.contract.provider_wire import NOW, Answerer, Silent, Wire
from tests.contract.recorded_origin import Origin

Pairs = tuple[tuple[Zone, Source], ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case: one format of one provider with its clean answers, and the zones read from it."""

    id: str
    provider: str
    answers: Callable[[], Answerer]
    """Makes a new upstream, which has counted and banned nothing."""
    now: datetime = NOW
    wanted: Pairs = ()
    keyed: bool = True
    """Whether the upstream needs a key."""
    data: str = "/"
    """A part of the path of the answers that have the data."""
    aged: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=7), timedelta(days=3))
    """By how much later the same bytes are read again."""

    @property
    def pairs(self) -> Pairs:
        return self.wanted or zones_of(self.provider)

    def wire(self, spoil: Callable[[Request, Answer], Answer] | None = None) -> Wire:
        wire = Wire(clean=self.answers(), now=self.now)
        if spoil:
            wire.spoil = spoil
        return wire

    def make(self, wire: Wire, *, key: str | None = "a-key", simulated: bool = False) -> Provider:
        return MAKERS[self.provider](self, wire, key, simulated)

    def run(self, wire: Wire, now: datetime | None = None) -> Batch:
        return gathered(self.make(wire), now or self.now)


def gathered(provider: Provider, now: datetime) -> Batch:
    """Run a fetch to its end and return everything it yielded and raised as one batch."""
    parts: list[Batch] = []
    try:
        for part in provider.fetch(now):
            parts.append(part)  # noqa: PERF402 - the batches before a failure stay
    except GreenStreamError as error:
        parts.append(Batch(errors=(error,)))
    return Batch(
        readings=tuple(reading for part in parts for reading in part.readings),
        forecasts=tuple(forecast for part in parts for forecast in part.forecasts),
        errors=tuple(error for part in parts for error in part.errors),
        unconfigured=tuple(zone for part in parts for zone in part.unconfigured),
        skipped=tuple(zone for part in parts for zone in part.skipped),
        window=lambda: chain.from_iterable(part.window() for part in parts),
    )


# --- how each provider is made ----------------------------------------------------------------


def make_eso(_: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Eso(wire.http("eso"), simulated=simulated)


def make_elexon(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Elexon(wire.http("elexon"), wanted=case.pairs, simulated=simulated)


def make_national(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    provider = NATIONAL[case.provider]
    return provider.over(wire.http(case.provider), case.pairs, simulated=simulated)


def make_energycharts(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return EnergyCharts(http=wire.http("energycharts"), wanted=case.pairs, simulated=simulated)


def make_eia(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Eia(wire.http("eia"), wanted=case.pairs, simulated=simulated)


def make_watttime(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return WattTime(
        http=wire.http("watttime"),
        wanted=case.pairs,
        credentials=lambda: ("user", key),
        telemetry=Silent(),
        clock=lambda: wire.now,
        simulated=simulated,
    )


def make_electricitymaps(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return ElectricityMaps(
        http=wire.http("electricitymaps"),
        wanted=case.pairs,
        newest=lambda: (),
        token=lambda: key,
        hourly_budget=60,
        simulated=simulated,
    )


def make_entsoe(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Entsoe(
        http=wire.http("entsoe"), token=lambda: key, wanted=case.pairs, simulated=simulated
    )


def make_gridstatus(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    through.wire = wire
    return Gridstatus(
        feed=LibraryFeed(clock=lambda: wire.now),
        wanted=case.pairs,
        pjm_api_key=lambda: key,
        simulated=simulated,
    )


@dataclass
class Through(Origin):
    """The origin that the gridstatus library reaches; it passes requests to the current wire."""

    wire: Wire = field(default_factory=Wire)

    def answer(self, request: Request, now: datetime) -> Answer:
        return self.wire.answer(request, now)


through = Through()

MAKERS: Mapping[str, Callable[[Case, Wire, str | None, bool], Provider]] = {
    "eso": make_eso,
    "elexon": make_elexon,
    "energycharts": make_energycharts,
    **dict.fromkeys(NATIONAL, make_national),
    "eia": make_eia,
    "watttime": make_watttime,
    "gridstatus": make_gridstatus,
    "entsoe": make_entsoe,
    "electricitymaps": make_electricitymaps,
}
