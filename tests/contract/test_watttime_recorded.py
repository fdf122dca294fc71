"""Answers that were recorded from WattTime, and those of its documentation."""

import csv
import json
from pathlib import Path

import httpx
import pytest

from functions.watttime.answers import endpoints_by_region, series_of
from functions.watttime.readings import gco2_kwh_of
from greenstream.domain.errors import (
    InvalidError,
    PermanentError,
)
from tests.contract.watttime_account import run


class TestRealBytes:
    def test_the_rights_of_a_free_account_are_read(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/my_access_free_2024-10.json").read_bytes())
        assert endpoints_by_region(body) == {
            "CAISO_NORTH": frozenset({"v3/historical", "v3/forecast"})
        }

    def test_the_vendors_historical_example_is_read(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/historical_doc_example.json").read_bytes())
        series = series_of(body, "CAISO_NORTH", "CAISO_NORTH")
        assert [point.lb_mwh for point in series.points] == [870, 860]
        assert series.points[0].valid_to == series.points[1].valid_from
        assert series.warnings == ("EXAMPLE_WARNING: This is just an example",)

    def test_a_recorded_warning_is_read(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/meta_with_real_warning_2024.json").read_bytes())
        series = series_of(body | {"data": []}, "Z", "ERCOT_SANANTONIO")
        assert series.warnings[0].startswith("MODEL_MARKED_FOR_DEPRECATION: You made a valid")

    def test_the_signal_index_is_never_a_reading(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/signal_index_PSCO_2024-06-18.json").read_bytes())
        with pytest.raises(InvalidError) as caught:
            series_of(body, "PSCO", "PSCO")
        assert caught.value.reason == "wrong_unit"

    @pytest.mark.parametrize(
        ("name", "said"),
        [("error_403_invalid_scope.json", "free access to"), ("error_403_login.html", "text/html")],
    )
    def test_the_two_recorded_403s_are_distinguished(
        self, recordings: Path, name: str, said: str
    ) -> None:
        kind = "text/html" if name.endswith("html") else "application/json"
        content = (recordings / "watttime" / name).read_bytes()
        raw = httpx.Response(403, content=content, headers={"content-type": kind})
        batch = run(historical=raw)
        [error] = batch.errors
        assert isinstance(error, PermanentError)
        assert said in str(error)

    def test_a_days_published_values_are_converted_as_by_others(self, recordings: Path) -> None:
        path = recordings / "watttime/caiso_north_moer_actual_2023-06-08_gkwh.csv"
        with path.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        for row in rows:
            gco2_kwh = float(row["Caiso_North"])
            lb_mwh = round(gco2_kwh / 0.45359237, 3)
            assert gco2_kwh_of(lb_mwh, "CAISO_NORTH") == pytest.approx(gco2_kwh, abs=1e-3)
        assert len(rows) == 288
