"""Yearly means and tables of the product beside the figures that others have for the same grids.

A ratio is ours over theirs. Where it is beyond a third either way, `reasons.json` has to say why
ours stands; a ratio without a reason misses the limit.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median, quantiles
from types import MappingProxyType
from typing import Final, NamedTuple

from greenstream.domain.reading import Basis, Signal
from greenstream.domain.zones import Zone, zones
from infra.validation.reasons import Reason, reasons_of
from infra.validation.row import Material, Row

QUESTION: Final = "right yearly mean"
THIRD: Final = 4 / 3
SMALL_GCO2_KWH: Final = 15.0
"""Two figures that are this near are alike, whatever their ratio is."""

TRACE_YEAR: Final = 2023
NO_REASONS: Final[Mapping[str, Reason]] = MappingProxyType({})
HEAD: Final = ("zone", "basis", "ours, g/kWh", "theirs, g/kWh", "ours / theirs", "why")


class Pair(NamedTuple):
    """Our figure of a zone and theirs, g/kWh."""

    zone: str
    basis: Basis
    ours: float
    theirs: float

    @property
    def is_far(self) -> bool:
        """Whether the figures are more than a third apart."""
        if abs(self.ours - self.theirs) <= SMALL_GCO2_KWH:
            return False
        return self.theirs <= 0 or not 1 / THIRD <= self.ours / self.theirs <= THIRD


def rows(material: Material) -> Iterator[Row]:
    """Yield the rows of the question."""
    places = material.datasets / "places" / "annual_means.csv"
    yield compare(
        QUESTION,
        f"means of {TRACE_YEAR} of Electricity Maps' hourly traces (flow-traced consumption)",
        list(of_traces(material.datasets / "carbon")),
        "electricitymaps",
        values_may_be_shown=False,
    )
    yield compare(
        QUESTION,
        "Google's grid intensity of 2024 for its regions (Apache-2.0)",
        list(_of_places(places, "GOOGLE-2024")),
        "google",
    )
    yield compare(
        QUESTION,
        "EPA eGRID2023, CO2 output rates of balancing authorities (public domain)",
        list(_of_places(places, "EGRID-BA")),
        "egrid",
    )


def compare(
    question: str,
    against: str,
    pairs: Sequence[Pair],
    name: str,
    *,
    reasons: Mapping[str, Reason] = NO_REASONS,
    values_may_be_shown: bool = True,
) -> Row:
    """Return the row of a comparison of many zones.

    Parameters
    ----------
    question, against
        What the row says it is about.
    pairs
        The figures of the zones.
    name
        The name of the comparison in `reasons.json`.
    reasons
        Reasons by zone that were computed, beside those of `reasons.json`.
    values_may_be_shown
        Whether the licence of the other figures lets them be printed.
    """
    if not pairs:
        return Row.not_run(question, against, "the figures to compare with are not there")
    reasons = {**reasons, **reasons_of(name)}
    numbers, detail, unexplained, doubtful = [], [], [], 0
    for basis in Basis:
        of_basis = [pair for pair in pairs if pair.basis is basis]
        if of_basis:
            numbers.append(f"{basis}: {_summary(of_basis)}")
    for pair in pairs:
        if pair.is_far:
            reason = reasons.get(pair.zone, Reason(""))
            doubtful += reason.doubtful
            if not reason.text:
                unexplained.append(f"{pair.zone} {pair.basis}")
            theirs = f"{pair.theirs:.0f}" if values_may_be_shown else "not to be shown"
            ratio = f"{pair.ours / pair.theirs:.1f}" if pair.theirs > 0 else "-"
            detail.append(
                (pair.zone, str(pair.basis), f"{pair.ours:.0f}", theirs, ratio, reason.text)
            )
    if unexplained:
        numbers.append(f"beyond a third without a reason: {', '.join(unexplained)}")
    if doubtful:
        numbers.append(f"{doubtful} of those beyond a third are likely wrong on our side")
    row = Row.judged(
        question,
        against,
        "; ".join(numbers),
        "each ratio beyond a third has a reason why ours stands",
        held=not unexplained and not doubtful,
    )
    return replace(row, head=HEAD, detail=tuple(detail))


def _summary(pairs: Sequence[Pair]) -> str:
    ratios = sorted(pair.ours / pair.theirs for pair in pairs if pair.theirs > 0)
    tenths = quantiles(ratios, n=10) if len(ratios) > 1 else [ratios[0]] * 9
    far = sum(pair.is_far for pair in pairs)
    mean = fmean(pair.ours - pair.theirs for pair in pairs)
    return (
        f"{len(pairs)} zones, ratio {median(ratios):.2f} (median; 10 to 90 %: {tenths[0]:.2f} to "
        f"{tenths[-1]:.2f}), ours less theirs {mean:+.0f} g/kWh on average, {far} beyond a third"
    )


def mean_of(zone: Zone, basis: Basis) -> float | None:
    """Return a zone's yearly mean of the average signal, g/kWh, if it has one."""
    for mean in zone.annual_means:
        if mean.basis is basis and mean.signal is Signal.AVERAGE:
            return mean.gco2_kwh
    return None


def of_traces(folder: Path) -> Iterator[Pair]:
    """Yield the zones that have a trace of the year. Several zones may share a trace."""
    for zone in zones().values():
        names = {s.provider_zone for s in zone.sources if s.provider == "electricitymaps"}
        for name in sorted(names):
            # The traces of the years before 2024 call the zone of Germany and Luxembourg DE-LU.
            spelled = "DE-LU" if name == "DE" else name
            file = folder / f"{spelled}_{TRACE_YEAR}.csv"
            if not file.is_file():
                continue
            with file.open(newline="", encoding="utf-8") as lines:
                hours = list(csv.DictReader(lines))
            for basis in Basis:
                theirs = [float(value) for hour in hours if (value := hour[f"{basis}_gco2_kwh"])]
                ours = mean_of(zone, basis)
                if theirs and ours is not None:
                    yield Pair(zone.zone, basis, ours, fmean(theirs))


def _of_places(file: Path, source: str) -> Iterator[Pair]:
    if not file.is_file():
        return
    with file.open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            zone = zones().get(line["zone_or_country"])
            if line["source"] != source or zone is None or not line["g_kwh"]:
                continue
            basis = Basis(line["basis"])
            if (ours := mean_of(zone, basis)) is not None:
                yield Pair(zone.zone, basis, ours, float(line["g_kwh"]))
