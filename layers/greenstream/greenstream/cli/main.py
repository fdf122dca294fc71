"""Finds the command that was asked for, runs it, and turns its end into an exit code."""

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from greenstream.cli import repository, signals
from greenstream.cli.errors import CommandError, UnusableError

INTERRUPTED: Final = 130
"""The exit code of a command that Ctrl-C has ended, as shells report it (128 + SIGINT)."""

NOBODY_READS: Final = 141
"""The exit code of a command whose output nobody reads any more (128 + SIGPIPE)."""

NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)
"""The errors of a write to a disk that is full, or whose quota is used up."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the module whose ``add_to`` defines its options."""

    module: str
    summary: str

    @property
    def needs_repository(self) -> bool:
        """Whether the command works only where the project's repository is."""
        return self.module.startswith("infra.")


GROUPS: Final[Mapping[str, Mapping[str, Command]]] = {
    "a deployed router, with your AWS credentials, or the local stack": {
        "route": Command(
            "greenstream.cli.route",
            "Ask which place should serve a request; without a router, by yearly means.",
        ),
        "window": Command(
            "greenstream.cli.window",
            "Say when a job should run, and wait until then (--wait); without a router, at once.",
        ),
        "zones": Command(
            "greenstream.cli.zones",
            "List the carbon of every zone, or show all that is known of one.",
        ),
        "mcp": Command(
            "greenstream.cli.mcp_server",
            "Answer route, window and zones as tools of the Model Context Protocol, over stdio.",
        ),
        "policy": Command(
            "greenstream.cli.policy",
            "List the routing policies, show or set one, or go back to an earlier one.",
        ),
        "report": Command(
            "greenstream.cli.report",
            "Compare the carbon of the last days' decisions with choices that need no router.",
        ),
    },
    "the local stack (needs the repository)": {
        "run": Command(
            "infra.local.commands",
            "Start the stack, or join the running one, and show it live until Ctrl-C.",
        ),
        "up": Command(
            "infra.local.commands",
            "Start the stack in the background, or deploy the present code to the running one.",
        ),
        "down": Command("infra.local.commands", "Stop everything that `up` has started."),
        "status": Command("infra.local.commands", "Show what the router answers now."),
        "invoke": Command("infra.local.commands", "Run one function of the stack once."),
    },
    "the providers (needs the repository)": {
        "providers": Command(
            "infra.local.providers_cli",
            "Ask every provider once without AWS, and show what it answered.",
        ),
        "read": Command(
            "infra.reading.command",
            "Run a provider's real code on files, and show what it stores and refuses.",
        ),
    },
    "recorded years of carbon intensity (needs the repository)": {
        "replay": Command(
            "infra.local.replay_cli",
            "Compute how much carbon each policy would have saved over the test years.",
        ),
        "tune": Command(
            "infra.local.replay_cli",
            "Search for a policy that saves more than the default one.",
        ),
        "worlds": Command(
            "infra.worlds.command",
            "Compare each policy with fixed choices in many worlds, under many delays.",
        ),
        "validate": Command(
            "infra.validation.command",
            "Compare the product's figures with those of operators and other readers.",
        ),
    },
    "build, deployment and cost (needs the repository)": {
        "doctor": Command(
            "infra.ops.doctor",
            "Check credentials, Region, quotas, provider keys and tools before a deployment.",
        ),
        "coverage": Command(
            "infra.ops.coverage",
            "Count the places with a live feed and on a yearly mean, with and without keys.",
        ),
        "size": Command(
            "infra.ops.size", "Compare the size of each built function with Lambda's limit."
        ),
        "cost": Command("infra.ops.cost", "Print what a month costs, computed from the template."),
    },
}
"""Every command by its name, in the groups of the help."""

COMMANDS: Final = {name: command for group in GROUPS.values() for name, command in group.items()}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the command line names.

    Parameters
    ----------
    words
        The command line without the program's name; that of this process if absent.

    Returns
    -------
    int
        The exit code: 0 after success, 2 for a command line that cannot be used.
    """
    signals.end_on_signals()
    if not (sys.argv[1:] if words is None else words):
        _outer_parser().print_help(sys.stderr)
        return UnusableError.exit_code
    try:
        arguments = _arguments(words)
        return int(arguments.do(arguments))
    except CommandError as error:
        print(f"\ngreenstream: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # for example the reader of `greenstream status | head` has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush
        return NOBODY_READS
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        where = f": {error.filename}" if error.filename else ""
        print(f"\ngreenstream: the disk is full{where}; free some space first", file=sys.stderr)
        return 1


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line with the options of the command that it names, and of no other."""
    first = _outer_parser().parse_args(words)
    parser = argparse.ArgumentParser(prog="greenstream")
    commands = parser.add_subparsers()
    _module(first.command).add_to(commands)
    commands.choices[first.command].description = COMMANDS[first.command].summary
    state = argparse.Namespace(state_dir=first.state_dir)
    return parser.parse_args([first.command, *first.words], state)


def _outer_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greenstream",
        usage="greenstream [-h] [--state-dir DIR] command ...",
        description="Send each web request to the point of presence whose electricity is cleanest.",
        epilog=_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=repository.STATE_DIR,
        metavar="DIR",
        help="the folder of the local stack's records (default: .local in the repository)",
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help=argparse.SUPPRESS)
    return parser


def _listing() -> str:
    """Lay out the commands in their groups, for the help."""
    width = max(map(len, COMMANDS))
    groups = (
        "\n".join(
            [
                f"{title}:",
                *(f"  {name.ljust(width)}  {command.summary}" for name, command in group.items()),
            ]
        )
        for title, group in GROUPS.items()
    )
    return "\n\n".join([*groups, "`greenstream COMMAND --help` explains one command."])


def _module(name: str) -> ModuleType:
    command = COMMANDS[name]
    if command.needs_repository and repository.ROOT is None:
        raise UnusableError(
            f"`greenstream {name}` needs the project's repository: clone it, run `make tools` "
            f"there, and then `.venv/bin/greenstream {name}`"
        )
    return importlib.import_module(command.module)


if __name__ == "__main__":
    sys.exit(main())
