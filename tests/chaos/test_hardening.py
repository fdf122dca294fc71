"""Hostile bytes: compressed, nested, endless or truncated answers of an upstream.

Every refusal is one of our named errors. Its memory is bounded by the size limit of the reader,
not by how much the other side can compress into a few bytes.
"""

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from itertools import repeat
from pathlib import Path

import pytest

from functions.entsoe.document import MAX_MEMBERS, MAX_XML_BYTES, read
from greenstream.domain.errors import (
    MAX_MESSAGE_CHARS,
    GreenStreamError,
    InvalidError,
    PermanentError,
    TransientError,
)
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.reading import (
    MAX_DETAIL_CHARS,
    MAX_FORECAST_POINTS,
    Basis,
    Forecast,
    ForecastPoint,
    Scope,
    Signal,
)
from greenstream.ingest.http import Response
from tests.builders import NOW, a_reading
from tests.chaos.raw_upstream import (
    GZIP,
    HEAD,
    MAX_BYTES,
    ZEROS,
    answer,
    asked,
    packed,
    peak_bytes,
    resident_bytes,
    speaking,
)
from tests.contract.entsoe_wire import DARK, NL, acknowledgement, document, period, series

SUITE = "hardening"
Record = Callable[[str, object], None]
KEPT_TWICE = 3 * MAX_BYTES
"""Memory that a refused answer may take: the growing body, its copy, and a piece of 64 kB."""
ENDLESS = 10_000
"""Pieces of an "endless" answer; a client that reads all of them has failed to stop."""
BOMB = packed(200)
"""Two hundred megabytes, compressed to two hundred kilobytes."""


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        pytest.param(BOMB, "gzip", "too_large", id="a bomb"),
        pytest.param(gzip.compress(BOMB), "gzip, gzip", "not_http", id="a bomb packed twice"),
        pytest.param(zlib.compress(ZEROS * 20), "deflate", "not_http", id="deflate"),
        pytest.param(b"\x8b" * 1000, "br", "not_http", id="brotli"),
        pytest.param(b"\x28\xb5\x2f\xfd" * 100, "zstd", "not_http", id="zstd"),
        pytest.param(b"x" * 100, "gzip" * 5000, "not_http", id="a long name of an encoding"),
        pytest.param(b"{}", "gzip", "not_http", id="not packed at all"),
        pytest.param(gzip.compress(b"{}")[:-4], "gzip", "not_http", id="torn"),
        pytest.param(gzip.compress(b"{}") + BOMB, "gzip", "too_large", id="a bomb behind the end"),
        pytest.param(gzip.compress(b"{}") + b"{}", "gzip", "not_http", id="more behind the end"),
        pytest.param(b"{}" + b" " * MAX_BYTES, "identity", "too_large", id="plain and long"),
    ],
)
def test_a_compressed_answer_takes_no_more_memory_than_the_size_limit_allows(
    record_property: Record, body: bytes, encoding: str, reason: str
) -> None:
    with speaking(lambda: answer(body, f"Content-Encoding: {encoding}")) as upstream:

        def refused() -> None:
            with pytest.raises(InvalidError) as error:
                asked(upstream)
            assert (error.value.reason, error.value.zone) == (reason, "Z")
            assert len(error.value.message) < 300

        peak = peak_bytes(refused)
    assert peak < KEPT_TWICE
    if body is BOMB:
        record_property("gzip_bomb_mb", 200)
        record_property("gzip_bomb_peak_mb", round(peak / 1e6, 1))


def sevens(body: bytes) -> list[bytes]:
    return [body[at : at + 7] for at in range(0, len(body), 7)]


def test_a_compressed_answer_within_the_limit_is_read() -> None:
    text = json.dumps({"a": list(range(5_000))}).encode()
    for pieces in (
        answer(gzip.compress(text), GZIP),
        [*answer(gzip.compress(text), GZIP)[:1], *sevens(gzip.compress(text))],
        answer(text),
        answer(text, "Content-Encoding: IDENTITY"),
    ):
        with speaking(lambda pieces=pieces: pieces) as upstream:  # type: ignore[misc]
            assert asked(upstream).body == text
    with speaking(lambda: answer(b"", GZIP)) as upstream:
        assert asked(upstream).body == b""


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 12_000


@pytest.mark.parametrize(
    ("first", "piece", "error"),
    [
        pytest.param(CHUNKED, b"2710\r\n" + b" " * 10_000 + b"\r\n", InvalidError, id="chunks"),
        pytest.param(HEAD, b"X-A: " + b"a" * 1000 + b"\r\n", TransientError, id="headers"),
        pytest.param(HEAD + b"X-A: ", b"a" * 1000, TransientError, id="one header"),
        pytest.param(b"", b"x" * 1000, TransientError, id="a status line"),
        pytest.param(CHUNKED, b"1;" + b"x" * 60_000, TransientError, id="a chunk's extension"),
    ],
)
def test_an_endless_answer_is_refused_at_the_size_limit(
    first: bytes, piece: bytes, error: type[GreenStreamError]
) -> None:
    with speaking(lambda: [first, *repeat(piece, ENDLESS)]) as upstream:
        with pytest.raises(error) as refused:
            asked(upstream)
        assert len(refused.value.message) < 300
        assert upstream.said < ENDLESS


