"""Points that are cut out of a document before it is parsed are read as any other points are."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.entsoe import document as reading
from functions.entsoe.document import Series, read
from functions.entsoe.usual_points import cut
from greenstream.domain.errors import GreenStreamError
from tests.contract import spoilt
from tests.contract.entsoe_wire import NL, document, period, series

SPACED = "\n  <Point>\n\t<position>3</position>\r\n <quantity>7</quantity>\n</Point>\n"
USUAL = "<Point><position>3</position><quantity>7</quantity></Point>"
ODD = (
    "<Point/>",
    '<Point a="1"><position>3</position><quantity>7</quantity></Point>',
    "<Point><position>3</position><quantity>7</quantity><quality>A04</quality></Point>",
    "<Point><position>3</position><quantity>&#55;</quantity></Point>",
    "<Point><position>3</position><quantity>+7</quantity></Point>",
    "<Point><quantity>7</quantity><position>3</position></Point>",
    '<n:Point xmlns:n="urn:other"><n:position>3</n:position><n:quantity>7</n:quantity></n:Point>',
)


def body_with(point: str) -> bytes:
    said = period({1: 5, 3: 7, 4: 9})
    assert said.count(USUAL) == 1
    return document(series("B04", said.replace(USUAL, point)), series("B05", period({1: 1})))


def outcome(body: bytes, domain: str) -> list[Series] | str:
    try:
        return read(body, domain, "Z")
    except GreenStreamError as error:
        return repr(error) + error.message


@pytest.fixture
def uncut(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, str], list[Series] | str]:
    """Return what reads a document from a tree of all its elements."""

    def outcome_of(body: bytes, domain: str) -> list[Series] | str:
        with monkeypatch.context() as patched:
            patched.setattr(reading, "cut", lambda _: None)
            return outcome(body, domain)

    return outcome_of


@pytest.mark.parametrize("point", [USUAL, SPACED, USUAL.replace("7", "-0.25")])
def test_points_of_the_usual_form_are_cut(point: str) -> None:
    found = cut(body_with(point))
    assert found is not None
    assert [len(texts.positions) for texts in found.texts] == [3, 1]
    assert b"<position>" not in found.rest


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", ["{odd}", "{odd}" + USUAL, USUAL + "{odd}"])
def test_a_document_with_a_point_of_another_form_is_left_whole(odd: str, place: str) -> None:
    assert cut(body_with(place.format(odd=odd))) is None


@pytest.mark.parametrize(
    "odd",
    [
        *ODD,
        f"<!-- {USUAL} -->",
        f"<!-- {USUAL} -->{USUAL}",
        f"<![CDATA[{USUAL}]]>",
        f"<?late {USUAL}?>",
        f"<Other>{USUAL}</Other>",
        USUAL + "</Period><Period>" + USUAL,
        "\x0b" + USUAL,
        "\u00a0" + USUAL,
        USUAL.replace("3", "\u0663"),
        USUAL.replace("7", "1.2.3"),
        USUAL.replace("7", "-"),
        USUAL.replace("7", "9" * 400),
        USUAL.replace("3", "9" * 5000),
        USUAL.replace("</Point>", ""),
        USUAL.replace("<Point>", ""),
        "<cut-Points><nth>0</nth></cut-Points>",
    ],
)
def test_an_odd_document_is_read_as_without_cutting(
    odd: str, uncut: Callable[[bytes, str], list[Series] | str]
) -> None:
    body = body_with(odd)
    assert outcome(body, NL) == uncut(body, NL)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "iso-8859-1", "utf-16", "ascii", "utf-7"])
@pytest.mark.parametrize("letter", ["", "\u00e9"])
def test_an_encoding_changes_nothing(
    encoding: str, letter: str, uncut: Callable[[bytes, str], list[Series] | str]
) -> None:
    text = body_with(USUAL + letter).decode().replace('"utf-8"', f'"{encoding}"')
    body = text.encode(encoding, errors="xmlcharrefreplace")
    assert outcome(body, NL) == uncut(body, NL)


def test_spoilt_documents_are_read_as_without_cutting(
    uncut: Callable[[bytes, str], list[Series] | str],
) -> None:
    good = document(*(series(fuel, period({1: 5, 2: 6.5, 4: -8})) for fuel in ("B04", "B16")))
    chance = random.Random(20261128)
    read_whole = 0
    for spoil in (spoilt.wrong_type, spoilt.without, spoilt.shuffled, spoilt.cut, spoilt.burnt):
        for _ in range(40):
            body = spoil(good, chance)
            expected = uncut(body, NL)
            assert outcome(body, NL) == expected
            read_whole += not isinstance(expected, str)
    assert read_whole > 50


def test_recorded_documents_are_read_as_without_cutting(
    recordings: Path, uncut: Callable[[bytes, str], list[Series] | str]
) -> None:
    cut_ones = 0
    for path in sorted((recordings / "entsoe").glob("A75*.xml")):
        body = path.read_bytes()
        domain = body.partition(b"iddingZone_Domain.mRID")[2].partition(b">")[2].partition(b"<")[0]
        expected = uncut(body, domain.decode())
        assert isinstance(expected, list), expected
        assert outcome(body, domain.decode()) == expected
        cut_ones += cut(body) is not None
    assert cut_ones >= 7
