"""What a collector's run left in the table."""

from collections.abc import Iterable
from datetime import datetime

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.reading import Reading
from infra.local.stack import Stack
from infra.local.view import table


def stored_since(stack: Stack, provider: str, began: datetime) -> list[str]:
    """Lay out the provider's readings that were fetched since a moment and are now the newest."""
    store = DynamoStore(stack.client("dynamodb"), stack.table, clock=utc_now)
    return laid_out(store.snapshot().readings, provider, began)


def laid_out(readings: Iterable[Reading], provider: str, began: datetime) -> list[str]:
    """Lay out those of the provider that were fetched since a moment: schedules fire meanwhile."""
    fresh = [r for r in readings if r.provider == provider and r.fetched_at >= began]
    if not fresh:
        return ["no reading is newer than before"]
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
