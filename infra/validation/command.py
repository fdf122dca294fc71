"""``greenstream validate``: the product's figures beside those of operators and other readers."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.documents import ReportError, write_between_markers
from infra.local.replay_cli import DATASETS, UNUSABLE
from infra.validation.row import Material, Row, Verdict

PEERS = Path(".local/peers")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    validate = commands.add_parser(
        "validate", epilog="infra/docs/VALIDATION.md has the verdicts and what threatens them."
    )
    shared = DATASETS.parent
    for name, default, what in (
        ("recordings", shared / "recordings", "real answers of providers, a folder for each"),
        ("datasets", DATASETS, "hourly traces (carbon) and tables of places (places)"),
        ("peers", PEERS, "the packages of infra/validation/peers.txt, as `make validate` installs"),
    ):
        validate.add_argument(
            f"--{name}", type=Path, default=default, metavar="DIR", help=f"folder of {what}"
        )
    validate.add_argument(
        "--report", type=Path, metavar="FILE", help="write the verdicts between the markers there"
    )
    validate.set_defaults(do=_validate)


def _validate(arguments: argparse.Namespace) -> int:
    from infra.validation.report import MARKERS, as_markdown, as_text  # noqa: PLC0415

    rows: list[Row] = []
    for row in rows_of(Material(arguments.recordings, arguments.datasets, arguments.peers)):
        print(f"{row.verdict}: {row.question}, {row.against}", file=sys.stderr, flush=True)
        rows.append(row)
    try:
        if arguments.report:
            write_between_markers(arguments.report, MARKERS, as_markdown(rows))
    except (ReportError, OSError) as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return UNUSABLE
    print(as_text(rows))
    return int(any(row.verdict is Verdict.MISSED for row in rows))


def rows_of(material: Material) -> Iterator[Row]:
    """Yield every row, in the order of the report."""
    from infra.validation import ages, eia, factors, grids, means, mixes, tables  # noqa: PLC0415

    for question in (grids, mixes, factors, eia, ages, means, tables):
        yield from question.rows(material)
