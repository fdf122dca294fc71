"""From the mixes that a feed reports to a batch: it judges them and makes readings of the new ones.

A provider that computes intensities from fuel mixes parses its answer into slots (`MixSlot`). What
follows is the same for all of them and is done here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import radians, sin
from typing import NamedTuple

from greenstream.domain import sun
from greenstream.domain.errors import GreenStreamError, InvalidError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.holes import holes
from greenstream.domain.intensity import FactorTable, Intensity, factor_tables, mix_intensity
from greenstream.domain.judging import judge
from greenstream.domain.mix import NOTHING, Mix
from greenstream.domain.plausibility import SourceRules, rules_of_provider
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.last_reports import carrying, learn_stored, mix_of
from greenstream.ingest.stored_slots import ZoneSlots
from greenstream.ingest.week_means import MixFactors, WeekMeans
from greenstream.ports.provider import Batch, Outcome, batch_of


class MixSlot(NamedTuple):
    """A mix as a feed reports it.

    ``published_at`` is when it was published last (UTC), where the feed says so. ``beside_mw`` is
    generation by fuel, in MW, of which it is not known whether it belongs to the mix: all of it
    may, or none.
    """

    mix: Mix
    published_at: datetime | None = None
    beside_mw: Mapping[str, float] = NOTHING


class MixPast:
    """What earlier runs have believed of a source.

    Parameters
    ----------
    provider
        The provider's name in the table of rules.
    rules
        The rules of the source.
    window
        How far back mixes are remembered. A slot is compared with the same time of the day before
        and with the least of a day, so this is more than a day.
    """

    def __init__(self, provider: str, rules: SourceRules, window: timedelta) -> None:
        self.fuels = FuelMemory(rules_of_provider(provider), rules)
        self.mixes: tuple[Mix, ...] = ()
        self._window = window

    def learn(self, stored: Sequence[Reading]) -> None:
        """Remember the mixes of stored readings, oldest first, and what they carry on."""
        learn_stored(self.fuels, stored)
        self.remember([mix for mix in map(mix_of, stored) if mix is not None])

    def remember(self, mixes: Sequence[Mix]) -> None:
        """Remember mixes that are believed, oldest first; they replace those of their time."""
        if not mixes:
            return
        self.fuels.learn(mixes)
        newest_to = mixes[-1].valid_to
        self.mixes = tuple(
            mix
            for mix in (*self.before(mixes[0].valid_from), *mixes)
            if newest_to - mix.valid_to <= self._window
        )

    def before(self, start: datetime) -> list[Mix]:
        """Return the mixes that begin before ``start`` (UTC)."""
        return [mix for mix in self.mixes if mix.valid_from < start]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixGrid:
    """A source of mixes during one run, which makes readings of them.

    Parameters
    ----------
    provider
        The provider's name.
    zone, source
        The zone that the readings are stored for, and its source of them.
    rules
        The rules of the source, of which the generation counts that the feed does not meter.
    table
        The table of factors.
    fetched_at
        When the mixes were fetched, in UTC.
    simulated
        Whether a simulator stands for the upstream.
    week
        The means of the last week, by which storage counts.
    not_metered
        What the feed does not meter, in words. Empty where it meters everything.
    """

    provider: str
    zone: Zone
    source: Source
    rules: SourceRules
    table: str
    fetched_at: datetime
    simulated: bool
    week: WeekMeans
    not_metered: str = ""

    def factors(self, basis: Basis) -> FactorTable:
        """Return the factors of a basis."""
        return factor_tables()[self.table, basis]

    def factors_of(self, mix: Mix, basis: Basis) -> MixFactors:
        """Return the factors of a basis for a mix, its storage by the week's mean."""
        return self.week.factors(
            self.zone.zone, self.factors(basis), mix.generation_mw, self.fetched_at
        )

    def readings_of(self, slot: MixSlot) -> Iterator[Reading | InvalidError]:
        """Yield a slot's reading on each basis of the source, or the error that refuses it."""
        for basis in self.source.bases:
            try:
                yield self._reading(slot, basis)
            except InvalidError as error:
                yield error

    def _reading(self, slot: MixSlot, basis: Basis) -> Reading:
        mix = slot.mix
        table, storage = self.factors_of(mix, basis)
        zone = self.zone.zone
        metered = mix_intensity(mix.generation_mw, table, provider=self.provider, zone=zone)
        unmetered_mw = {**greatest_unmetered_mw(mix, self.rules), **slot.beside_mw}
        # The share that is known is at least the one beside all that is not metered.
        beside_all = mix_intensity(
            {**mix.generation_mw, **unmetered_mw}, table, provider=self.provider, zone=zone
        )
        gco2_low, gco2_high = bounds_beside(metered, unmetered_mw, table)
        detail: dict[str, object] = {"fuel_mw": dict(mix.generation_mw)}
        if unmetered_mw:
            detail["not_metered"] = self.not_metered
            detail["greatest_unmetered_mw"] = unmetered_mw
        return Reading(
            zone=zone,
            provider=self.provider,
            provider_zone=self.source.provider_zone,
            signal=self.source.signal,
            basis=basis,
            scope=self.source.scope,
            factor_set=GREENSTREAM,
            quality=Quality.MEASURED,
            gco2_kwh=metered.gco2_kwh,
            gco2_low=gco2_low,
            gco2_high=gco2_high,
            valid_from=mix.valid_from,
            valid_to=mix.valid_to,
            fetched_at=self.fetched_at,
            published_at=slot.published_at,
            coverage=beside_all.coverage,
            simulated=self.simulated,
            detail={
                **detail,
                "usual_but_absent": sorted(self.rules.usual - mix.generation_mw.keys()),
                **storage,
                "factors": table.version,
                "unlisted": list(metered.unlisted),
            },
        )

    def batch(
        self,
        slots: Sequence[MixSlot],
        unreadable: Sequence[GreenStreamError],
        stored: ZoneSlots,
        past: MixPast,
    ) -> Batch:
        """Return the batch of an answer: the slots that can be believed and are not stored yet.

        While nothing is stored, the newest slot that can be believed is stored, and the others are
        the batch's window.

        Parameters
        ----------
        slots
            What the answer holds, oldest first.
        unreadable
            Errors of parts of the answer that are no slot.
        stored
            What is stored of the source.
        past
            What earlier runs have believed. It remembers what this run believes.
        """
        if not slots:
            return Batch(errors=tuple(unreadable))
        judged = judge(
            [slot.mix for slot in slots],
            rules_of_provider(self.provider),
            self.rules,
            before=past.before(slots[0].mix.valid_from),
            memory=past.fuels,
        )
        pairs = list(zip(slots, (refusal for _, refusal in judged), strict=True))
        believed = [slot for slot, refusal in pairs if refusal is None]
        past.remember([slot.mix for slot in believed])
        after = stored.newest
        refused = [
            (
                slot.mix.valid_from,
                InvalidError(
                    refusal.message,
                    reason=refusal.reason,
                    provider=self.provider,
                    zone=self.zone.zone,
                ),
            )
            for slot, refusal in pairs
            if refusal is not None and (after is None or not believed or slot.mix.valid_to > after)
        ]
        batch = self._batch_of(believed, stored, past)
        return replace(batch, errors=(*unreadable, *holes(refused), *batch.errors))

    def _batch_of(self, believed: Sequence[MixSlot], stored: ZoneSlots, past: MixPast) -> Batch:
        """Return the batch of slots that are believed: of the newest, and of those not stored."""
        now = self.fetched_at
        chosen = [
            slot
            for slot in believed
            if slot is believed[-1]
            or stored.asks_for(slot.mix.valid_to, now, slot.mix.generation_mw)
        ]
        batch = batch_of(self._outcomes(chosen, past))
        return replace(
            batch,
            readings=tuple(
                reading
                for reading in batch.readings
                if reading.valid_to == believed[-1].mix.valid_to or stored.lacks(reading)
            ),
            acknowledge=partial(
                stored.remember,
                {slot.mix.valid_to: slot.mix.generation_mw for slot in chosen},
                batch.readings,
                now,
            ),
            window=lambda: (
                outcome
                for outcome in self._outcomes(believed, past)
                if isinstance(outcome, Reading)
            ),
        )

    def _outcomes(self, slots: Iterable[MixSlot], past: MixPast) -> Iterator[Outcome]:
        for slot in slots:
            for outcome in self.readings_of(slot):
                if isinstance(outcome, InvalidError):
                    yield outcome
                else:
                    yield carrying(past.fuels, outcome)


