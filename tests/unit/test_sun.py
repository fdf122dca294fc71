"""The sun's height has known values at solstice, at equinox, at the poles and at midnight sun."""

from datetime import UTC, datetime

import pytest

from greenstream.domain.sun import elevation_deg

SUMMER, WINTER, EQUINOX = (6, 21), (12, 21), (3, 20)


@pytest.mark.parametrize(
    ("place", "day", "time", "expected_deg"),
    [
        pytest.param((52.5, 13.4), SUMMER, (11, 8), 60.9, id="Berlin, noon of midsummer"),
        pytest.param((52.5, 13.4), SUMMER, (23, 8), -14.1, id="Berlin, midnight of midsummer"),
        pytest.param((52.5, 13.4), WINTER, (11, 5), 14.1, id="Berlin, noon of midwinter"),
        pytest.param((40.7, -74.0), EQUINOX, (17, 4), 49.3, id="New York, noon of the equinox"),
        pytest.param((69.6, 18.9), SUMMER, (22, 47), 3.0, id="Tromsø, the midnight sun"),
        pytest.param((0.0, 0.0), EQUINOX, (12, 7), 89.9, id="the equator, overhead"),
    ],
)
def test_the_sun_stands_where_almanacs_have_it(
    place: tuple[float, float], day: tuple[int, int], time: tuple[int, int], expected_deg: float
) -> None:
    at = datetime(2026, *day, *time, tzinfo=UTC)

    assert elevation_deg(*place, at) == pytest.approx(expected_deg, abs=0.2)
