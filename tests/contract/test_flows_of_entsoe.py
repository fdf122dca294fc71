"""Flow tracing over the mixes that ENTSO-E's collector really makes of the simulated platform."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from functions.entsoe.provider import Entsoe
from functions.flows.document import HOUR
from functions.flows.provider import FlowTracing
from greenstream.domain.borders import borders, outer_means_gco2_kwh
from greenstream.domain.reading import Basis, Kind, Reading
from greenstream.domain.zones import zones_of
from infra.local.upstream import entsoe, entsoe_flows
from tests.contract.provider_wire import Wire

NOW = datetime(2026, 11, 28, 12, 10, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def stored() -> list[Reading]:
    """Return what ENTSO-E's collector makes of each slot of its window, for every zone."""
    wire = Wire(clean=entsoe.answer, now=NOW)
    readings: list[Reading] = []
    for pair in zones_of("entsoe"):
        provider = Entsoe(http=wire.http("entsoe"), token=lambda: "key", wanted=(pair,))
        for batch in provider.fetch(NOW):
            readings += batch.window()
    return readings


def traced(stored: list[Reading]) -> list[Reading]:
    def history(
        zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> list[Reading]:
        return [
            reading
            for reading in stored
            if (reading.zone, reading.provider, reading.kind) == (zone, provider, kind)
            and since < reading.valid_to <= until
        ]

    wire = Wire(clean=entsoe.answer, now=NOW)
    provider = replace(FlowTracing(http=wire.http("flows"), token=lambda: "key"), history=history)
    [batch] = provider.fetch(NOW)
    assert not batch.errors
    return list(batch.readings)


@pytest.mark.parametrize("basis", Basis)
def test_every_zone_gets_the_figure_of_an_independent_solver(
    stored: list[Reading], basis: Basis
) -> None:
    readings = {reading.zone: reading for reading in traced(stored) if reading.basis is basis}
    hour = next(iter(readings.values())).valid_from
    assert readings.keys() == {zone.zone for zone, _ in zones_of("flows")}
    truth = solved(stored, hour, basis, readings)
    for zone, reading in readings.items():
        if reading.detail["mix"] == "measured":
            assert reading.gco2_kwh == pytest.approx(truth[zone], abs=0.01), zone
        assert reading.gco2_low <= reading.gco2_kwh <= reading.gco2_high


def solved(
    stored: list[Reading], hour: datetime, basis: Basis, readings: dict[str, Reading]
) -> dict[str, float]:
    """Solve the network of an hour with numpy, by the power that the simulation generates.

    A zone whose mix of the hour is not published yet stands with the hour before that is.
    """
    codes = {zone.zone: source.provider_zone for zone, source in zones_of("entsoe")}
    outer = {zone: means[basis] for zone, means in outer_means_gco2_kwh().items()}
    names = sorted({zone for border in borders() for zone in border.zones} - outer.keys())
    index = {zone: at for at, zone in enumerate(names)}
    matrix, right = np.zeros((len(names), len(names))), np.zeros(len(names))
    for zone in set(names) & codes.keys():
        code, start = codes[zone], hour
        slots = [reading for reading in stored if (reading.zone, reading.basis) == (zone, basis)]
        while max(reading.valid_to for reading in slots) < start + HOUR:
            start -= HOUR
        assert (start == hour) == (readings[zone].detail["mix"] == "measured")
        of_hour = [slot for slot in slots if start <= slot.valid_from < start + HOUR]
        made = [sum(entsoe.generation_mw(code, slot.valid_from)[0].values()) for slot in of_hour]
        mean_mw = sum(made) / len(made)
        weighed = zip(made, of_hour, strict=True)
        matrix[index[zone], index[zone]] += mean_mw
        right[index[zone]] += sum(mw * slot.gco2_kwh for mw, slot in weighed) / len(made)
    area_mw = {code: area.mean_mw for code, area in entsoe.AREAS.items()}
    for border in borders():
        is_quarterly = entsoe_flows.step_of(*border.eic) == QUARTER
        starts = [hour + at * QUARTER for at in range(4)] if is_quarterly else [hour]
        net = sum(entsoe_flows.net_mw(border, start, area_mw) for start in starts) / len(starts)
        source, target = border.zones if net > 0 else border.zones[::-1]
        if target in index:
            matrix[index[target], index[target]] += abs(net)
            if source in outer:
                right[index[target]] += abs(net) * outer[source]
            else:
                matrix[index[target], index[source]] -= abs(net)
    return dict(zip(names, np.linalg.solve(matrix, right), strict=True))
