"""The function that collects the national feeds that need no key."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from functions.national.provider import National, chosen
from greenstream.aws.environment import CollectorEnvironment
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import CollectionFailedError, Run, collect
from greenstream.ports.settings import required

NAME: Final = "national"
ENVIRONMENT: Final = CollectorEnvironment.of(NAME)
PROVIDERS: Final = tuple(
    provider.from_config(ENVIRONMENT.config)
    for provider in chosen(required("NATIONAL_FEEDS", os.environ))
)


def _collected(provider: National) -> Run | CollectionFailedError:
    """Run a feed; that it brought nothing stops no other feed."""
    try:
        return collect(provider, ENVIRONMENT.store, clock=utc_now, telemetry=ENVIRONMENT.telemetry)
    except CollectionFailedError as failure:
        return failure


@ENVIRONMENT.telemetry.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run all feeds at once, each for itself. The event is ignored.

    Raises
    ------
    CollectionFailedError
        When no feed brought anything. Where only some failed, their status says so, and Lambda does
        not repeat the others.
    """
    with ThreadPoolExecutor(len(PROVIDERS)) as pool:
        runs = list(pool.map(_collected, PROVIDERS))
    failures = [run for run in runs if isinstance(run, CollectionFailedError)]
    if len(failures) == len(runs):
        raise failures[0]
    return {
        provider.name: {"state": "failed", "error": str(run)}
        if isinstance(run, CollectionFailedError)
        else run.as_dict()
        for provider, run in zip(PROVIDERS, runs, strict=True)
    }
