"""A bounded GET ends in time, with an answer or one of our errors, whatever an upstream does."""

import base64
import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence

import httpx
import pytest

from greenstream.domain.errors import InvalidError, ThrottledError, TransientError
from greenstream.ingest.http import HttpClient, Response

Reply = Callable[[httpx.Request], httpx.Response]


class Upstream:
    """Gives the prepared replies and stores the requests; its clock shows ``seconds``."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self.replies = iter(replies)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []
        self.seconds = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = next(self.replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def client(self, **changes: float) -> HttpClient:
        return HttpClient(
            provider="p",
            base_url="https://upstream.test/api",
            transport=httpx.MockTransport(self),
            sleep=self.slept.append,
            monotonic=lambda: self.seconds,
            **changes,  # type: ignore[arg-type]
        )

    def get(self, **changes: float) -> Response:
        with self.client(**changes) as http:
            return http.get("/now", params={"zone": "Z"}, zone="Z")


def test_an_answer_below_500_is_returned_to_the_provider() -> None:
    upstream = Upstream(httpx.Response(404, json={"error": "none"}))
    response = upstream.get()

    assert response.status == 404
    assert response.json(provider="p") == {"error": "none"}
    assert str(upstream.asked[0].url) == "https://upstream.test/api/now?zone=Z"


def test_a_passing_fault_is_tried_once_more() -> None:
    upstream = Upstream(httpx.ConnectError("refused"), httpx.Response(200, text="ok"))

    assert upstream.get().body == b"ok"
    assert upstream.slept == [1.0]


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("hang"),
        httpx.RemoteProtocolError("reset mid-body"),
        httpx.Response(500),
        httpx.Response(503),
        httpx.Response(429),
    ],
)
def test_a_lasting_fault_is_transient_with_provider_and_zone(
    fault: httpx.Response | Exception,
) -> None:
    upstream = Upstream(fault, fault)
    with pytest.raises(TransientError) as failed:
        upstream.get()

    assert (failed.value.provider, failed.value.zone) == ("p", "Z")
    assert len(upstream.asked) == 2


@pytest.mark.parametrize(
    ("attempts", "text"), [(1, "HTTP 503 from /now"), (2, "HTTP 503 from /now in 2 attempts")]
)
def test_the_error_says_how_often_the_upstream_was_asked_where_it_was_more_than_once(
    attempts: int, text: str
) -> None:
    upstream = Upstream(*[httpx.Response(503)] * attempts)
    with pytest.raises(TransientError) as failed:
        upstream.get(attempts=attempts)

    assert str(failed.value).endswith(text)


@pytest.mark.parametrize(("status", "kind"), [(429, ThrottledError), (503, TransientError)])
def test_a_throttled_request_is_distinguished_from_a_failed_one(
    status: int, kind: type[TransientError]
) -> None:
    upstream = Upstream(httpx.Response(status), httpx.Response(status))
    with pytest.raises(TransientError) as failed:
        upstream.get()

    assert type(failed.value) is kind


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("3", 3.0),
        ("9999", 5.0),
        ("9" * 5000, 5.0),
        ("soon", 1.0),
        ("", 1.0),
        ("-1", 1.0),
        ("\N{SUPERSCRIPT TWO}", 1.0),
    ],
)
def test_retry_after_is_honoured_within_reason(header: str, waited: float) -> None:
    upstream = Upstream(
        httpx.Response(429, headers=[(b"Retry-After", header.encode("latin-1"))]),
        httpx.Response(200),
    )
    upstream.get()

    assert upstream.slept == [waited]


def test_a_body_over_the_limit_is_refused_while_it_is_read() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b"x" * 1000

    upstream = Upstream(httpx.Response(200, content=endless()))
    with pytest.raises(InvalidError) as refused:
        upstream.get(max_bytes=10_000)

    assert refused.value.reason == "too_large"
    assert read <= 12_000


def test_a_compressed_bomb_counts_as_what_it_unpacks_to() -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    upstream = Upstream(httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=bomb))
    with pytest.raises(InvalidError) as refused:
        upstream.get(max_bytes=1_000_000)
    assert refused.value.reason == "too_large"


def gzipped(chunks: Iterable[bytes]) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=iter(chunks))


MEMBERS = (gzip.compress(b'{"data": '), gzip.compress(b""), gzip.compress(b"[1, 2]}"))


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"".join(MEMBERS)], id="in one chunk"),
        pytest.param(MEMBERS, id="in a chunk each"),
        pytest.param([bytes([byte]) for byte in b"".join(MEMBERS)], id="byte by byte"),
        pytest.param([b"".join(MEMBERS)[:-3], b"".join(MEMBERS)[-3:]], id="cut in the last"),
    ],
)
def test_gzip_members_one_after_the_other_are_one_body(chunks: Sequence[bytes]) -> None:
    assert Upstream(gzipped(chunks)).get().body == b'{"data": [1, 2]}'


def test_gzip_members_count_together_against_the_limit() -> None:
    member = gzip.compress(b"0" * 60_000)
    upstream = Upstream(gzipped([member, member]), gzipped([member, member]))
    assert len(upstream.get(max_bytes=120_000).body) == 120_000
    with pytest.raises(InvalidError) as refused:
        upstream.get(max_bytes=119_999)
    assert refused.value.reason == "too_large"


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(b"garbage", id="garbage"),
        pytest.param(b"\0", id="padding"),
        pytest.param(gzip.compress(b"more")[:-1], id="a torn member"),
        pytest.param(gzip.compress(b"more")[:3], id="the beginning of a member"),
    ],
)
def test_bytes_after_a_gzip_member_that_are_no_member_are_refused(behind: bytes) -> None:
    with pytest.raises(InvalidError) as refused:
        Upstream(gzipped([gzip.compress(b"{}"), behind])).get()
    assert refused.value.reason == "not_http"


def test_endless_gzip_members_are_stopped_at_the_deadline() -> None:
    upstream = Upstream()

    def empty_members() -> Iterator[bytes]:
        while True:
            upstream.seconds += 1
            yield gzip.compress(b"")

    upstream.replies = iter([gzipped(empty_members()) for _ in range(2)])
    with pytest.raises(TransientError, match="took over 12 s"):
        upstream.get()


def test_an_upstream_that_sends_slowly_is_stopped_at_the_deadline() -> None:
    upstream = Upstream()

    def drip() -> Iterator[bytes]:
        while True:
            upstream.seconds += 1
            yield b"."

    upstream.replies = iter([httpx.Response(200, content=drip()) for _ in range(2)])
    with pytest.raises(TransientError, match="took over 12 s"):
        upstream.get()


def test_a_body_that_is_not_what_its_encoding_says_is_invalid() -> None:
    upstream = Upstream(
        httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no"))
    )
    with pytest.raises(InvalidError) as refused:
        upstream.get()
    assert refused.value.reason == "not_http"


@pytest.mark.parametrize(
    "body", [b"", b"<html></html>", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}x']
)
def test_what_is_not_json_is_refused_with_its_first_bytes(body: bytes) -> None:
    response = Response(200, {"content-type": "text/html"}, body)
    with pytest.raises(InvalidError) as refused:
        response.json(provider="p", zone="Z")
    assert refused.value.reason == "not_json"
    assert "text/html" in refused.value.message


@pytest.mark.parametrize("sent", ["token-0123", "Bearer token-0123"])
def test_credentials_that_an_upstream_repeats_are_never_quoted(sent: str) -> None:
    said = httpx.Response(200, headers={"Content-Type": f"text/{sent}"}, text=f"you sent {sent}")
    with Upstream(said).client() as http:
        response = http.get("/now", headers={"Authorization": sent})
    with pytest.raises(InvalidError, match=r"you sent .*\[secret\]") as refused:
        response.json(provider="p")
    assert "token-0123" not in refused.value.message


@pytest.mark.parametrize("token", ["4", "48", "data", "e", "json", "3"])
def test_a_short_credential_that_occurs_in_an_answer_changes_nothing_that_is_read(
    token: str,
) -> None:
    said = {"data": [{"carbonIntensity": 48, "zone": "FR"}]}
    upstream = Upstream(
        httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(200, json=said)
    )
    with upstream.client() as http:
        response = http.get("/now", headers={"Authorization": f"Bearer {token}"})
    assert response.json(provider="p") == said
    assert response.headers["content-type"] == "application/json"
    assert upstream.slept == [3.0]


def test_a_refusal_in_the_upstreams_words_is_quoted_without_the_credentials() -> None:
    said = httpx.Response(401, json={"error": {"message": "token-0123 is no key"}})
    with Upstream(said).client() as http:
        assert http.get("/now", headers={"X-Key": "token-0123"}).refusal() == "[secret] is no key"


def test_the_user_and_password_of_basic_credentials_are_secrets_too() -> None:
    sent = base64.b64encode(b"a-user:pass:word").decode()
    said = httpx.Response(200, text=f"a-user with pass:word sent {sent}")
    with Upstream(said).client() as http:
        response = http.get("/now", headers={"Authorization": f"Basic {sent}"})
        assert http.credentials == {sent, "a-user:pass:word", "a-user", "pass:word"}
    with pytest.raises(InvalidError, match=r"\[secret\] with \[secret\] sent \[secret\]"):
        response.json(provider="p")


def test_a_connection_error_is_quoted_without_the_credentials() -> None:
    upstream = Upstream(*[httpx.RemoteProtocolError("illegal line token-0123")] * 2)
    with upstream.client() as http, pytest.raises(TransientError) as failed:
        http.get("/now", headers={"Authorization": "Bearer token-0123"})
    assert "illegal line [secret]" in failed.value.message


def test_a_response_shows_no_credential() -> None:
    with Upstream(httpx.Response(200)).client() as http:
        assert "0123" not in repr(http.get("/now", headers={"X-Key": "token-0123"}))
        assert "0123" not in repr(http)


def test_redirects_are_not_followed() -> None:
    upstream = Upstream(httpx.Response(302, headers={"Location": "https://elsewhere.test"}))
    assert upstream.get().status == 302
    assert len(upstream.asked) == 1
