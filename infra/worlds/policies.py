"""The three policies of the bench."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from greenstream.domain.policy import Policy
from greenstream_tuning.replay import DEFAULT, OWNER, OWNER_FORMULA, TUNED
from infra.local.replay_cli import policy_in

TUNED_FILE: Final = Path(__file__).with_name("tuned.json")
"""What a search on 2022 found, with its evidence; the bench itself never searches."""


def policies() -> Mapping[str, Policy]:
    """Return the policies by name; `Policy()` is whatever decides by default."""
    return {DEFAULT: Policy(), OWNER_FORMULA: OWNER, TUNED: policy_in(TUNED_FILE)}
