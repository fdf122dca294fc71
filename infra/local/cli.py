"""The console command ``greenstream``: the stack on this machine, and what was built."""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from infra.local import policy_cli, replay_cli, report_cli, starting, view
from infra.local.processes import StackError
from infra.local.stack import COLLECTORS, FUNCTIONS, ROOT, LocalStack, Stack
from infra.ops.cost import markdown
from infra.ops.size import built_sizes

if TYPE_CHECKING:
    from infra.local.worker import LocalWorker

REFRESH_S = 3.0
PLAIN_REFRESH_S = 10.0
CLEAR_SCREEN = "\033[H\033[2J"


def main() -> int:
    """Read the command line, do it, and return the exit code."""
    arguments = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell had SIGINT ignored
        signal.signal(number, _interrupt)
    try:
        return int(arguments.do(arguments))
    except StackError as error:
        print(f"\ngreenstream: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `greenstream status | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush
        return 141


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="greenstream", description=__doc__)
    parser.add_argument(
        "--state-dir", type=Path, default=ROOT / ".local", help="where a stack's records are kept"
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    starts = starting.options()
    up = commands.add_parser("up", parents=[starts], help="bring the stack up, or deploy again")
    up.set_defaults(do=_up)
    run = commands.add_parser("run", parents=[starts], help="bring it up, watch it, Ctrl-C ends it")
    run.set_defaults(do=_run)
    invoke = commands.add_parser("invoke", parents=[starts], help="run one function once")
    invoke.add_argument("function", choices=FUNCTIONS)
    invoke.set_defaults(do=_invoke)
    asks = [starting.upstream()]
    check = commands.add_parser("providers", parents=asks, help="ask every provider once")
    check.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    check.set_defaults(do=_providers)
    commands.add_parser("status", help="show what the router says now").set_defaults(do=_status)
    commands.add_parser("down", help="stop what up started").set_defaults(do=_down)
    size = commands.add_parser("size", help="measure built functions against Lambda's limit")
    size.add_argument("build_dir", type=Path, nargs="?", default=ROOT / ".aws-sam/build")
    size.set_defaults(do=_size)
    cost = commands.add_parser("cost", help="print what a month costs, from the template")
    cost.set_defaults(do=_cost)
    policy_cli.add_to(commands)
    replay_cli.add_to(commands)
    report_cli.add_to(commands)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    local = LocalStack(arguments.state_dir)
    stack = local.up(upstream=arguments.upstream, auth=arguments.auth)
    print(f"\n{stack.upstream} upstreams; router {stack.router_url}/v1/route")
    print(f"status page {stack.page_url}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    local = LocalStack(arguments.state_dir)
    was_running = local.running() is not None
    stack = local.up(upstream=arguments.upstream, auth=arguments.auth)
    # Not at the top: it needs the shared package, and `down` must work whatever state that is in.
    from infra.local.worker import LocalWorker  # noqa: PLC0415

    worker = LocalWorker(arguments.state_dir)
    try:
        _watch(local, stack, _worker(worker, stack))
    except KeyboardInterrupt:
        return 0  # the way it is meant to end
    finally:
        print("\nstopping…", flush=True)
        stopped = worker.stop()
        if not was_running:
            stopped += local.down()
        print(f"stopped {', '.join(stopped)}")


def _worker(worker: "LocalWorker", stack: Stack) -> str:
    """Start the Worker where its tools are set up, and say in a line what came of it."""
    if not worker.has_tools:
        return "worker not started: Node is not set up here (`make worker` brings it)"
    try:
        return f"worker {worker.start(stack)}/"
    except StackError as error:
        return f"worker not started: {error}"


def _watch(local: LocalStack, stack: Stack, worker: str) -> NoReturn:
    live = sys.stdout.isatty()
    while local.running() is not None:
        try:
            rows = shutil.get_terminal_size().lines if live else None
            shown = f"{view.page(stack, rows)}\n\n{worker}"
        except StackError as error:
            shown = str(error)
        print(f"{CLEAR_SCREEN if live else ''}{shown}\n", flush=True)
        time.sleep(REFRESH_S if live else PLAIN_REFRESH_S)
    raise StackError(f"the stack has ended by itself; see the logs in {local.state_dir}")


def _invoke(arguments: argparse.Namespace) -> int:
    local = LocalStack(arguments.state_dir)
    stack = local.running()
    if stack is None:
        print("no stack runs here yet: starting one (`greenstream down` stops it)")
        stack = local.up(upstream=arguments.upstream, auth=arguments.auth)
    if arguments.function == "router":  # it answers HTTP, so it is asked over HTTP
        print(json.dumps(stack.get(view.ROUTE), indent=2))
        return 0
    began = datetime.now(UTC)
    print(json.dumps(stack.invoke(arguments.function), indent=2))
    if arguments.function in COLLECTORS:
        # Not at the top: `down` must work whatever state the shared package is in.
        from infra.local.stored import stored_since  # noqa: PLC0415

        print("\n".join(stored_since(stack, arguments.function, began)))
    return 0


def _providers(arguments: argparse.Namespace) -> int:
    from infra.local.providers_cli import run  # noqa: PLC0415 - as for stored_since

    return run(arguments)


def _status(arguments: argparse.Namespace) -> int:
    stack = LocalStack(arguments.state_dir).running()
    if stack is None:
        print("nothing runs here; start it with `make up` or `make run`")
        return 1
    print(view.page(stack))
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = LocalStack(arguments.state_dir).down()
    print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _cost(_arguments: argparse.Namespace) -> int:
    print(markdown())
    return 0


def _size(arguments: argparse.Namespace) -> int:
    try:
        sizes = built_sizes(arguments.build_dir)
    except (FileNotFoundError, NotADirectoryError) as error:
        nothing = f"nothing is built in {arguments.build_dir}: `make build` does it"
        raise StackError(nothing) from error
    print("\n".join(map(str, sizes)))
    return int(any(size.margin_bytes < 0 for size in sizes))


if __name__ == "__main__":
    sys.exit(main())