def bounds_beside(
    metered: Intensity, unmetered_mw: Mapping[str, float], table: FactorTable
) -> tuple[float, float]:
    """Return the least and the greatest intensity of a mix and what is not metered, in g/kWh.

    Each fuel that is not metered makes something between nothing and its greatest power, whatever
    the others make. The mean is lowest beside all of those that are cleaner than it, and highest
    beside all of those that are dirtier, so that they can only widen the bounds.

    Parameters
    ----------
    metered
        The intensity of what is metered.
    unmetered_mw
        The most that each other fuel makes, in MW.
    table
        The factors.
    """
    factors = {fuel: table.factors.get(fuel, table.unlisted) for fuel in unmetered_mw}
    low, low_mw = metered.gco2_low, metered.generation_mw
    for fuel in sorted(factors, key=lambda fuel: factors[fuel].low_gco2_kwh):
        mw, cleanest = unmetered_mw[fuel], factors[fuel].low_gco2_kwh
        if cleanest < low:
            low, low_mw = (low * low_mw + cleanest * mw) / (low_mw + mw), low_mw + mw
    high, high_mw = metered.gco2_high, metered.generation_mw
    for fuel in sorted(factors, key=lambda fuel: -factors[fuel].high_gco2_kwh):
        mw, dirtiest = unmetered_mw[fuel], factors[fuel].high_gco2_kwh
        if dirtiest > high:
            high, high_mw = (high * high_mw + dirtiest * mw) / (high_mw + mw), high_mw + mw
    return min(low, metered.gco2_low), max(high, metered.gco2_high)


def greatest_unmetered_mw(mix: Mix, rules: SourceRules) -> dict[str, float]:
    """Return the most that each kind of generation makes that the feed does not meter, in MW.

    Solar power is at most the sine of the sun's height times its power under a sun in the zenith.
    The sun is taken to stand 6 degrees higher than at the zone's middle, since it does so in other
    parts of the zone, and since panels are tilted towards it.

    Parameters
    ----------
    mix
        The mix, of which the interval counts.
    rules
        The rules of the source.
    """
    daylight = 0.0
    if rules.middle is not None and rules.unmetered:
        latitude, longitude = rules.middle
        height_deg = max(
            sun.elevation_deg(latitude, longitude, moment)
            for moment in (mix.valid_from, mix.valid_to)
        )
        daylight = max(0.0, sin(radians(min(90.0, height_deg - sun.NIGHT_BELOW_DEG))))
    return {
        fuel: round(greatest_mw * (daylight if by_day else 1.0), 1)
        for fuel, greatest_mw, by_day in rules.unmetered
    }
