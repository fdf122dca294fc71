#!/usr/bin/env bash
# codegreen-core counts oil as nothing in its default figure, and cuts every share down to a whole percent.
#
# Guess: a fuel whose output is not reported counts as nothing, and storage is left out of the total.
# Seen: oil that is reported counts as nothing too, since the default set of factors has none for it: 900 MW
#   of oil and 100 MW of sun give 3.86 g/kWh, and 715 with the set of the European Commission's authors.
#   Peat is spelled "Peal" in the list of fuels, so that 300 MW of it are in no total and 700 MW of wind are
#   100 %. Shares are cut down to whole percents: 0.9 % of coal are 0 %. Pumped storage is in the total, as
#   hydro power.
# Why it matters: a job that looks for the cleanest country of Europe by the default figure goes to the
#   island that burns oil. No factor is not a factor of zero.
# Versions: codegreen-core 0.0.8, entsoe-py 0.6.17, pandas 2.2.3, numpy 1.26.4, redis 5.3.1. Stand-ins take the
#   place of TensorFlow, scikit-learn and matplotlib, which only its predictions and plots use.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    entsoe-py==0.6.17 pandas==2.2.3 numpy==1.26.4 redis==5.3.1
"$folder/venv/bin/pip" install -qq --disable-pip-version-check --no-deps codegreen-core==0.0.8
cd "$folder"
HOME=$folder "$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime
from unittest.mock import MagicMock

ABSENT = ["tensorflow", "tensorflow.keras", "tensorflow.keras.models", "sklearn"]
ABSENT += ["sklearn.preprocessing", "matplotlib", "matplotlib.pyplot", "matplotlib.dates"]
sys.modules |= {name: MagicMock() for name in ABSENT}

import pandas as pd
from codegreen_core.data import entsoe
from codegreen_core.tools.carbon_intensity import compute_ci_from_energy

HOURS = pd.date_range("2026-11-27T10:00", periods=2, freq="h", tz="UTC")


def mix(**mw):
    """Return the package's shares of a generation that entsoe-py has read."""
    columns = {fuel.replace("_", " "): [float(figure)] * 2 for fuel, figure in mw.items()}
    client = MagicMock()
    client.query_generation.return_value = pd.DataFrame(columns, index=HOURS)
    entsoe.entsoePandas = lambda **_: client
    day = datetime(2026, 11, 27, 10), datetime(2026, 11, 27, 12)
    return entsoe.get_actual_production_percentage("CY", *day)["data"]


island = compute_ci_from_energy(mix(Fossil_Oil=900, Solar=100)).iloc[0]
peat = mix(Fossil_Peat=300, Wind_Onshore=700).iloc[0]
shares = mix(Fossil_Hard_coal=9, Solar=991).iloc[0]
stored = mix(Hydro_Pumped_Storage=500, Fossil_Gas=500).iloc[0]

print(f"oil and sun: {island['ci_default']} g/kWh by default, {island['ci_eu_comm']} by another set")
print(f"peat and wind: {peat['Wind_per']} % wind of {peat['total']:g} MW")
print(f"0.9 % coal: {shares['Coal_per']} %; half pumped: {stored['Hydroelectricity_per']} % hydro")
assert (island["Petroleum_per"], island["ci_default"], island["ci_eu_comm"]) == (90, 3.86, 715)
assert (peat["Wind_per"], peat["Coal_per"], peat["total"]) == (100, 0, 700)
assert (shares["Coal_per"], shares["Solar_per"]) == (0, 99)
assert stored["Hydroelectricity_per"] == 50
PYTHON
