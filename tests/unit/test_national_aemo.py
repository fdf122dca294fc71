"""AEMO's files: what a reader makes of the folder and of a file, and what it refuses."""

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.national.aemo import MOST_FILES, UNKNOWN, listed, parse, read, units
from greenstream.domain.errors import GreenStreamError, InvalidError
from greenstream.domain.judging import judge
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from infra.local.upstream import aemo
from infra.local.upstream.wire import Answer, Request
from tests.contract.provider_wire import Wire

END = datetime(2026, 11, 28, 2, 55, tzinfo=UTC)
ROWS = (
    ("ER01", "480.5"),  # black coal, New South Wales
    ("BW01", "600"),
    ("TUMUT3", "150.25"),
    ("CAPTL_WF", "40.1"),
    ("PUMP1", "230"),  # a pump in Queensland, which draws power
    ("HPR1", "-80"),  # a battery in South Australia, which is charged
    ("TIB1", "100"),
    ("SNOWTWN1", "60"),
    ("NOTINTABLE1", "75"),
)
HEAD = "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE,LASTCHANGED"


def a_file(
    rows: Sequence[tuple[str, str]] = ROWS,
    *,
    stamp: str = "2026/11/28 12:55:00",
    head: str = HEAD,
    count: int | None = None,
) -> bytes:
    """Return a file in the true format."""
    lines = ["C,NEMP.WORLD,DISPATCHSCADA,AEMO,PUBLIC,2026/11/28,12:50:16,0000000541812607", head]
    lines += [
        f'D,DISPATCH,UNIT_SCADA,1,"{stamp}",{duid},{mw},"2026/11/28 12:50:09"' for duid, mw in rows
    ]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1 if count is None else count}')
    return packed("\r\n".join(lines) + "\r\n")


def packed(*texts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"{number}.CSV", text)
    return buffer.getvalue()


def test_a_file_has_the_mix_of_each_region_by_fuel() -> None:
    slots = parse(a_file(), END)
    assert slots["NSW1"].mix.generation_mw == {
        "coal_black": 1080.5,
        "hydro": 150.25,
        "wind": 40.1,
    }
    assert (slots["NSW1"].mix.valid_from, slots["NSW1"].mix.valid_to) == (
        END - timedelta(minutes=5),
        END,
    )
    assert "QLD1" not in slots, "a pump makes nothing"


def test_a_battery_that_is_charged_takes_nothing_from_one_that_gives_back() -> None:
    assert parse(a_file(), END)["SA1"].mix.generation_mw == {"battery": 100, "wind": 60}


def test_a_unit_that_the_table_does_not_name_may_be_in_any_region() -> None:
    slots = parse(a_file(), END)
    assert {region: dict(slot.beside_mw) for region, slot in slots.items()} == {
        "NSW1": {UNKNOWN: 75},
        "SA1": {UNKNOWN: 75},
    }


@pytest.mark.parametrize(
    ("text", "reason"), [("", "not_a_number"), ("NaN", "not_a_number"), ("9999", "implausible_mw")]
)
def test_a_figure_that_cannot_be_true_refuses_its_region_and_no_other(
    text: str, reason: str
) -> None:
    slots = parse(a_file([*ROWS[1:], ("ER01", text)]), END)
    refusal = slots["NSW1"].mix.refusal
    assert refusal is not None
    assert refusal.reason == reason
    assert slots["SA1"].mix.refusal is None


