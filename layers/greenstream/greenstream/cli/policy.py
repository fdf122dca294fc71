"""``greenstream policy``: list the stored policies, show one, set one, or return to one."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from time import sleep
from typing import Any, Final

from botocore.exceptions import BotoCoreError

from greenstream.api.snapshot_cache import TIME_TO_LIVE
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.cli.errors import CommandError
from greenstream.cli.progress import progress
from greenstream.cli.repository import running_stack
from greenstream.domain.clock import utc_now
from greenstream.domain.places import places
from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import UnknownVersionError
from greenstream.ports.store import StoreError

ROUTERS_READ_S: Final = TIME_TO_LIVE.total_seconds() + 1.0
"""How long it takes until every router has read the table since, in seconds.

A router reads it once in `TIME_TO_LIVE`, and for one second DynamoDB may answer with what was
stored before. A router that does not reach the table goes on by what it remembers.
"""


@dataclass(frozen=True, slots=True)
class _Table:
    """The stored policies of a table, and the one by which its router decides now."""

    policies: DynamoPolicies
    in_force: Policy


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--table",
        metavar="NAME",
        help="the deployed table, asked with your AWS credentials (default: the local stack's)",
    )
    now = argparse.ArgumentParser(add_help=False)
    now.add_argument(
        "--now",
        action="store_true",
        help=f"return only when every router uses it, after {ROUTERS_READ_S:.0f} s",
    )
    policy = commands.add_parser("policy")
    actions = policy.add_subparsers(required=True, metavar="action")
    listing = actions.add_parser(
        "list", parents=[where], help="list every version with the reason why it was stored"
    )
    listing.set_defaults(do=_list)
    show = actions.add_parser(
        "show", parents=[where], help="print the numbers and the evidence of one version"
    )
    show.add_argument("version", nargs="?", help="default: the version in force")
    show.set_defaults(do=_show)
    setting = actions.add_parser(
        "set", parents=[where, now], help="store a version with other numbers and put it in force"
    )
    setting.add_argument("version", help="the name of the new version")
    setting.add_argument("setting", nargs="+", help="max_latency_ms=100, capacity.sfo=2, …")
    setting.add_argument(
        "--why", required=True, help="the reason, which `list` and `show` will print"
    )
    setting.set_defaults(do=_set)
    revert = actions.add_parser(
        "revert", parents=[where, now], help="put a stored version in force again"
    )
    revert.add_argument("version")
    revert.set_defaults(do=_revert)


def _list(arguments: argparse.Namespace) -> int:
    def show(table: _Table) -> list[str]:
        in_force = table.in_force.version
        return [
            f"{'*' if stored.policy.version == in_force else ' '} "
            f"{stored.written_at:%Y-%m-%d %H:%M}Z  {stored.policy.version}  "
            f"{stored.evidence.get('why', '')}"
            for stored in table.policies.versions()
        ] or [f"no policy is stored: the router uses the code's own, {in_force}"]

    return _on_table(arguments, show)


def _show(arguments: argparse.Namespace) -> int:
    def show(table: _Table) -> list[str]:
        version = arguments.version or table.in_force.version
        by_version = {stored.policy.version: stored for stored in table.policies.versions()}
        stored = by_version.get(version)
        if stored is None and version != table.in_force.version:
            names = ", ".join(by_version) or "none"
            raise UnknownVersionError(f"there is no version {version}; stored are: {names}")
        shown = {
            "policy": asdict(stored.policy if stored else table.in_force),
            "in_force": version == table.in_force.version,
            "written_at": f"{stored.written_at:%Y-%m-%dT%H:%M:%SZ}" if stored else None,
            "evidence": stored.evidence if stored else {},
        }
        return [json.dumps(shown, indent=1)]

    return _on_table(arguments, show)


def _revert(arguments: argparse.Namespace) -> int:
    def go_back(table: _Table) -> list[str]:
        table.policies.enforce(arguments.version)
        return [arguments.version]

    return _reach_routers(arguments, go_back)


def _set(arguments: argparse.Namespace) -> int:
    def put_in_force(table: _Table) -> list[str]:
        if arguments.version in {stored.policy.version for stored in table.policies.versions()}:
            raise CommandError(f"{arguments.version} exists already, and a version never changes")
        policy = changed(table.in_force, arguments.version, arguments.setting)
        now = utc_now()
        table.policies.write(table.in_force, {"why": "was in force"}, now)  # to revert to
        table.policies.write(policy, {"why": arguments.why, "set": arguments.setting}, now)
        table.policies.enforce(policy.version)
        return [policy.version]

    return _reach_routers(arguments, put_in_force)


def _reach_routers(
    arguments: argparse.Namespace, enforce: Callable[[_Table], Sequence[str]]
) -> int:
    """Put a version in force, and with ``--now`` return after every router has read it."""

    def reach(table: _Table) -> list[str]:
        [version] = enforce(table)
        if not arguments.now:
            return [f"{version} is in force; every router uses it within {ROUTERS_READ_S:.0f} s"]
        sleep(ROUTERS_READ_S)
        return [f"{version} is in force, and every router that reaches the table uses it now"]

    return _on_table(arguments, reach)


def changed(policy: Policy, version: str, settings: Sequence[str]) -> Policy:
    """Return a copy of a policy with some numbers changed.

    Parameters
    ----------
    policy
        The policy from which every number is taken that no setting changes.
    version
        The version of the copy.
    settings
        ``name=value`` for a field of `Policy`, in the field's unit, or ``capacity.<pop>=value``.

    Raises
    ------
    CommandError
        When a policy has no such field, a POP is unknown, or a value is out of its range.
    """
    kinds = {part.name: part.type for part in fields(Policy)}
    new: dict[str, Any] = {}
    capacity = dict(policy.capacity)
    for setting in settings:
        name, _, value = setting.partition("=")
        kind: Any = kinds.get(name)
        try:
            if name.removeprefix("capacity.") in places() and name.startswith("capacity."):
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


def _on_table(arguments: argparse.Namespace, do: Callable[[_Table], Sequence[str]]) -> int:
    """Do something with the stored policies, and print the lines that it returns."""
    if arguments.table:
        name = arguments.table
        try:
            client = dynamodb_client()
        except BotoCoreError as error:  # for example no Region is set
            raise CommandError(str(error)) from error
    else:
        stack = running_stack(arguments.state_dir)
        if stack is None:
            raise CommandError("no local stack runs here: name a deployed table with --table")
        client, name = stack.dynamodb(), stack.table
    try:
        with progress(f"asking the table {name}"):
            in_force = DynamoStore(client, name, clock=utc_now).snapshot().policy or Policy()
            answer = do(_Table(DynamoPolicies(client, name), in_force))
    except (UnknownVersionError, StoreError) as error:
        raise CommandError(str(error)) from error
    print("\n".join(answer))
    return 0
