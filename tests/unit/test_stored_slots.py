"""What a provider remembers of the intervals that are stored."""

from datetime import timedelta

from greenstream.ingest.stored_slots import ZoneSlots
from tests.builders import AVERAGE_DIRECT, NOW, a_reading


def test_a_slot_is_remembered_as_long_as_the_window_reaches_back_and_then_forgotten() -> None:
    slots = ZoneSlots([AVERAGE_DIRECT], timedelta(hours=2), [])
    readings = [
        a_reading(valid_to=NOW + timedelta(minutes=minutes)) for minutes in range(0, 601, 5)
    ]

    for reading in readings:
        slots.remember({reading.valid_to: None}, [reading], reading.valid_to)

    remembered = [reading for reading in readings if not slots.lacks(reading)]
    assert remembered == readings[-24:]
