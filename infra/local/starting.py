"""The options of what may bring a stack up; what is left out, the environment says."""

import argparse
import os
from collections.abc import Callable
from typing import get_args

from infra.local.stack import Auth, Upstream


def upstream() -> argparse.ArgumentParser:
    """Return a parent parser with ``--upstream`` alone, for what asks upstreams without a stack."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--upstream",
        choices=get_args(Upstream),
        type=_one_of(get_args(Upstream)),
        default=os.environ.get("UPSTREAM", "simulated"),
        help="whom the providers ask (UPSTREAM; simulated)",
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
        help="who may ask the router: all, or who signs, as in the cloud (AUTH; none)",
    )
    return parser


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """Return a reader of one choice: argparse holds a default to its type, not to ``choices``."""

    def read(text: str) -> str:
        if text not in choices:
            listed = ", ".join(map(repr, choices))
            raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {listed})")
        return text

    return read
