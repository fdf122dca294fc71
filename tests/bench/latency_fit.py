"""Fit of the round-trip estimate: prints constants and held-out error beside the shipped ones.

Run from anywhere: ``python tests/bench/latency_fit.py``. Needs the datasets folder beside the
project; without it the script says so and stops.
"""

import csv
import functools
import itertools
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from greenstream.domain.latency import BASE_RTT_MS, RTT_MS_PER_KM, estimate_rtt_ms, great_circle_km

PAIRS_CSV = Path(__file__).parents[3] / "shared" / "datasets" / "rtt" / "gcp_pair_samples.csv"

# Latitude and longitude of the city or county that cloud.google.com/about/locations names.
REGIONS = {
    "asia-east1": (24.05, 120.52),  # Changhua County
    "asia-east2": (22.32, 114.17),  # Hong Kong
    "asia-northeast1": (35.68, 139.69),  # Tokyo
    "asia-northeast2": (34.69, 135.50),  # Osaka
    "asia-northeast3": (37.57, 126.98),  # Seoul
    "asia-south1": (19.08, 72.88),  # Mumbai
    "asia-south2": (28.61, 77.21),  # Delhi
    "asia-southeast1": (1.34, 103.71),  # Jurong West
    "asia-southeast2": (-6.21, 106.85),  # Jakarta
    "australia-southeast1": (-33.87, 151.21),  # Sydney
    "australia-southeast2": (-37.81, 144.96),  # Melbourne
    "europe-central2": (52.23, 21.01),  # Warsaw
    "europe-north1": (60.57, 27.19),  # Hamina
    "europe-southwest1": (40.42, -3.70),  # Madrid
    "europe-west1": (50.47, 3.87),  # St. Ghislain
    "europe-west2": (51.51, -0.13),  # London
    "europe-west3": (50.11, 8.68),  # Frankfurt
    "europe-west4": (53.44, 6.84),  # Eemshaven
    "europe-west6": (47.37, 8.54),  # Zurich
    "europe-west8": (45.46, 9.19),  # Milan
    "europe-west9": (48.86, 2.35),  # Paris
    "northamerica-northeast1": (45.50, -73.57),  # Montreal
    "northamerica-northeast2": (43.65, -79.38),  # Toronto
    "southamerica-east1": (-23.53, -46.79),  # Osasco
    "southamerica-west1": (-33.45, -70.67),  # Santiago
    "us-central1": (41.26, -95.86),  # Council Bluffs
    "us-east1": (33.20, -80.01),  # Moncks Corner
    "us-east4": (39.04, -77.49),  # Ashburn
    "us-east5": (39.96, -83.00),  # Columbus
    "us-south1": (32.78, -96.80),  # Dallas
    "us-west1": (45.59, -121.18),  # The Dalles
    "us-west2": (34.05, -118.24),  # Los Angeles
    "us-west3": (40.76, -111.89),  # Salt Lake City
    "us-west4": (36.17, -115.14),  # Las Vegas
}

Pair = tuple[float, float]  # km, round trip in ms


def pairs_between(rows: list[tuple[str, str, float]], regions: set[str]) -> list[Pair]:
    """Return distance and round trip of every pair with both ends among the regions."""
    return [
        (great_circle_km(*REGIONS[start], *REGIONS[end]), rtt_ms)
        for start, end, rtt_ms in rows
        if start in regions and end in regions
    ]


def fit_line(pairs: list[Pair]) -> tuple[float, float]:
    """Return intercept (ms) and slope (ms/km) of least absolute deviation.

    For a given slope the best intercept is the median residual. The remaining deviation is convex
    in the slope, so a ternary search finds the best slope.
    """

    def fit_for(slope: float) -> tuple[float, float]:
        residuals = [rtt_ms - slope * km for km, rtt_ms in pairs]
        intercept = statistics.median(residuals)
        return sum(abs(residual - intercept) for residual in residuals), intercept

    low, high = 0.005, 0.05
    for _ in range(60):
        third = (high - low) / 3
        if fit_for(low + third)[0] <= fit_for(high - third)[0]:
            high -= third
        else:
            low += third
    return fit_for(low)[1], low


def on_line(base_ms: float, slope: float, km: float) -> float:
    """Return the round trip (ms) that a line gives for a distance."""
    return base_ms + slope * km


def report(name: str, pairs: list[Pair], estimate_ms: Callable[[float], float]) -> None:
    """Print median and 90th percentile of the absolute error, for all pairs and within reach."""
    for reach, reach_km in (("all distances", 25_000.0), ("within 5,000 km", 5_000.0)):
        errors = [abs(rtt_ms - estimate_ms(km)) for km, rtt_ms in pairs if km <= reach_km]
        p90_ms = statistics.quantiles(errors, n=10)[-1]
        print(
            f"{name:<34}{reach:<17}median error {statistics.median(errors):5.1f} ms"
            f"   p90 {p90_ms:5.1f} ms   ({len(errors)} pairs)"
        )


def main() -> int:
    """Fit on one half of the regions and judge on the other, both ways; then fit on all."""
    if not PAIRS_CSV.exists():
        print(f"skipped: no {PAIRS_CSV.name} in the datasets folder beside the project")
        return 0
    with PAIRS_CSV.open(newline="") as lines:
        rows = [
            (row["sending_region"], row["receiving_region"], float(row["milliseconds"]))
            for row in csv.DictReader(lines)
        ]
    names = sorted(REGIONS)
    halves = (set(names[::2]), set(names[1::2]))
    for train, held_out in itertools.permutations(halves):
        base_ms, slope = fit_line(pairs_between(rows, train))
        report(
            f"held out: {base_ms:.2f} ms + {slope:.5f} ms/km",
            pairs_between(rows, held_out),
            functools.partial(on_line, base_ms, slope),
        )
    everything = pairs_between(rows, set(names))
    base_ms, slope = fit_line(everything)
    print(f"all regions: {base_ms:.2f} ms + {slope:.5f} ms/km")
    report(f"shipped: {BASE_RTT_MS} ms + {RTT_MS_PER_KM} ms/km", everything, estimate_rtt_ms)
    floor_ms = statistics.mean(
        abs(rtt_ms - on_line(base_ms, slope, km)) for km, rtt_ms in everything
    )
    shipped_ms = statistics.mean(abs(rtt_ms - estimate_rtt_ms(km)) for km, rtt_ms in everything)
    print(f"shipped over best fit, mean absolute error: {shipped_ms / floor_ms:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
