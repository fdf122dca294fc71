"""``greenstream policy``: the policies there were, and the way back to any of them."""

import argparse
import json
from collections.abc import Callable

from greenstream.dynamodb import dynamodb_client
from greenstream.policies import DynamoPolicies, UnknownVersionError
from greenstream.store import StoreError
from infra.local.processes import StackError
from infra.local.stack import LocalStack


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--table",
        metavar="NAME",
        help="a deployed table, by your AWS credentials; the local stack's if absent",
    )
    policy = commands.add_parser("policy", help="list the policies there were, or go back to one")
    actions = policy.add_subparsers(required=True, metavar="action")
    listed = actions.add_parser("list", parents=[where], help="every version with its evidence")
    listed.add_argument("--json", action="store_true", help="evidence in full")
    listed.set_defaults(do=_list)
    revert = actions.add_parser("revert", parents=[where], help="put a version in force again")
    revert.add_argument("version")
    revert.set_defaults(do=_revert)


def _list(arguments: argparse.Namespace) -> int:
    def show(policies: DynamoPolicies) -> None:
        for one in policies.versions():
            why = json.dumps(one.evidence) if arguments.json else one.evidence.get("why", "")
            print(f"{one.written_at:%Y-%m-%d %H:%M}Z  {one.policy.version}  {why}")

    return _on_table(arguments, show)


def _revert(arguments: argparse.Namespace) -> int:
    def go_back(policies: DynamoPolicies) -> None:
        policies.enforce(arguments.version)
        print(f"{arguments.version} is in force; routers see it within five minutes")

    return _on_table(arguments, go_back)


def _on_table(arguments: argparse.Namespace, do: Callable[[DynamoPolicies], None]) -> int:
    if arguments.table:
        policies = DynamoPolicies(dynamodb_client(), arguments.table)
    else:
        stack = LocalStack(arguments.state_dir).running()
        if stack is None:
            raise StackError("no stack runs here; name a deployed table by --table")
        policies = DynamoPolicies(stack.client("dynamodb"), stack.table)
    try:
        do(policies)
    except (UnknownVersionError, StoreError) as error:
        raise StackError(str(error)) from error
    return 0
