"""Counts true slots that the rules refuse: ``python tests/bench/refusals.py [FOLDER ...]``.

Every recording of a source is cut after every slot, as if it had been fetched then, and goes
through the provider. The newest slot of each cut must be read, or a rule must give the reason for
its refusal. All recordings are assumed to be true, so every refusal is a false alarm: at most the
share `MOST_REFUSED` of the slots may be refused. A rule that no recorded slot could have broken is
printed as untested.

Recordings are read from ``shared/recordings/PROVIDER`` beside this checkout, and from each FOLDER.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from functions.entsoe.document import read
from functions.entsoe.mix import batch_of
from functions.entsoe.provider import WINDOW
from functions.entsoe.slots import slots
from greenstream.domain.errors import InvalidError
from greenstream.domain.frozen import MOVING_STEPS
from greenstream.domain.judging import REACH, judge
from greenstream.domain.judging_limits import DAY
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import (
    NO_RULES,
    ProviderRules,
    SourceRules,
    rules_of_provider,
    rules_of_source,
)
from greenstream.domain.zones import zones_of
from tests.bench.recorded_cuts import (
    LOST,
    Cut,
    Recording,
    electricitymaps,
    elexon,
    eso,
    gridstatus,
    watttime,
)

RECORDINGS: Final = Path(__file__).parents[3] / "shared" / "recordings"
MOST_REFUSED: Final = 0.005
DOMAIN: Final = re.compile(rb"BiddingZone_Domain\.mRID[^>]*>([^<]+)<")


@dataclass
class Tally:
    """The counts over all recordings."""

    slots: int = 0
    lost: int = 0
    """Slots that were not read although no rule refused them."""
    refused: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        return (sum(self.refused.values()) + self.lost) / self.slots if self.slots else 0.0


def entsoe(folders: Iterable[Path]) -> Iterator[Recording | str]:
    """Yield the recordings of ENTSO-E; for an unusable file, a text that says why."""
    pairs = {source.provider_zone: (zone, source) for zone, source in zones_of("entsoe")}
    for path in sorted(path for folder in folders for path in folder.glob("A75_*.xml")):
        body = path.read_bytes()
        found = DOMAIN.search(body)
        domain = found[1].decode() if found else ""
        if "EDITED" in path.name or "negatives" in path.name:
            yield f"{path.name}: its figures were changed by hand"
            continue
        if domain not in pairs:
            yield f"{path.name}: {domain} is no zone of the table"
            continue
        zone, source = pairs[domain]
        mixes = slots(read(body, domain, zone.zone))
        cuts = []
        for count in range(1, len(mixes) + 1):
            end = mixes[count - 1].valid_to
            cut = [mix for mix in mixes[:count] if mix.valid_from >= end - WINDOW]
            batch = batch_of(cut, zone, source, fetched_at=end)
            if batch.readings and batch.readings[-1].valid_to == end:
                cuts.append(Cut(cut, ()))
                continue
            refusal = judge(cut, rules_of_provider("entsoe"), rules_of_source("entsoe", zone.zone))[
                -1
            ].refusal
            named = (error.reason for error in batch.errors if isinstance(error, InvalidError))
            reasons = (refusal.reason,) if refusal else tuple(sorted(set(named)))
            cuts.append(Cut(cut, reasons or (LOST,)))
        yield Recording(path.name, "entsoe", zone.zone, cuts)


PROVIDERS: Final[dict[str, Callable[[Iterable[Path]], Iterator[Recording | str]]]] = {
    "entsoe": entsoe,
    "gridstatus": gridstatus,
    "eso": eso,
    "elexon": elexon,
    "watttime": watttime,
    "electricitymaps": electricitymaps,
}
FOLDERS: Final = {"gridstatus": ("nyiso", "caiso", "pjm"), "eso": ("neso",)}
"""The folders of a provider's recordings, where their names differ from the provider's."""


def tried(mixes: Sequence[Mix], provider: ProviderRules, source: SourceRules) -> Iterator[str]:
    """Yield each rule that the newest mix could break, by the reason that the rule gives."""
    newest = mixes[-1]
    here = newest.generation_mw
    past = newest.valid_from - mixes[0].valid_from
    weather = (provider.solar | provider.wind) & here.keys()
    conditions = {
        "contradiction, not_a_number: the figure itself": True,
        "no_generation": True,
        "implausible_mw: greatest power of a fuel": bool(source.greatest_mw),
        "implausible_total: bounds of the zone": source.least_total_mw > 0,
        "implausible_total: half of the least of 24 h": past >= REACH,
        "missing_fuel: needed": bool(source.needed or source.needed_any),
        "missing_fuel: needed by day": bool(source.needed_by_day),
        "missing_fuel: reported before": len(mixes) > 1,
        "missing_fuel: absent, and reported before": any(
            mix.generation_mw.keys() - here.keys() - provider.storage for mix in mixes
        ),
        "false_zero: never at 0": bool(source.never_zero or source.never_zero_any),
        "false_zero: sun or wind, and not yesterday": bool(weather) and past >= DAY,
        "sun_at_night": past >= DAY and bool(provider.solar & here.keys()) and bool(source.middle),
        "negative: below zero": any(
            mw < 0 and fuel not in provider.reversible for fuel, mw in here.items()
        ),
        "frozen": len(mixes) > MOVING_STEPS and any(here[fuel] > 0 for fuel in weather),
    }
    for rule, could in conditions.items():
        yield rule
        if not could:
            yield f"not {rule}"


def count(recordings: Iterable[Recording]) -> Tally:
    """Count the refused slots, and for each rule the slots that it was tried on."""
    tally = Tally()
    for recording in recordings:
        for cut in recording.cuts:
            tally.slots += 1
            tally.lost += LOST in cut.reasons
            tally.refused.update(reason for reason in cut.reasons[:1] if reason != LOST)
            tally.tried.update(
                tried(cut.mixes, *recording.rules)
                if cut.mixes
                else (f"{recording.provider}: {rule}" for rule in cut.tried)
            )
    return tally


def main() -> None:
    """Print the tables; the exit status is 1 when too many true slots are refused."""
    folders = [Path(name) for name in sys.argv[1:]]
    if not RECORDINGS.is_dir() and not folders:
        sys.exit(f"no recordings at {RECORDINGS}: nothing is measured")
    recordings: list[Recording] = []
    for provider, recorded in PROVIDERS.items():
        own = [RECORDINGS / name for name in FOLDERS.get(provider, (provider,))]
        for found in recorded([*own, *folders]):
            if isinstance(found, str):
                print(f"not counted: {found}")
            else:
                recordings.append(found)
    print(f"\n{'recording':44} {'source':24} {'slots':>6} {'refused':>8}")
    for recording in recordings:
        reasons = Counter(reason for cut in recording.cuts for reason in cut.reasons[:1])
        named = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
        source = f"{recording.provider}/{recording.zone}"
        print(
            f"{recording.name[:44]:44} {source:24} {len(recording.cuts):6} {reasons.total():8} "
            f"{named}".rstrip()
        )
    tally = count(recordings)
    print(f"\n{'rule':52} {'slots that try it':>18}")
    for rule in [rule for rule in tally.tried if not rule.startswith("not ")]:
        number = tally.tried[rule] - tally.tried[f"not {rule}"]
        print(f"{rule:52} {number or 'untested':>18}")
    seen = {(recording.provider, recording.zone) for recording in recordings}
    for provider in PROVIDERS:
        ruled = [
            z.zone for z, _ in zones_of(provider) if rules_of_source(provider, z.zone) != NO_RULES
        ]
        unseen = [zone for zone in dict.fromkeys(ruled) if (provider, zone) not in seen]
        if unseen:
            print(f"\n{provider}: the rules of these are untested: {' '.join(unseen)}")
    print(f"\nrefused by reason: {dict(tally.refused) or 'none'}")
    print(
        f"{sum(tally.refused.values())} refused and {tally.lost} lost of {tally.slots} true slots: "
        f"{tally.share:.2%}, and at most {MOST_REFUSED:.1%} may be"
    )
    if not recordings or tally.lost or tally.share > MOST_REFUSED:
        sys.exit(1)


if __name__ == "__main__":
    main()
