"""The port behind which an upstream API stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from greenstream.domain.errors import GreenStreamError
from greenstream.domain.reading import Forecast, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a provider got for some of its zones; a provider yields as many as it likes.

    ``errors`` are zones that failed and values that were refused (`InvalidError`, counted by
    reason) without stopping the others; ``unconfigured`` are zones whose secret is not set, or
    whose secret does not open them; ``skipped`` are zones that were rightly not asked now.
    """

    readings: tuple[Reading, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    errors: tuple[GreenStreamError, ...] = ()
    unconfigured: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class Provider(Protocol):
    """An upstream API, as the pipeline sees it."""

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether a simulator stands for the upstream, whatever a run brings."""
        ...

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Ask the upstream; yield what is ready as soon as it is, zone by zone.

        Raises
        ------
        GreenStreamError
            When the provider as a whole failed; what was yielded before stays.
        """
        ...
