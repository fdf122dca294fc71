"""The commands that start, watch and stop the stack on this machine."""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from infra.local import starting, view
from infra.local.collecting import Following
from infra.local.processes import StackError
from infra.local.stack import LocalStack, Stack
from infra.registry import COLLECTING, FUNCTIONS

if TYPE_CHECKING:
    from infra.local.worker import LocalWorker

REFRESH_S = 3.0
PLAIN_REFRESH_S = 10.0
CLEAR_SCREEN = "\033[H\033[2J"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the commands."""
    starts = starting.options()
    up = commands.add_parser("up", parents=[starts])
    up.set_defaults(do=_up)
    run = commands.add_parser("run", parents=[starts])
    run.set_defaults(do=_run)
    invoke = commands.add_parser("invoke", parents=[starts])
    invoke.add_argument("function", choices=FUNCTIONS)
    invoke.set_defaults(do=_invoke)
    commands.add_parser("status").set_defaults(do=_status)
    commands.add_parser("down").set_defaults(do=_down)


def _up(arguments: argparse.Namespace) -> int:
    local = LocalStack(arguments.state_dir)
    stack = local.up(upstream=arguments.upstream, auth=arguments.auth)
    print(f"\n{stack.upstream} upstreams; router {stack.router_url}/v1/route")
    print(f"status page {stack.page_url}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    local = LocalStack(arguments.state_dir)
    # Imported here because it needs the whole shared package, and `down` must work without it.
    from infra.local.worker import LocalWorker  # noqa: PLC0415

    try:
        with local.joined(upstream=arguments.upstream, auth=arguments.auth) as (stack, started):
            worker = LocalWorker(arguments.state_dir)
            following = Following(stack) if started else None
            beside = _started(worker, stack) if started else partial(_joined, worker)
            _watch(local, stack, beside, following)
    except KeyboardInterrupt:
        return 0  # Ctrl-C is how the command is meant to end


def _joined(worker: "LocalWorker") -> str:
    """Return lines that say what a command joins, which it does not stop."""
    url = worker.url()
    beside = f"its Worker {url}/" if url else "no Worker runs beside it (`make worker` starts one)"
    return (
        f"this stack ran here already; {beside}\n"
        "Ctrl-C leaves it running; `make up` deploys changed code to it, `make down` stops it"
    )


def _started(worker: "LocalWorker", stack: Stack) -> Callable[[], str]:
    """Start the Worker if its tools are installed; the result says at any time whether it runs."""
    if not worker.has_tools:
        missing = (
            "the Worker is not started: Node is not installed here (`make worker` installs it)"
        )
        return lambda: missing
    try:
        worker.start(stack)
    except StackError as error:
        failed = f"the Worker is not started: {error}"
        return lambda: failed
    return partial(_running, worker)


def _running(worker: "LocalWorker") -> str:
    url = worker.url()
    return f"Worker {url}/" if url else f"the Worker has ended; see the logs in {worker.state_dir}"


def _watch(
    local: LocalStack, stack: Stack, worker: Callable[[], str], following: Following | None
) -> NoReturn:
    live = sys.stdout.isatty()
    while local.running() is not None:
        try:
            missing = following.lines() if following else []
            shown = "\n".join([_page(stack), "", *missing, worker()])
        except StackError as error:
            shown = str(error)
        print(f"{CLEAR_SCREEN if live else ''}{shown}\n", flush=True)
        time.sleep(REFRESH_S if live else PLAIN_REFRESH_S)
    ended = ", ".join(child.name for child in local.children.all() if not child.alive())
    what = f"the stack has ended unexpectedly ({ended or 'it was stopped elsewhere'})"
    raise StackError(f"{what}; see the logs in {local.state_dir}")


def _page(stack: Stack) -> str:
    """Return the page, cut to the terminal's size where it is written to a terminal."""
    if not sys.stdout.isatty():
        return view.page(stack)
    size = shutil.get_terminal_size()
    return view.page(stack, size.lines, size.columns)


def _invoke(arguments: argparse.Namespace) -> int:
    local = LocalStack(arguments.state_dir)
    stack = local.running()
    if stack is None:
        print("no stack runs here, so one is started (`greenstream down` stops it)")
        stack = local.up(upstream=arguments.upstream, auth=arguments.auth)
    if arguments.function == "router":  # the router is asked over HTTP, as its clients ask it
        print(json.dumps(stack.get(view.ROUTE), indent=2))
        return 0
    began = datetime.now(UTC)
    print(json.dumps(stack.invoke(arguments.function), indent=2))
    for provider in COLLECTING.get(arguments.function, ()):
        # Imported here because it needs the whole shared package, and `down` must work without it.
        from infra.local.stored import stored_since  # noqa: PLC0415

        print("\n".join(stored_since(stack, provider, began)))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    stack = LocalStack(arguments.state_dir).running()
    if stack is None:
        print("no stack runs here: start one with `make up` or `make run`")
        return 1
    print(_page(stack))
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = LocalStack(arguments.state_dir).down()
    print(f"stopped {', '.join(stopped)}" if stopped else "no process was running")
    return 0
