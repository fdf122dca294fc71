"""The Prometheus text exposition format, version 0.0.4.

The format is described at https://prometheus.io/docs/instrumenting/exposition_formats/. The tests
read what this module writes with the parser of the official library, which the router does not
ship: it would lengthen each cold start for the sake of a page that few ask for.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_LABEL_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_HELP_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})


class Sample(NamedTuple):
    """A value with its labels. A value that is not known (``None``) gets no line."""

    labels: Mapping[str, str]
    value: float | None


class Gauge(NamedTuple):
    """A family of gauges: its name, its help in a sentence, and its samples."""

    name: str
    about: str
    samples: Iterable[Sample]


def text(families: Iterable[Gauge]) -> str:
    """Return the families as text. A family without a sample is left out.

    Raises
    ------
    ValueError
        When a value is infinite or not a number, which would hide that it is missing.
    """
    return "".join(line for family in families for line in _lines(family))


def _lines(family: Gauge) -> Iterator[str]:
    lines = [
        _line(family.name, labels, value) for labels, value in family.samples if value is not None
    ]
    if lines:
        yield f"# HELP {family.name} {family.about.translate(_HELP_ESCAPES)}\n"
        yield f"# TYPE {family.name} gauge\n"
        yield from lines


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{name} of {dict(labels)} is {value}")
    listed = ",".join(
        f'{label}="{said.translate(_LABEL_ESCAPES)}"' for label, said in labels.items()
    )
    return f"{name}{{{listed}}} {value}\n" if listed else f"{name} {value}\n"
