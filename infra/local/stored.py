"""Shows which readings a run of a collector has stored."""

from collections.abc import Iterable
from datetime import datetime

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.reading import Reading
from infra.local.stack import Stack
from infra.local.view import table


def stored_since(stack: Stack, provider: str, began: datetime) -> list[str]:
    """Return a table of a provider's newest readings that were fetched since a time."""
    store = DynamoStore(stack.dynamodb(), stack.table, clock=utc_now)
    return laid_out(store.snapshot().readings, provider, began)


def laid_out(readings: Iterable[Reading], provider: str, began: datetime) -> list[str]:
    """Return the readings of one provider that were fetched since a time, as lines of a table.

    Other providers' readings may be new as well, because schedules run at the same time.
    """
    fresh = [r for r in readings if r.provider == provider and r.fetched_at >= began]
    if not fresh:
        return ["the run stored no newer reading"]
    return table(
        [
            ["zone", "g/kWh", "kind", "provider", "valid from", "valid to"],
            *(
                [r.zone, f"{r.gco2_kwh:.1f}", str(r.kind), r.provider, *_times(r)]
                for r in sorted(fresh, key=lambda r: (r.zone, r.kind))
            ),
        ]
    )


def _times(reading: Reading) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%MZ}" for moment in (reading.valid_from, reading.valid_to)]
