"""Right mix: the product's reading of real documents beside readings that others wrote."""

import csv
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from functions.entsoe.document import Series, read
from greenstream.domain.intensity import factor_tables
from greenstream.domain.reading import Basis
from greenstream.domain.zones import zones_of
from infra.validation.peers import peer_module
from infra.validation.row import Material, Row

QUESTION: Final = "right mix"
SAME_GCO2_KWH: Final = 0.01
"""Two intensities of one interval are the same when they are this near, in g/kWh."""

SAME_MW: Final = 1e-6
"""Two figures of one cell are the same when they are this near, in MW."""

FUELS: Final = 7
"""NYISO's file has this many lines for each stamp."""

FIRST_STAMPS: Final = 2
"""The first run sees so many stamps of a day."""

NOT_WHOLE: Final = ("EDITED", "psrB01_only")
"""Recorded documents that somebody has edited, or that hold one fuel only."""

Cells = Mapping[tuple[str, bool, datetime], float]
"""MW by PSR type, whether it was consumed, and the start of the interval in UTC."""


def rows(material: Material) -> Iterator[Row]:
    """Yield the rows of the question."""
    yield _entsoe(material)
    yield _nyiso(material)


def documents(recordings: Path) -> list[Path]:
    """Return the recorded answers of ENTSO-E about generation per type."""
    return [
        path
        for path in sorted((recordings / "entsoe").glob("A75_*.xml"))
        if not any(word in path.name for word in NOT_WHOLE)
    ]


def zone_of(document: Path) -> tuple[str, str]:
    """Return the zone that a document is about, and its EIC code.

    Raises
    ------
    LookupError
        When the zone table names none of the codes in the document.
    """
    text = document.read_text(encoding="utf-8")
    for zone, source in zones_of("entsoe"):
        if f">{source.provider_zone}<" in text:
            return zone.zone, source.provider_zone
    raise LookupError(f"{document.name} names no zone of ENTSO-E")


def _entsoe(material: Material) -> Row:
    against = "every cell of the recorded ENTSO-E documents (A75), read by entsoe-py 0.8.1"
    files = documents(material.recordings)
    if not files:
        return Row.not_run(QUESTION, against, "no recorded document is there")
    if not (material.peers / "entsoe").is_dir():
        return Row.not_run(QUESTION, against, "entsoe-py is not installed; `make validate` does")
    cells = different = 0
    unknown: list[str] = []
    for path in files:
        try:
            zone, domain = zone_of(path)
        except LookupError:
            unknown.append(path.name)
            continue
        ours = _cells_of(read(path.read_bytes(), domain, zone))
        theirs = read_by_entsoe_py(path, material.peers)
        shared = ours.keys() & theirs.keys()
        cells += len(ours.keys() | theirs.keys())
        different += len(ours.keys() ^ theirs.keys())
        different += sum(abs(ours[key] - theirs[key]) > SAME_MW for key in shared)
    left_out = f"; not read, since no zone of ours: {', '.join(unknown)}" if unknown else ""
    return Row.judged(
        QUESTION,
        against,
        f"{len(files) - len(unknown)} documents, {cells} cells, {different} different{left_out}",
        "0 cells different",
        held=different == 0 and cells > 0,
    )


def _cells_of(series: list[Series]) -> Cells:
    return {
        (one_fuel.psr_type, one_fuel.consumption, begin): mw
        for one_fuel in series
        for (begin, _), mw in one_fuel.mw.items()
    }


def read_by_entsoe_py(document: Path, peers: Path) -> Cells:
    """Return the cells of a document as the package entsoe-py reads them."""
    names = peer_module(peers, "entsoe.mappings").PSRTYPE_MAPPINGS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parse = peer_module(peers, "entsoe.parsers").parse_generation
        frame = parse(document.read_text(encoding="utf-8"))
    codes = {name: code for code, name in names.items()}
    return {
        (codes[name], metric == "Actual Consumption", stamp.to_pydatetime().astimezone(UTC)): float(
            mw
        )
        for (name, metric), column in _columns(frame)
        for stamp, mw in column.dropna().items()
    }


