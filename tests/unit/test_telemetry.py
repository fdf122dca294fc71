"""A function writes its log lines whatever its libraries do with their own loggers."""

import json
import logging

import pytest

from greenstream.aws.powertools import PowertoolsTelemetry


def test_a_library_named_like_the_service_does_not_silence_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "a-library")
    library = logging.getLogger("a-library")
    library.addHandler(logging.StreamHandler())
    monkeypatch.setattr(library, "disabled", True)
    PowertoolsTelemetry().event("warning", "upstream failed", zone="NYISO")
    written = capsys.readouterr()
    line = json.loads(written.out)
    assert (line["message"], line["service"], line["zone"]) == (
        "upstream failed",
        "a-library",
        "NYISO",
    )
    assert written.err == ""