@pytest.mark.parametrize(
    ("packed_file", "reason"),
    [
        (b"", "malformed"),
        (b"<html>Forbidden</html>", "malformed"),
        (packed("a", "b"), "malformed"),
        (packed(""), "malformed"),
        (packed("\r\n" * 600_000), "too_large"),
        (a_file(head="I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,UNIT,MW,LASTCHANGED"), "malformed"),
        (a_file(count=13), "contradiction"),
        (a_file(stamp="2026/11/28 13:00:00"), "contradiction"),
        (a_file(stamp="soon"), "contradiction"),
        (a_file([*ROWS, ROWS[0]]), "contradiction"),
        (a_file([*ROWS, ("ALSONOTINTABLE", "")]), "malformed"),
        (a_file([*ROWS, ("ER02", "1,234.5")]), "malformed"),
        (a_file(head=HEAD.replace("UNIT_SCADA", "OTHER")), "malformed"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(packed_file: bytes, reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse(packed_file, END)
    assert refused.value.reason == reason
    assert refused.value.provider == "aemo"


def test_the_folder_lists_the_files_by_the_end_of_their_interval() -> None:
    now = datetime(2026, 11, 28, 2, 51, tzinfo=UTC)
    files = listed(aemo.page(now).encode(), now)
    assert len(files) == 576
    assert files[-1][0] == END
    assert files[-1][1].startswith("PUBLIC_DISPATCHSCADA_202611281255_")


def test_a_folder_without_files_is_refused() -> None:
    with pytest.raises(InvalidError, match="lists no file"):
        listed(b"<html><body>Maintenance</body></html>", END)


class TestReading:
    NOW = datetime(2026, 11, 28, 2, 51, tzinfo=UTC)

    def asked(self, since: datetime | None, wire: Wire | None = None) -> tuple[list[str], int]:
        wire = wire or Wire(clean=aemo.answer, now=self.NOW)
        with (http := wire.http("aemo")):
            parsed = read(http, since, self.NOW)
        ends = [slot.mix.valid_to for slot in parsed.slots.get("NSW1", ())]
        assert ends == sorted(ends)
        return [request.path for request in wire.requests], len(ends)

    def test_a_fresh_table_asks_for_the_newest_file_only(self) -> None:
        assert self.asked(None)[1] == 1

    def test_after_an_outage_the_newest_files_are_asked_for(self) -> None:
        assert self.asked(END - timedelta(minutes=10))[1] == 2
        assert self.asked(END - timedelta(days=1))[1] == MOST_FILES

    def test_the_newest_file_is_read_again_where_nothing_is_newer(self) -> None:
        assert self.asked(END)[1] == 1

    def test_a_refused_file_is_named_and_takes_no_other_with_it(self) -> None:
        def spoil(request: Request, answer: Answer) -> Answer:
            return answer if "202611281255" not in request.path else Answer(b"", "text/html", 403)

        wire = Wire(clean=aemo.answer, now=self.NOW, spoil=spoil)
        with (http := wire.http("aemo")):
            parsed = read(http, END - timedelta(minutes=10), self.NOW)
        assert len(parsed.slots["NSW1"]) == 1
        [error] = parsed.errors
        assert "HTTP 403 (operators refuse addresses of some clouds)" in str(error)

    def test_a_refused_folder_is_an_error_in_words(self) -> None:
        wire = Wire(clean=lambda _request, _now: Answer(b"", "text/html", 403), now=self.NOW)
        with (http := wire.http("aemo")), pytest.raises(GreenStreamError, match="HTTP 403"):
            read(http, None, self.NOW)


def test_the_recorded_file_has_the_recorded_power_and_can_be_believed(recordings: Path) -> None:
    name = "aemo_nemweb/PUBLIC_DISPATCHSCADA_202109021255_0000000348376188.zip"
    slots = parse((recordings / name).read_bytes(), datetime(2021, 9, 2, 2, 55, tzinfo=UTC))
    assert {region: round(slot.mix.total_mw) for region, slot in slots.items()} == {
        "NSW1": 6102,
        "QLD1": 5507,
        "SA1": 1050,
        "TAS1": 651,
        "VIC1": 4061,
    }
    assert not any(slot.beside_mw for slot in slots.values()), "every unit that runs is known"
    for region, slot in slots.items():
        source = rules_of_source("aemo", f"AU_{region[:-1]}")
        [(_, refusal)] = judge([slot.mix], rules_of_provider("aemo"), source)
        assert refusal is None, refusal


def test_the_recorded_folder_lists_two_days(recordings: Path) -> None:
    page = (recordings / "aemo_nemweb/dispatch_scada_dirlisting.html").read_bytes()
    files = listed(page, datetime(2021, 9, 2, 3, 0, tzinfo=UTC))
    assert len(files) == 578
    assert files[0][0] == datetime(2021, 8, 31, 2, 55, tzinfo=UTC)


def test_the_table_of_units_has_the_fuels_of_the_factors() -> None:
    assert {unit.region for unit in units().values()} == {"NSW1", "QLD1", "SA1", "TAS1", "VIC1"}
    assert units()["ER01"].fuel == "coal_black"
    assert units()["WTAHB1"] == ("NSW1", "battery", 1096)
