#!/usr/bin/env bash
# carbontracker takes the first half hour's forecast for a whole run in Great Britain.
#
# Guess: the present figure is the actual one where the service has it, and the figure for a run is the
#   mean of the run's half hours, with and without a postcode.
# Seen: the forecast is taken though the actual figure stands beside it (180 for 90 g/kWh). For a run
#   of 24 hours the national figure is that of the first half hour (100 g/kWh, where the mean is 295.8),
#   while the regional figure of the same answers is the mean.
# Why it matters: a run that starts in a clean half hour is reported as clean all day, and a postcode
#   changes the figure threefold on equal data.
# Versions: carbontracker 2.4.7.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check carbontracker==2.4.7
"$folder/venv/bin/python" - <<'PYTHON'
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from carbontracker.emissions.intensity.fetchers import carbonintensitygb

NOW = {"from": "2026-11-27T10:00Z", "to": "2026-11-27T10:30Z"}
NOW["intensity"] = {"forecast": 180, "actual": 90, "index": "moderate"}
DAY = [
    {"from": "-", "to": "-", "intensity": {"forecast": mw, "index": "-"}} for mw in [100, *[300] * 47]
]


class Service(BaseHTTPRequestHandler):
    """Answers as the Carbon Intensity API does."""

    def do_GET(self):
        if self.path.startswith("/regional/intensity/"):
            data = {"regionid": 13, "data": DAY}
        else:
            data = [NOW] if self.path == "/intensity" else DAY
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": data}).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
carbonintensitygb.API_URL = f"http://127.0.0.1:{server.server_port}"
fetcher = carbonintensitygb.CarbonIntensityGB(logging.getLogger())


def figure(postal, seconds=None):
    place = SimpleNamespace(address="London", country="GB", postal=postal)
    return round(fetcher.fetch_carbon_intensity(place, seconds).carbon_intensity, 1)


present, nation, region = figure(None), figure(None, 86400), figure("EC1A", 86400)
print(f"present: {present}; a day, national: {nation}; a day, regional: {region} g/kWh")
assert present == 180
assert nation == 100
assert region == 295.8
PYTHON