@pytest.mark.parametrize(
    ("first", "piece", "pause_s"),
    [
        pytest.param(HEAD, b"X", 0.05, id="a header that drips"),
        pytest.param(b"", b"H", 0.05, id="a status line that drips"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001, id="continue, continue"),
        pytest.param(CHUNKED, b"1\r\n \r\n", 0.05, id="a body that drips"),
        pytest.param(
            HEAD + b"Content-Length: 900000000\r\n" + GZIP.encode() + b"\r\n\r\n"
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
            EMPTY_BLOCKS,
            0.01,
            id="gzip that unpacks to nothing",
        ),
        pytest.param(HEAD, b"", 0.05, id="silence"),
    ],
)
def test_an_answer_that_never_ends_is_stopped_at_the_deadline(
    first: bytes, piece: bytes, pause_s: float
) -> None:
    with speaking(lambda: [first, *repeat(piece, ENDLESS)], pause_s) as upstream:
        with pytest.raises(TransientError, match=r"took over 0\.3 s"):
            asked(upstream, deadline_s=0.3)
        assert upstream.said < ENDLESS


def test_no_redirect_to_another_address_is_followed() -> None:
    """The template fixes the base URL; no upstream can redirect to an internal address (SSRF)."""
    with speaking(lambda: answer(b"secret")) as inside:
        place = f"Location: {inside.url}/latest/meta-data"
        with speaking(lambda: answer(b"", place, status="302 Found")) as upstream:
            assert asked(upstream).status == 302
        assert inside.said == 0


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 900_000, id="deep lists"),
        pytest.param(b'{"a":' * 180_000, id="deep objects"),
        pytest.param(b"[" * 900 + b'{"a":' * 100_000, id="deep and mixed"),
        pytest.param(b"9" * 900_000, id="a number of 900,000 digits"),
        pytest.param(b'{"a": -' + b"9" * 100_000 + b"}", id="a negative one"),
        pytest.param(b'"\xc0\xaf"', id="an overlong form"),
    ],
)
def test_invalid_json_is_refused_with_the_name_of_its_fault(body: bytes) -> None:
    with pytest.raises(InvalidError) as refused:
        Response(200, {"content-type": "x" * 90_000}, body).json(provider="p", zone="Z")
    assert refused.value.reason == "not_json"
    assert len(refused.value.message) < 600


# --- XML ----------------------------------------------------------------------------------------


def refusal(body: bytes, *, status: int = 200) -> GreenStreamError:
    with pytest.raises(GreenStreamError) as refused:
        read(body, NL, "Z", status=status)
    assert (refused.value.provider, refused.value.zone) == ("entsoe", "Z")
    assert len(refused.value.message) < 600
    return refused.value


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
INSIDE = "file:///etc/hostname"
XINCLUDE = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{INSIDE}" parse="text"/>'


