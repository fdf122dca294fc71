"""Answers that were recorded from Electricity Maps."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from functions.electricitymaps.answers import reading_of
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
)
from greenstream.domain.reading import Basis, Quality
from tests.contract.electricitymaps_account import HOUR, NOW, behind, reasons, run


class TestRealBytes:
    @pytest.mark.parametrize(
        ("name", "there", "gco2_kwh", "basis"),
        [
            ("v3_latest_BE_2024-11-28_no_token", "BE", 214, Basis.LIFECYCLE),
            ("v3_latest_US-CAR-DUK_2024-03-06", "US-CAR-DUK", 216, Basis.LIFECYCLE),
            ("v3_latest_US-MIDW-MISO_direct_2024-09-27", "US-MIDW-MISO", 506, Basis.DIRECT),
            ("v3_latest_US-MIDW-MISO_lifecycle_2024-09-24", "US-MIDW-MISO", 466, Basis.LIFECYCLE),
            ("v4_latest_DK-DK2_2026-08-22", "DK-DK2", 75, Basis.LIFECYCLE),
        ],
    )
    def test_every_recorded_answer_is_read(
        self, recordings: Path, name: str, there: str, gco2_kwh: float, basis: Basis
    ) -> None:
        body = json.loads((recordings / f"electricitymaps/{name}.json").read_bytes())
        start = datetime.fromisoformat(body["datetime"])
        reading = reading_of(
            body,
            "Z",
            behind(there, basis),
            fetched_at=start + timedelta(minutes=30),
            simulated=False,
        )
        assert (reading.gco2_kwh, reading.basis) == (gco2_kwh, basis)
        assert reading.quality is Quality.ESTIMATED
        assert reading.valid_to - reading.valid_from == HOUR

    def test_a_lifecycle_answer_is_never_taken_for_direct(self, recordings: Path) -> None:
        path = recordings / "electricitymaps/v3_latest_US-MIDW-MISO_lifecycle_2024-09-24.json"
        with pytest.raises(InvalidError) as caught:
            reading_of(
                json.loads(path.read_bytes()),
                "Z",
                behind("US-MIDW-MISO"),
                fetched_at=NOW,
                simulated=False,
            )
        assert caught.value.reason == "wrong_basis"

    @pytest.mark.parametrize(
        ("name", "status", "kind"),
        [
            ("co2signal_legacy_no_data", 200, NoDataError),
            ("v3_error_404_no_recent_data", 404, NoDataError),
        ],
    )
    def test_recorded_answers_without_data_are_no_data(
        self, recordings: Path, name: str, status: int, kind: type[GreenStreamError]
    ) -> None:
        content = (recordings / f"electricitymaps/{name}.json").read_bytes()
        assert reasons(run(FR=httpx.Response(status, content=content))) == {(kind, "Z_FR", None)}

    def test_a_recorded_refusal_of_the_key_is_permanent(self, recordings: Path) -> None:
        path = recordings / "electricitymaps/v3_error_401_invalid_token.json"
        with pytest.raises(PermanentError, match="Invalid auth-token"):
            run(plan=httpx.Response(401, content=path.read_bytes()))
