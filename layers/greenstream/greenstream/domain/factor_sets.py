"""Factor sets: which table of emission factors made a figure.

Figures of two factor sets differ even where the mix is the same, so each figure names its set.
"""

from collections.abc import Mapping
from typing import Final

GREENSTREAM: Final = "greenstream"
"""The factors of this package (``data/factors.json``)."""

NESO: Final = "neso"
"""The factors that NESO publishes with its Carbon Intensity API."""

ELECTRICITYMAPS: Final = "electricitymaps"
"""The factors that Electricity Maps publishes for its zones."""

WATTTIME: Final = "watttime"
"""The marginal emission rates of WattTime's models."""

EIA: Final = "eia"
"""The factors with which US EIA makes the intensities of its form 930."""

_OF_PROVIDER: Final[Mapping[str, str]] = {
    "eso": NESO,
    "electricitymaps": ELECTRICITYMAPS,
    "watttime": WATTTIME,
}
"""The providers whose stored figures have another factor set where they do not name it.

A row never changes, since it would change what is stored. New providers need none.
"""


def usual_factor_set(provider: str) -> str:
    """Return the factor set of a provider's stored figures that do not name their set.

    A stored figure names its set only where it is another one.
    """
    return _OF_PROVIDER.get(provider, GREENSTREAM)
