"""The login at WattTime: tokens are renewed in time, and no secret leaves the provider."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from functions.watttime.answers import token_of
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.errors import (
    InvalidError,
    PermanentError,
    TransientError,
)
from greenstream.domain.reading import Quality
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError
from tests.contract.watttime_account import (
    BAD_LOGIN,
    NOW,
    PASSWORD,
    USER,
    Api,
    Log,
    Sandbox,
    forecast,
    historical,
)
from tests.fakes.memory_store import MemoryStore

FAULTS: Mapping[str, Any] = {
    "good": {},
    "token refused": {"/v3/historical": httpx.Response(401, json={"error": "Invalid token"})},
    "login cut": {"/login": httpx.Response(200, content=b'{"token": "token-MARKED')},
    "login refused": {"/login": httpx.Response(403, html=BAD_LOGIN)},
    "throttled": {"/v3/forecast": httpx.Response(429)},
    "down": {"/v3/historical": httpx.Response(500), "/v3/my-access": httpx.Response(500)},
    "reset": {"/v3/historical": httpx.ReadError("reset")},
    "garbage": {"/v3/forecast": httpx.Response(200, content=b"\xff\x00")},
}


class TestLogin:
    def test_is_made_once_and_its_token_used_by_every_request_and_run(self) -> None:
        sandbox = Sandbox(Api())
        for _ in range(5):
            assert sandbox.run().errors == ()
            sandbox.now += timedelta(minutes=5)
            sandbox.api.answers = {
                "/v3/historical": historical(sandbox.now),
                "/v3/forecast": forecast(sandbox.now),
            }
        assert sandbox.api.logins == 1
        assert sandbox.api.asked.count("/v3/my-access") == 1

    def test_is_renewed_shortly_before_the_token_expires(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.now += timedelta(minutes=27)
        sandbox.run()
        assert sandbox.api.logins == 1
        sandbox.now += timedelta(minutes=2)
        sandbox.run()
        assert sandbox.api.logins == 2

    def test_is_renewed_once_when_a_token_is_refused(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.api.valid.clear()
        assert sandbox.run().errors == ()
        assert sandbox.api.logins == 2

    def test_is_not_repeated_when_new_tokens_are_refused_too(self) -> None:
        refused = httpx.Response(401, json={"error": "Invalid token"})
        api = Api({f"/v3/{name}": refused for name in ("my-access", "historical", "forecast")})
        batch = Sandbox(api).run()
        assert api.logins == 1
        assert {type(error) for error in batch.errors} == {PermanentError}

    def test_with_a_wrong_password_is_an_error_and_ends_the_requests(self) -> None:
        api = Api({"/login": httpx.Response(403, html=BAD_LOGIN)})
        with pytest.raises(PermanentError, match=r"WATTTIME_USERNAME or WATTTIME_PASSWORD.*html"):
            Sandbox(api).run()
        assert api.asked == ["/login"]

    def test_is_repeated_with_new_credentials(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.credentials = ("another", "word")
        sandbox.api.answers = {"/login": httpx.Response(200, json={"token": "token-MARKED-1"})}
        assert sandbox.run().errors == ()
        assert sandbox.api.asked.count("/v3/my-access") == 2

    @pytest.mark.parametrize("credentials", [(None, None), (USER, None), (None, PASSWORD)])
    def test_is_not_tried_without_both_credentials(
        self, credentials: tuple[str | None, str | None]
    ) -> None:
        sandbox = Sandbox(Api(), credentials=credentials)
        assert sandbox.run() == Batch(unconfigured=("CAISO_NORTH",))
        assert sandbox.api.asked == []

    def test_with_credentials_that_cannot_be_read_now_is_a_transient_error(self) -> None:
        def unreadable() -> tuple[str, str]:
            raise SecretsError("Parameter Store refused")

        provider = replace(Sandbox(Api()).provider(), credentials=unreadable)
        with pytest.raises(TransientError, match="the secret store could not be read"):
            list(provider.fetch(NOW))

    @pytest.mark.parametrize(
        "body", [b'{"token": "MARKED', b"[]", b'{"token": 5}', b'{"token": "MAR\\nKED"}', b"\xff"]
    )
    def test_answer_without_a_usable_token_is_refused_and_never_quoted(self, body: bytes) -> None:
        with pytest.raises(InvalidError) as caught:
            token_of(body)
        assert caught.value.reason == "malformed"
        assert "MAR" not in str(caught.value)

    def test_puts_no_secret_into_an_address_or_an_error(self) -> None:
        api = Api({"/v3/historical": httpx.Response(400, json={"error": "INVALID", "docs": "x"})})
        batch = Sandbox(api).run()
        said = " ".join([*map(str, batch.errors), *(str(request.url) for request in api.requests)])
        assert "HTTP 400 from /v3/historical: INVALID" in said
        assert "MARKED" not in said

    def test_puts_no_secret_into_a_warning_that_is_logged_and_stored(self) -> None:
        repeated = {"type": "ECHO", "message": "Bearer token-MARKED-1"}
        series = historical()
        series["meta"]["warnings"] = [repeated]
        api = Api({"/v3/historical": series})
        log = Log()
        [reading] = (
            reading
            for reading in Sandbox(api, log=log).run().readings
            if reading.quality is not Quality.FORECAST
        )
        assert reading.detail["warnings"] == ["ECHO: Bearer [secret]"]
        assert [line["warning"] for line in log.lines] == ["ECHO: Bearer [secret]"]

    @pytest.mark.parametrize("fault", FAULTS)
    def test_puts_no_secret_into_logs_answers_or_the_store(self, fault: str) -> None:
        lines = StringIO()
        logger = Logger(service=f"watttime {fault}", level="DEBUG", stream=lines)
        telemetry = PowertoolsTelemetry(logger, EphemeralMetrics())  # type: ignore[arg-type]
        sandbox, store = Sandbox(Api(FAULTS[fault]), log=telemetry), MemoryStore()
        answer = ""
        try:
            run = collect(sandbox.provider(), store, clock=lambda: NOW, telemetry=telemetry)
            answer = json.dumps(run.as_dict())
        except CollectionFailedError:
            logger.exception("failed")
        assert '"message":"run"' in lines.getvalue()
        for text in (lines.getvalue(), answer, repr(store.snapshot())):
            assert "MARKED" not in text
