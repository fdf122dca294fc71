#!/usr/bin/env bash
# gridstatus loses rows of New England in the hour that comes twice in autumn, and makes 0 MW of them.
#
# Guess: the order of the lines tells the two hours apart, so that each line keeps its figure.
# Seen: lines have no offset, so that a fuel with the same figure at 01:10 before and after the change
#   has two equal lines. The library drops the second as a duplicate, and then fills the gap with 0:
#   nuclear power is 0 MW at one stamp of a day on which it makes 3,300 MW throughout. Where a fuel
#   has the same figures in the whole hour, or ran once in it, the day raises AmbiguousTimeError.
# Why it matters: without nuclear power the intensity of New England rises by more than half, for five
#   minutes of a day that otherwise looks right. A steady plant is the likely one.
# Versions: gridstatus 0.37.0, pandas 2.3.3, pytz 2026.6 (its table says when the change is).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    gridstatus==0.37.0 pandas==2.3.3 pytz==2026.6
"$folder/venv/bin/python" - <<'PYTHON'
import gridstatus
import pandas as pd
import pytz
from gridstatus import isone

STAMPS = ["00:50:00", "01:10:00", "01:30:00", "01:50:00"]
STAMPS += ["01:10:00", "01:30:00", "01:50:00", "02:10:00"]
GAS = [5000, 4980, 4960, 4950, 4940, 4930, 4925, 4910]
NUCLEAR = [3300, 3301, 3300, 3302, 3301, 3303, 3304, 3300]


def read(nuclear, more=()):
    """Return the library's reading of a day's file."""
    lines = []
    for place, stamp in enumerate(STAMPS):
        lines.append((stamp, "Natural Gas", GAS[place]))
        lines.append((stamp, "Nuclear", nuclear[place]))
        lines += [line for at, line in more if at == place]
    body = '"C","Generation by fuel mix"\n"C","Filename: genfuelmix.csv"\n"C","For 11/01/2026"\n'
    body += '"C","Most recently reported"\n'
    body += '"H","Date","Time","Fuel Category","Gen Mw","Marginal Flag"\n'
    body += '"H","Date","Time","String","Number","String"\n'
    body += "".join(f'"D","11/01/2026","{at}","{fuel}","{mw}","N"\n' for at, fuel, mw in lines)
    body += f'"T","{len(lines)}"\n'

    class Session:
        """Answers every request with the file."""

        status_code, headers, content = 200, {"Content-Type": "text/csv"}, body.encode()
        __enter__ = get = lambda self, *_: self
        __exit__ = lambda self, *_: None

    isone.requests.Session = Session
    return gridstatus.ISONE().get_fuel_mix(pd.Timestamp("2026-11-01", tz="US/Eastern"))


def error_of(*of):
    try:
        read(*of)
    except pytz.AmbiguousTimeError as error:
        return type(error).__name__
    return "read"


mix = read(NUCLEAR)
lost = mix.loc[mix["Nuclear"] == 0, "Time"].tolist()
steady = error_of([3300] * 8)
once = error_of(NUCLEAR, [(2, ("01:30:00", "Oil", 12))])

print(f"nuclear is 0 MW at {[str(at) for at in lost]}; file: 3,301 MW")
print(f"steady nuclear power: {steady}; oil that ran once: {once}")
assert lost == [pd.Timestamp("2026-11-01T01:10:00-05:00")]
assert len(mix) == 8
assert (steady, once) == ("AmbiguousTimeError", "AmbiguousTimeError")
PYTHON
