"""The options with which commands start a stack; their defaults come from the environment."""

import argparse
import os
from collections.abc import Callable
from typing import get_args

from infra.local.deploying import Auth, Upstream


def upstream() -> argparse.ArgumentParser:
    """Return a parent parser with ``--upstream``, for commands that need no stack."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--upstream",
        choices=get_args(Upstream),
        type=_one_of(get_args(Upstream)),
        default=os.environ.get("UPSTREAM", "simulated"),
        help="whether providers ask simulators or the real APIs (default: $UPSTREAM or simulated)",
    )
    return parser


def options() -> argparse.ArgumentParser:
    """Return a parent parser with ``--upstream`` and ``--auth``."""
    parser = argparse.ArgumentParser(add_help=False, parents=[upstream()])
    parser.add_argument(
        "--auth",
        choices=get_args(Auth),
        type=_one_of(get_args(Auth)),
        default=os.environ.get("AUTH", "none"),
        help="whether the router wants signed requests, as in the cloud (default: $AUTH or none)",
    )
    return parser


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """Return a parser of one choice.

    argparse checks a default value with the option's type, but not against its ``choices``.
    """

    def read(text: str) -> str:
        if text not in choices:
            listed = ", ".join(map(repr, choices))
            raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {listed})")
        return text

    return read
