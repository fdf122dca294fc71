"""Policies as table items."""

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, Final

from greenstream.aws.attributes import Item, number
from greenstream.aws.item_schema import SCHEMA, check_schema
from greenstream.domain.policy import FreshnessModel, Policy, RankedScope, RankingSignal

CHOICES: Final[Mapping[str, type[StrEnum]]] = {
    "ranking_signal": RankingSignal,
    "scope": RankedScope,
    "freshness_model": FreshnessModel,
}
"""The members of a policy that are a word of a list."""


def encode_policy(policy: Policy) -> Item:
    """Return a policy's attributes without its key.

    Numbers that equal their default are written too: a default may change with the code, but a
    policy that has been judged must not change. The usual scope is left out, since items that were
    written before there was a choice mean it.
    """
    item: Item = SCHEMA | {
        "capacity": {"M": {pop: number(weight) for pop, weight in policy.capacity.items()}}
    }
    for part in fields(Policy):
        value = getattr(policy, part.name)
        if value == RankedScope.USUAL:
            continue
        if isinstance(value, str):
            item[part.name] = {"S": str(value)}
        elif part.name != "capacity":
            item[part.name] = number(value, 6)
    return item


def decode_policy(item: Mapping[str, Any]) -> Policy:
    """Return the policy of an item. A number that the item lacks has its default.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged.
    """
    check_schema(item)
    stated: dict[str, Any] = {
        part.name: part.type(item[part.name]["N"])
        for part in fields(Policy)
        if part.name in item and part.type in (float, int)
    }
    for name, names in CHOICES.items():
        if name in item:
            stated[name] = names(item[name]["S"])
    if "capacity" in item:
        weights = item["capacity"]["M"].items()
        stated["capacity"] = {pop: float(weight["N"]) for pop, weight in weights}
    return Policy(version=item["version"]["S"], **stated)
