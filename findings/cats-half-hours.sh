#!/usr/bin/env bash
# The task scheduler CATS passes by the cleanest half hour, since it joins half hours by straight lines.
#
# Guess: the start is chosen that has the lowest mean intensity over the run, and a run is weighed by the
#   time that it spends in each half hour.
# Seen: the forecast of a half hour is taken for the intensity at the moment it begins, and a run pays the
#   line from there to the next half hour. A run of 30 minutes in a half hour of 100 g/kWh between two of
#   300 is put at 200, as is the run in the half hour of 300 before it, so that a half hour of 150 is
#   chosen (150 for 100 g/kWh). A run of an hour starts at 11:30, on 225 g/kWh, where 150 were to be had.
# Why it matters: Great Britain's forecast is a mean of each half hour, and short clean gaps are what a
#   scheduler is for. Here the saving that is reported is not the saving that is made.
# Versions: climate-aware-task-scheduler 1.2.1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check climate-aware-task-scheduler==1.2.1
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime, timedelta, timezone
from statistics import fmean

from cats.forecast import WindowedForecast
from cats.providers import uk_carbonintensity

HALF_HOUR = timedelta(minutes=30)
START = datetime(2026, 11, 27, 10, tzinfo=timezone.utc)
MEANS = [300, 300, 100, 300, 150, 150, 300, 300, 300]


def stamp(place):
    return f"{START + place * HALF_HOUR:%Y-%m-%dT%H:%MZ}"


ANSWER = {
    "data": {
        "regionid": 13,
        "postcode": "EC1A",
        "data": [
            {"from": stamp(i), "to": stamp(i + 1), "intensity": {"forecast": mean, "index": "-"}}
            for i, mean in enumerate(MEANS)
        ],
    }
}
uk_carbonintensity.fetch_url = lambda _: ANSWER
forecast = uk_carbonintensity.UKCarbonIntensityProvider().get_data(START, "EC1A").values


def chosen(halves):
    """Return the start that CATS takes, its figure, and the means of the half hours of that run."""
    best = min(WindowedForecast(forecast, 30 * halves, start=START))
    place = (best.start - START) // HALF_HOUR
    return f"{best.start:%H:%M}", best.value, fmean(MEANS[place : place + halves])


def lowest(halves):
    return min(fmean(MEANS[i : i + halves]) for i in range(len(MEANS) - halves))


short, hour = chosen(1), chosen(2)
print(f"half an hour: {short}, lowest {lowest(1)}; an hour: {hour}, lowest {lowest(2)}")
assert (short, lowest(1)) == (("12:00", 150, 150), 100)
assert (hour, lowest(2)) == (("11:30", 187.5, 225), 150)
PYTHON