def with_entity(prolog: str) -> bytes:
    body = document(series("B04", period({1: 5})), prolog=prolog)
    return body.replace(b"<mRID>1<", b"<mRID>&l11;<", 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(
            with_entity(f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'), "not_xml", id="laughs"
        ),
        pytest.param(
            with_entity(f'<!DOCTYPE x [<!ENTITY l11 "{"a" * 1_000_000}">]>').replace(
                b"&l11;", b"&l11;" * 100_000
            ),
            "not_xml",
            id="a quadratic blow-up",
        ),
        pytest.param(
            document(prolog=f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>').replace(
                b"<mRID>", b'<mRID a="&l11;">', 1
            ),
            "not_xml",
            id="laughs in an attribute",
        ),
        pytest.param(
            with_entity(f'<!DOCTYPE x [<!ENTITY l11 SYSTEM "{INSIDE}">]>'),
            "doctype",
            id="an external entity",
        ),
        pytest.param(
            with_entity(f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{INSIDE}"> %p;]>'),
            "doctype",
            id="a parameter entity",
        ),
        pytest.param(
            document(prolog=f'<!DOCTYPE x SYSTEM "{INSIDE}">'), "doctype", id="an external DTD"
        ),
        pytest.param(document("<a>" * 300 + "</a>" * 300), "too_deep", id="deep"),
        pytest.param(document("<a>" + "x" * MAX_XML_BYTES + "</a>"), "too_large", id="huge text"),
        pytest.param(
            document(series(XINCLUDE, period({1: 5}))), "malformed", id="XInclude is not followed"
        ),
    ],
)
def test_hostile_xml_is_refused(body: bytes, reason: str) -> None:
    def refused() -> None:
        error = refusal(body)
        assert isinstance(error, InvalidError)
        assert error.reason == reason
        assert Path("/etc/hostname").read_text().strip() not in error.message

    before, peak = resident_bytes(refused)
    assert peak - before < 4 * MAX_XML_BYTES


def test_a_refusal_with_many_reasons_is_shortened_in_the_error() -> None:
    one = b"<Reason><code>999</code><text>no, and no again</text></Reason>"
    body = acknowledgement("100", "first").replace(b"<Reason>", one * 20_000 + b"<Reason>", 1)
    assert "no, and no again" in refusal(body, status=400).message


def test_fuel_names_of_any_length_fit_an_item_of_the_table() -> None:
    for name in ("", "B4", "b04", "B04" * 9000, "<script>", "B04\n"):
        assert isinstance(refusal(document(series(name, period({1: 5})))), InvalidError)


# --- sizes of items -----------------------------------------------------------------------------


def test_no_answer_makes_an_item_that_the_table_refuses() -> None:
    """A refused item would end the run before the zones that come after it."""
    with pytest.raises(InvalidError) as refused:
        a_reading(detail={"model": {"date": "x" * MAX_DETAIL_CHARS}})
    assert refused.value.reason == "detail_too_large"
    step = timedelta(seconds=1)
    points = tuple(
        ForecastPoint(NOW + i * step, NOW + (i + 1) * step, 100.0)
        for i in range(MAX_FORECAST_POINTS + 1)
    )
    a_forecast(points[:-1])
    with pytest.raises(InvalidError) as refused:
        a_forecast(points)
    assert refused.value.reason == "too_large"


def a_forecast(points: tuple[ForecastPoint, ...]) -> Forecast:
    return Forecast(
        zone="Z",
        provider="p",
        provider_zone="z",
        signal=Signal.AVERAGE,
        basis=Basis.DIRECT,
        scope=Scope.PRODUCTION,
        factor_set=GREENSTREAM,
        issued_at=NOW,
        points=points,
    )


def test_a_message_can_be_logged_and_stored_whatever_text_it_quotes() -> None:
    for said in ("\ud800", "x" * 10_000_000, "\0\r\n\x1b[31m\u2028"):
        error = PermanentError(said, provider="p")
        assert len(error.message.encode()) <= MAX_MESSAGE_CHARS
        assert error.message.isascii() == said.isascii() or "?" in error.message


# --- ZIP ----------------------------------------------------------------------------------------


def zip_of(*members: tuple[str, bytes], **changes: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    made = bytearray(target.getvalue())
    if "flag" in changes:  # in the local header and in the directory
        made[6] |= changes["flag"]
        made[made.rindex(b"PK\x01\x02") + 8] |= changes["flag"]
    if "method" in changes:
        made[8] = made[made.rindex(b"PK\x01\x02") + 10] = changes["method"]
    return bytes(made)


NESTED = zip_of(("1.xml", zip_of(("1.xml", DARK))))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(zip_of(("1.xml", ZEROS * 200)), "too_large", id="a bomb"),
        pytest.param(
            zip_of(*((f"{i}.xml", DARK) for i in range(MAX_MEMBERS + 1))), "too_large", id="many"
        ),
        pytest.param(zip_of(("1.xml", DARK), flag=1), "bad_zip", id="encrypted"),
        pytest.param(zip_of(("1.xml", DARK), method=99), "bad_zip", id="unknown method"),
        pytest.param(NESTED, "not_xml", id="nested"),
        pytest.param(zip_of(("1.xml", DARK))[:-10], "bad_zip", id="torn"),
        pytest.param(b"PK\x03\x04" + b"\xff" * 5000, "bad_zip", id="noise"),
    ],
)
def test_a_zip_is_unpacked_in_memory_within_bounds(
    record_property: Record, body: bytes, reason: str
) -> None:
    def refused() -> None:
        error = refusal(body)
        assert isinstance(error, InvalidError)
        assert error.reason == reason

    peak = peak_bytes(refused)
    assert peak < 4 * MAX_XML_BYTES
    if reason == "too_large" and body.count(b"PK\x01\x02") == 1:
        record_property("zip_bomb_mb", 200)
        record_property("zip_bomb_peak_mb", round(peak / 1e6, 1))


def test_the_name_of_a_zip_member_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("../../out.xml", "/tmp/out.xml", "..\\out.xml", "a\0b.xml", "x" * 5000):
        assert read(zip_of((name, DARK)), NL, "Z")
    assert list(tmp_path.rglob("*")) == []