def _columns(frame: Any) -> Iterator[tuple[tuple[str, str], Any]]:  # noqa: ANN401 - a data frame
    """Yield the columns of entsoe-py's frame by fuel and metric.

    Where no plant consumes, the package leaves the metric out of the names of the columns.
    """
    for name in frame.columns:
        yield (name if isinstance(name, tuple) else (name, "Actual Aggregated")), frame[name]


def _nyiso(material: Material) -> Row:
    from infra.validation.pipeline import history_of  # noqa: PLC0415 - it loads pandas

    against = "NYISO's recorded days: each stamp's own fuels times this package's factors, by hand"
    files = sorted((material.recordings / "nyiso").glob("2025*rtfuelmix.csv"))
    if not files:
        return Row.not_run(QUESTION, against, "no recorded day is there")
    compared = lost = 0
    worst_gco2_kwh = 0.0
    for path in files:
        by_hand = nyiso_by_hand(path)
        stored = {
            reading.valid_to: reading.gco2_kwh
            for reading in history_of(
                "gridstatus", "NYISO", runs_of_a_day(path, by_hand), "text/csv"
            )
            if reading.kind.basis is Basis.DIRECT
        }
        expected = sorted(by_hand)[FIRST_STAMPS - 1 :]
        lost += len(set(expected) ^ stored.keys())
        compared += len(stored)
        for valid_to in by_hand.keys() & stored.keys():
            difference = abs(stored[valid_to] - by_hand[valid_to])
            worst_gco2_kwh = max(worst_gco2_kwh, difference)
    return Row.judged(
        QUESTION,
        against,
        f"{len(files)} days, {compared} readings, largest difference {worst_gco2_kwh:.2g} g/kWh, "
        f"{lost} stamps in one reading only",
        f"{SAME_GCO2_KWH} g/kWh, no stamp in one reading only",
        held=compared > 0 and lost == 0 and worst_gco2_kwh <= SAME_GCO2_KWH,
    )


def runs_of_a_day(path: Path, ends: Mapping[datetime, float]) -> list[tuple[datetime, str, bytes]]:
    """Return three runs: the day's file had its first stamps, was half written, and was whole.

    A run stores all rows since the run before it, as it does after an outage of half a day. The
    first run of all stores its newest row only.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    stamps = sorted(ends)
    return [
        (
            stamps[count - 1] + timedelta(minutes=2),
            f"*{path.name}",
            b"".join(lines[: 1 + count * FUELS]),
        )
        for count in (FIRST_STAMPS, len(stamps) // 2, len(stamps))
    ]


def nyiso_by_hand(path: Path) -> dict[datetime, float]:
    """Return g/kWh (average, direct) by the end of each interval of a day of NYISO.

    This is a second reading of the file that shares no code with the product but the factors. A
    fuel without a factor is left out, as it is in the product.
    """
    factors = factor_tables()["NYISO", Basis.DIRECT].factors
    mixes: dict[datetime, dict[str, float]] = {}
    with path.open(newline="", encoding="utf-8") as lines:
        for line in csv.reader(lines):
            stamp, zone_name, fuel, mw = line
            if stamp == "Time Stamp":
                continue
            local = datetime.strptime(stamp, "%m/%d/%Y %H:%M:%S")  # noqa: DTZ007 - EST or EDT
            offset = timedelta(hours=-5 if zone_name == "EST" else -4)
            mixes.setdefault(local.replace(tzinfo=UTC) - offset, {})[fuel] = float(mw)
    figures = {}
    for end, mix in mixes.items():
        known = {
            fuel: (mw, value)
            for fuel, mw in mix.items()
            if mw > 0 and (value := factors[fuel].gco2_kwh) is not None
        }
        known_mw = sum(mw for mw, _ in known.values())
        if known_mw > 0:
            figures[end] = sum(mw * value for mw, value in known.values()) / known_mw
    return figures
