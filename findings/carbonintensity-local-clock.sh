#!/usr/bin/env bash
# Home Assistant's client of Great Britain's carbon intensity asks for the local time as if it were UTC.
#
# Guess: the present half hour is the one that holds now, in UTC, and the lowest half hour of the next 24
#   hours is found with its stamp.
# Seen: the question holds the computer's local time with a "Z" behind it. In British summer the half hour
#   of an hour later is given as the present one, and at UTC-8 that of eight hours ago. Of two half hours
#   with the same lowest figure the later is named: 20 hours more to wait for the same saving.
# Why it matters: "run now" and "run at the lowest" are what automations do with it, and a computer in
#   London is right in winter only.
# Versions: carbonintensity 0.3.0, aiohttp 3.14.5.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check carbonintensity==0.3.0 aiohttp==3.14.5
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import re
import time
from datetime import datetime, timedelta, timezone

import aiohttp
from carbonintensity.client import Client

HALF_HOUR = timedelta(minutes=30)
EARLIER, LATER = 4, 44


class Answer:
    """Answers as the service does: 48 half hours from the one that is asked for."""

    def __init__(self, address):
        text = re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", address)[0]
        at = datetime.strptime(text, "%Y-%m-%dT%H:%MZ")
        first = at - timedelta(minutes=at.minute % 30)
        data = [
            {
                "from": f"{first + place * HALF_HOUR:%Y-%m-%dT%H:%MZ}",
                "to": f"{first + (place + 1) * HALF_HOUR:%Y-%m-%dT%H:%MZ}",
                "intensity": {"forecast": 50 if place in (EARLIER, LATER) else 200, "index": "-"},
            }
            for place in range(48)
        ]
        regional = "/regional/" in address
        self.answer = {"data": {"postcode": "EC1A", "data": data} if regional else data}

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def json(self):
        return self.answer


aiohttp.ClientSession.get = lambda _, address: Answer(address)


def ask(zone):
    """Return what the client says on a computer with that zone, and by how many hours it errs."""
    os.environ["TZ"] = zone
    time.tzset()
    now = datetime.now(timezone.utc)
    said = asyncio.run(Client("EC1A").async_get_data())["data"]
    return said, round((said["current_period_from"] - now) / HALF_HOUR + 0.5) / 2


said, in_winter = ask("GMT0")
_, in_summer = ask("BST-1")
_, in_the_west = ask("PST8")
wait = (said["lowest_period_from"] - said["current_period_from"]) / HALF_HOUR

print(f"the present half hour is off by {in_winter}, {in_summer} and {in_the_west} hours")
print(f"the lowest half hours are {EARLIER} and {LATER}; it names {wait:g}")
assert (in_winter, in_summer, in_the_west) == (0, 1, -8)
assert (wait, said["lowest_period_forecast"]) == (LATER, 50)
PYTHON
