"""The three policies of the bench."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from greenstream.domain.policy import FreshnessModel, Policy
from infra.local.replay_cli import policy_in

DEFAULT: Final = "default"
OWNER_FORMULA: Final = "owner"
TUNED: Final = "tuned"

TUNED_FILE: Final = Path(__file__).with_name("tuned.json")
"""What a search on 2022 found, with its evidence; the bench itself never searches."""

OWNER: Final = Policy(
    version=OWNER_FORMULA,
    latency_price_gco2_kwh_ms=0.05,
    switch_margin=0.05,
    tie_share=0.0,
    tie_gco2_kwh=0.0,
    penalty_grace_s=600.0,
    penalty_slope_gco2_kwh_min=1.0,
    max_stale_s=6 * 3600.0,
    freshness_model=FreshnessModel.PENALTY,
)
"""The plain price of age, 1 g/kWh per minute beyond ten minutes, with the limits it came with."""


def policies() -> Mapping[str, Policy]:
    """Return the policies by name; `Policy()` is whatever decides by default."""
    return {DEFAULT: Policy(), OWNER_FORMULA: OWNER, TUNED: policy_in(TUNED_FILE)}
