"""The port behind which an upstream API stands."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self

from greenstream.domain.clock import Clock
from greenstream.domain.errors import GreenStreamError
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ports.store import NoProfiles, Profiles
from greenstream.ports.telemetry import Telemetry


def _no_progress_marker() -> None:
    """Do nothing: the provider of the batch remembers no progress between runs."""


def _no_readings() -> Sequence[Reading]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch of readings: what a provider got for some of its zones.

    A provider yields as many batches as it likes.

    Parameters
    ----------
    readings, forecasts
        What is to be stored.
    errors
        Zones that failed, and values that were refused (`InvalidError`, counted by reason),
        without stopping the other zones.
    unconfigured
        Names of the zones whose secret is not set, or whose secret does not open them.
    skipped
        Names of the zones that rightly were not asked this time.
    acknowledge
        The consumer calls it once, after every reading and forecast of the batch has been stored
        and before it asks for the next batch; it never calls it when one of them could not be
        stored. A provider moves its progress marker here and nowhere else: that its generator was
        resumed does not say that anything was stored. It runs in the consumer's thread and must
        not raise.
    window
        Returns the readings of all intervals that were fetched for the batch's zones, of which
        ``readings`` are the ones to store. They are not stored. The consumer makes the first hour
        profile of them, and calls this only where the store has no reading of a source of the last
        six days or where ``window_is_a_week`` says so, at most once and before ``acknowledge``.
        Values that are refused are left out. It runs in the consumer's thread and must not raise.
    window_is_a_week
        Whether ``window`` holds a whole week in every run, as where an upstream publishes a file
        of the past. Then the consumer makes each profile of the window and none of the history,
        which has fewer days while a table is new.
    """

    readings: tuple[Reading, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    errors: tuple[GreenStreamError, ...] = ()
    unconfigured: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    acknowledge: Callable[[], None] = field(default=_no_progress_marker, compare=False, repr=False)
    window: Callable[[], Iterable[Reading]] = field(default=_no_readings, compare=False, repr=False)
    window_is_a_week: bool = False


Outcome = Reading | Forecast | GreenStreamError
"""What an answer comes to: something to store, or an error to report."""


def batch_of(outcomes: Iterable[Outcome]) -> Batch:
    """Return the batch of what some answers came to, each kind in its order."""
    readings: list[Reading] = []
    forecasts: list[Forecast] = []
    errors: list[GreenStreamError] = []
    for outcome in outcomes:
        if isinstance(outcome, Reading):
            readings.append(outcome)
        elif isinstance(outcome, Forecast):
            forecasts.append(outcome)
        else:
            errors.append(outcome)
    return Batch(readings=tuple(readings), forecasts=tuple(forecasts), errors=tuple(errors))


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
        """Ask the upstream, and yield each batch as soon as it is ready.

        The consumer acknowledges each batch that it has stored (see `Batch.acknowledge`).

        Raises
        ------
        GreenStreamError
            When the provider as a whole failed. What it yielded before stays valid.
        """
        ...


class HistoryReader(Protocol):
    """Reads what the store has of a source."""

    def __call__(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> Sequence[Reading]:
        """Return the readings with ``since < valid_to <= until``, oldest first.

        Raises
        ------
        greenstream.ports.store.StoreError
            When the store cannot be read.
        """
        ...


def no_history(
    zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
) -> Sequence[Reading]:
    """Return nothing: nothing is stored of any source."""
    del zone, provider, kind, since, until
    return ()


ProfilesReader = Callable[[Collection[int]], Profiles]
"""Reads the profiles of all sources, with the means of some UTC hours of day. It raises
`greenstream.ports.store.StoreError` when the store cannot be read."""


def no_profiles(hours: Collection[int]) -> Profiles:
    """Return the profiles of no zone."""
    del hours
    return NoProfiles()


def _no_secret(_name: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """What a provider is made from, given by a handler or by the command line.

    Parameters
    ----------
    environ
        The settings, by the name of their environment variable.
    clock
        Returns the present.
    telemetry
        Gets log lines.
    secret
        Returns a secret of the provider by its name, or ``None`` when it is not configured. It may
        raise `greenstream.ports.secrets.SecretsError`. By default no secret is configured.
    newest
        Returns the newest readings of every provider. By default there are none.
    history
        Reads what the store has of a source. By default it has nothing.
    profiles
        Reads the hour profiles of all sources. By default there are none.
    simulated
        Whether a simulator stands for the upstream.
    """

    environ: Mapping[str, str]
    clock: Clock
    telemetry: Telemetry
    secret: Callable[[str], str | None] = _no_secret
    newest: Callable[[], Sequence[Reading]] = _no_readings
    history: HistoryReader = no_history
    profiles: ProfilesReader = no_profiles
    simulated: bool = False


class ConfigurableProvider(Provider, Protocol):
    """A provider whose class can make one from its settings and secrets.

    The class is a dataclass, so that `dataclasses.replace` may give it fewer zones to read.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def wanted(self) -> Sequence[tuple[Zone, Source]]:
        """The zones that the provider reads, each with the source that is asked for it."""
        ...

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make a provider.

        Raises
        ------
        SettingsError
            When a setting is missing or cannot be understood; the message names it.
        """
        ...
