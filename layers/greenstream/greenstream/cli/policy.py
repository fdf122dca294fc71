"""``greenstream policy``: the policies there were, one of your own, and the way back to any."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from botocore.exceptions import BotoCoreError

from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.cli.errors import CommandError
from greenstream.cli.repository import running_stack
from greenstream.domain.clock import utc_now
from greenstream.domain.places import pops
from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import UnknownVersionError
from greenstream.ports.store import StoreError


@dataclass(frozen=True, slots=True)
class _Table:
    """Where policies are kept, and the one that a router reads there now."""

    policies: DynamoPolicies
    in_force: Policy


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--table",
        metavar="NAME",
        help="a deployed table, by your AWS credentials; the local stack's if absent",
    )
    policy = commands.add_parser("policy", help="list policies, show one, set one, go back")
    actions = policy.add_subparsers(required=True, metavar="action")
    listed = actions.add_parser("list", parents=[where], help="every version, and why it was kept")
    listed.set_defaults(do=_list)
    shown = actions.add_parser("show", parents=[where], help="one version's numbers and evidence")
    shown.add_argument("version", nargs="?", help="the one in force if absent")
    shown.set_defaults(do=_show)
    wished = actions.add_parser("set", parents=[where], help="put numbers of your own in force")
    wished.add_argument("version", help="the name it is kept and shown under")
    wished.add_argument("setting", nargs="+", help="max_latency_ms=100, capacity.sfo=2, …")
    wished.add_argument("--why", required=True, help="what list and show tell of it")
    wished.set_defaults(do=_set)
    revert = actions.add_parser("revert", parents=[where], help="put a version in force again")
    revert.add_argument("version")
    revert.set_defaults(do=_revert)


def _list(arguments: argparse.Namespace) -> int:
    def show(table: _Table) -> None:
        versions = table.policies.versions()
        for one in versions:
            mark = "*" if one.policy.version == table.in_force.version else " "
            why = one.evidence.get("why", "")
            print(f"{mark} {one.written_at:%Y-%m-%d %H:%M}Z  {one.policy.version}  {why}")
        if not versions:
            print(f"no policy was ever written: {table.in_force.version}, the code's own, is used")

    return _on_table(arguments, show)


def _show(arguments: argparse.Namespace) -> int:
    def show(table: _Table) -> None:
        version = arguments.version or table.in_force.version
        kept = {one.policy.version: one for one in table.policies.versions()}
        if version not in kept and version != table.in_force.version:
            raise UnknownVersionError(f"{version} is none of {', '.join(kept) or 'no versions'}")
        one = kept.get(version)
        told = {
            "policy": asdict(one.policy if one else table.in_force),
            "in_force": version == table.in_force.version,
            "written_at": f"{one.written_at:%Y-%m-%dT%H:%M:%SZ}" if one else None,
            "evidence": one.evidence if one else {},
        }
        print(json.dumps(told, indent=1))

    return _on_table(arguments, show)


def _revert(arguments: argparse.Namespace) -> int:
    def go_back(table: _Table) -> None:
        table.policies.enforce(arguments.version)
        print(f"{arguments.version} is in force; routers see it within five minutes")

    return _on_table(arguments, go_back)


def _set(arguments: argparse.Namespace) -> int:
    def put_in_force(table: _Table) -> None:
        if arguments.version in {one.policy.version for one in table.policies.versions()}:
            raise CommandError(f"{arguments.version} is there already; versions are never changed")
        policy = changed(table.in_force, arguments.version, arguments.setting)
        now = utc_now()
        table.policies.write(table.in_force, {"why": "was in force"}, now)  # the way back
        table.policies.write(policy, {"why": arguments.why, "set": arguments.setting}, now)
        table.policies.enforce(policy.version)
        print(f"{policy.version} is in force; routers see it within five minutes")

    return _on_table(arguments, put_in_force)


def changed(policy: Policy, version: str, settings: Sequence[str]) -> Policy:
    """Return a policy with other numbers, each given as ``name=value`` or ``capacity.pop=value``.

    Raises
    ------
    CommandError
        For a name that no policy has, a POP that is not known, or a value out of its range.
    """
    kinds = {part.name: part.type for part in fields(Policy)}
    new: dict[str, Any] = {}
    capacity = dict(policy.capacity)
    for setting in settings:
        name, _, value = setting.partition("=")
        kind: Any = kinds.get(name)
        try:
            if name.removeprefix("capacity.") in pops() and name.startswith("capacity."):
                capacity[name.removeprefix("capacity.")] = float(value)
            elif name in {"version", "capacity"} or kind is None:
                raise CommandError(f"a policy has no {name}; see `greenstream policy show`")
            else:
                new[name] = kind(value)
        except ValueError as error:
            raise CommandError(f"{setting}: {error}") from error
    try:
        return replace(policy, version=version, capacity=capacity, **new)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _on_table(arguments: argparse.Namespace, do: Callable[[_Table], None]) -> int:
    if arguments.table:
        name = arguments.table
        try:
            client = dynamodb_client()
        except BotoCoreError as error:  # no Region, say
            raise CommandError(str(error)) from error
    else:
        stack = running_stack(arguments.state_dir)
        if stack is None:
            raise CommandError("no stack runs here; name a deployed table by --table")
        client, name = stack.client("dynamodb"), stack.table
    try:
        in_force = DynamoStore(client, name, clock=utc_now).snapshot().policy or Policy()
        do(_Table(DynamoPolicies(client, name), in_force))
    except (UnknownVersionError, StoreError) as error:
        raise CommandError(str(error)) from error
    return 0
