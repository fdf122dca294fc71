"""Makes readings and forecasts from NESO's half hours.

The figure is ours, made of NESO's shares (`functions.eso.harmonised`); NESO's own stays beside it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.eso.half_hours import HALF_HOUR, NAME, NATIONAL, Figures, HalfHour, stamp
from functions.eso.harmonised import TABLE, Factors
from functions.eso.judging import check_national, gco2_kwh_of
from functions.eso.shares import Shares, shares_of
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.holes import holes
from greenstream.domain.intensity import Intensity, factor_tables
from greenstream.domain.reading import (
    Basis,
    Forecast,
    ForecastPoint,
    Quality,
    Reading,
    Scope,
    Signal,
)
from greenstream.ingest.stored_slots import ZoneSlots

SETTLES_AFTER: Final = timedelta(minutes=12)
"""After this long, the ``actual`` figure of an ended half hour counts as measured. Until about ten
minutes after the end, the API still shows the figure of the half hour before (polled every
minute)."""

MAX_REACH: Final = timedelta(hours=49)
"""How far ahead a half hour of the forecast may begin. Two ranges of 24 hours are asked for at
most, of which the second begins within the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of NESO, or the whole nation, during one run.

    Parameters
    ----------
    zone
        The zone that the readings are for (``GBR-13``).
    region
        The region's id at NESO (``13``), or ``national``.
    bases
        The bases of the figures that are made.
    factors
        The factors that the figures are made with.
    now
        The instant of the run, UTC.
    simulated
        Whether a simulator gave the answers.
    mix_decides
        Whether a figure is refused that does not follow from the shares beside it.
    """

    zone: str
    region: str
    bases: tuple[Basis, ...]
    factors: Factors
    now: datetime
    simulated: bool
    mix_decides: bool = True

    def regional_readings(self, figures: Figures) -> list[Reading]:
        """Return the readings of the half hour that contains the present, one on each basis.

        Raises
        ------
        NoDataError
            When no half hour contains the present.
        InvalidError
            As `Figures.check_unit`, `Figures.at`, `gco2_kwh_of` and `Factors.intensity` raise.
        """
        figures.check_unit()
        for start in figures:
            if start <= self.now < start + HALF_HOUR:
                half_hour = figures.at(start)
                published_gco2_kwh = self._forecast_gco2_kwh(half_hour, figures)
                return self._readings(half_hour, published_gco2_kwh, Quality.FORECAST)
        raise NoDataError(f"no half hour contains {stamp(self.now)}", provider=NAME, zone=self.zone)

    def national_readings(
        self, figures: Figures, ahead: Figures, mixes: Figures, stored: ZoneSlots
    ) -> Iterator[Reading | InvalidError]:
        """Yield what the newest actual figure comes to, and those of earlier half hours not stored.

        A figure that is refused is yielded as its error, except those of half hours that the store
        does not wait for.

        Parameters
        ----------
        figures
            The half hours of ``/intensity``, of which there is at least one.
        ahead
            The half hours of the forecast list, which begins with the last one that has ended. It
            must not contradict the actual figure.
        mixes
            The mixes of the half hours of ``figures``.
        stored
            What is stored of the nation's figures.

        Raises
        ------
        NoDataError
            When there is no actual figure yet.
        """
        newest = False
        missing = None
        for start in reversed([*figures]):
            if newest and not stored.asks_for(start + HALF_HOUR, self.now):
                continue
            try:
                half_hour = figures.at(start, ahead)
                if half_hour.intensity.get("actual") is None:
                    missing = missing or start
                    continue
                published_gco2_kwh = gco2_kwh_of(half_hour, "actual", self.zone)
                half_hour = half_hour._replace(mix=mixes.mix_at(start))
                settled = self.now - half_hour.valid_to >= SETTLES_AFTER
                if settled:
                    check_national(published_gco2_kwh, shares_of(half_hour.mix), self.zone)
                quality = Quality.MEASURED if settled else Quality.ESTIMATED
                readings = self._readings(half_hour, published_gco2_kwh, quality)
            except InvalidError as error:
                yield error
                continue
            yield from (reading for reading in readings if not newest or stored.lacks(reading))
            newest = True
        if missing is not None and not newest:
            raise NoDataError(
                f"there is no actual figure yet for {stamp(missing)}", provider=NAME, zone=self.zone
            )

    def forecasts(
        self, figures: Figures, mixed: Figures | None = None
    ) -> Iterator[Forecast | InvalidError]:
        """Yield the forecast of the half hours that have not ended yet, one on each basis.

        A half hour whose figure is refused is a hole in the forecast. Each reason is yielded once.

        Parameters
        ----------
        figures
            The half hours with the figures that NESO publishes.
        mixed
            Half hours of the same region with their mixes, where ``figures`` has none. Their own
            figures are judged too.

        Raises
        ------
        InvalidError
            ``empty`` when no half hour has a figure and none was refused; as `Figures.check_unit`
            raises.
        """
        figures.check_unit()
        points: dict[Basis, list[ForecastPoint]] = {basis: [] for basis in self.bases}
        refused: list[tuple[datetime, InvalidError]] = []
        for start in figures:
            if start + HALF_HOUR <= self.now:
                continue
            try:
                half_hour = figures.at(start)
                if half_hour.intensity.get("forecast") is None:
                    continue
                published_gco2_kwh = self._forecast_gco2_kwh(half_hour, figures)
                self._check_reach(start)
                mix = half_hour.mix if mixed is None else self._judged_mix(mixed, start)
                shares = shares_of(mix)
                made = [
                    self._intensity(shares, basis, published_gco2_kwh).gco2_kwh
                    for basis in self.bases
                ]
                for basis, gco2_kwh in zip(self.bases, made, strict=True):
                    points[basis].append(ForecastPoint(start, half_hour.valid_to, gco2_kwh))
            except InvalidError as error:
                refused.append((start, error))
        yield from holes(refused)
        for basis in self.bases:
            if points[basis] or not refused:
                yield Forecast(
                    zone=self.zone,
                    provider=NAME,
                    provider_zone=self.region,
                    signal=Signal.AVERAGE,
                    basis=basis,
                    scope=Scope.CONSUMPTION,
                    factor_set=GREENSTREAM,
                    issued_at=self.now,
                    points=tuple(points[basis]),
                    simulated=self.simulated,
                )

    def _judged_mix(self, mixed: Figures, start: datetime) -> object:
        """Return the mix of a half hour whose own figure is believed."""
        if mixed.mix_at(start) is None:
            return None
        half_hour = mixed.at(start)
        gco2_kwh_of(half_hour, "forecast", self.zone, mix_decides=self.mix_decides)
        return half_hour.mix

    def _forecast_gco2_kwh(self, half_hour: HalfHour, figures: Figures) -> float:
        beside = None if half_hour.mix else figures.forecasts_beside(half_hour.valid_from)
        return gco2_kwh_of(half_hour, "forecast", self.zone, beside, mix_decides=self.mix_decides)

    def _intensity(self, shares: Shares, basis: Basis, published_gco2_kwh: float) -> Intensity:
        known = self._of_region(published_gco2_kwh)
        return self.factors.intensity(shares, basis, self.zone, known)

    def _of_region(self, published_gco2_kwh: float) -> float | None:
        """Return NESO's figure where it tells which links a region draws from."""
        return None if self.region == NATIONAL else published_gco2_kwh

    def _check_reach(self, start: datetime) -> None:
        if start - self.now > MAX_REACH:
            raise InvalidError(
                f"the half hour at {stamp(start)} is later than was asked for",
                reason="bad_interval",
                provider=NAME,
                zone=self.zone,
            )

    def _readings(
        self, half_hour: HalfHour, published_gco2_kwh: float, quality: Quality
    ) -> list[Reading]:
        """Return what a half hour's shares come to, one reading on each basis.

        ``published_gco2_kwh`` is NESO's own figure, which counts direct emissions only.
        """
        shares = shares_of(half_hour.mix)
        known = self._known_of(half_hour, shares, published_gco2_kwh)
        readings = []
        for basis in self.bases:
            ours = self._intensity(shares, basis, published_gco2_kwh)
            imported = self.factors.of_imports(shares, basis, self._of_region(published_gco2_kwh))
            readings.append(
                Reading(
                    zone=self.zone,
                    provider=NAME,
                    provider_zone=self.region,
                    signal=Signal.AVERAGE,
                    basis=basis,
                    scope=Scope.CONSUMPTION,
                    factor_set=GREENSTREAM,
                    quality=quality,
                    gco2_kwh=ours.gco2_kwh,
                    gco2_low=ours.gco2_low,
                    gco2_high=ours.gco2_high,
                    valid_from=half_hour.valid_from,
                    valid_to=half_hour.valid_to,
                    fetched_at=self.now,
                    coverage=ours.coverage,
                    simulated=self.simulated,
                    as_published_gco2_kwh=published_gco2_kwh if basis is Basis.DIRECT else None,
                    detail={
                        **(known if basis is self.bases[0] else {}),
                        "import_gco2_kwh": round(imported.gco2_kwh or 0.0, 1),
                        "factors": factor_tables()[TABLE, basis].version,
                    },
                )
            )
        return readings

    def _known_of(
        self, half_hour: HalfHour, shares: Shares, published_gco2_kwh: float
    ) -> dict[str, object]:
        """Return what the history keeps of a half hour, once for the readings on all bases."""
        implied = shares.implied_import_gco2_kwh(published_gco2_kwh)
        published = {key: half_hour.intensity.get(key) for key in ("forecast", "index")}
        known: dict[str, object] = {
            **{key: value for key, value in published.items() if value is not None},
            "share_percent": {fuel: perc for fuel, perc in shares.percent.items() if perc},
        }
        if implied is not None:
            known["implied_import_gco2_kwh"] = round(implied, 1)
        if self.region == NATIONAL and self.factors.imports.links_mw:
            known["links_mw"] = {
                link: round(mw) for link, mw in self.factors.imports.links_mw.items() if mw
            }
        if self.factors.imports.neighbours:
            known["neighbours"] = list(self.factors.imports.neighbours)
        return known


def coming_day(forecasts: Iterable[Forecast]) -> Iterator[Reading]:
    """Yield each half hour of the forecasts as a reading, of which the first profile is made."""
    for forecast in forecasts:
        for valid_from, valid_to, gco2_kwh in forecast.points:
            yield Reading(
                zone=forecast.zone,
                provider=forecast.provider,
                provider_zone=forecast.provider_zone,
                signal=forecast.signal,
                basis=forecast.basis,
                scope=forecast.scope,
                factor_set=forecast.factor_set,
                quality=Quality.FORECAST,
                gco2_kwh=gco2_kwh,
                gco2_low=gco2_kwh,
                gco2_high=gco2_kwh,
                valid_from=valid_from,
                valid_to=valid_to,
                fetched_at=forecast.issued_at,
                simulated=forecast.simulated,
            )
