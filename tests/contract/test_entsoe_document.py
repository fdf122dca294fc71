"""How ENTSO-E's documents are read: curves, gaps, consumption and refusals."""

import random
import re
import zipfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from functions.entsoe.document import MAX_CELLS, MAX_MEMBERS, MAX_XML_BYTES, read
from functions.entsoe.slots import slots
from greenstream.domain.errors import InvalidError, NoDataError, PermanentError
from greenstream.domain.mix import Mix
from tests.contract.entsoe_wire import (
    DARK,
    FR,
    NL,
    NO_DATA,
    NOON,
    acknowledgement,
    document,
    period,
    series,
    stamp,
    zipped,
)


def mw(body: bytes, domain: str = NL) -> list[dict[str, float]]:
    return [dict(slot.generation_mw) for slot in slots(read(body, domain, "Z"))]


def refusal(body: bytes) -> str:
    """Return why the whole document is refused."""
    with pytest.raises(InvalidError) as refused:
        slots(read(body, NL, "Z"))
    assert (refused.value.provider, refused.value.zone) == ("entsoe", "Z")
    return refused.value.reason


def refused(body: bytes) -> list[str | None]:
    """Return why each slot is refused by what is written in it; ``None`` where it is not."""
    found = slots(read(body, NL, "Z"))
    return [slot.refusal.reason if slot.refusal else None for slot in found]


TWICE = (
    "<Point><position>3</position><quantity>7</quantity></Point>"
    "<Point><position>3</position><quantity>{}</quantity></Point>"
)


class TestPoints:
    def test_curve_a03_repeats_an_omitted_position_to_the_end_of_its_period(self) -> None:
        assert mw(document(series("B04", period({1: 5, 3: 7})))) == [
            {"B04": 5},
            {"B04": 5},
            {"B04": 7},
            {"B04": 7},
        ]

    def test_curve_a01_leaves_an_omitted_position_unknown(self) -> None:
        [first, third] = slots(
            read(document(series("B04", period({1: 5, 3: 7}), curve="A01")), NL, "Z")
        )
        assert (first.valid_from, third.valid_from) == (NOON, NOON + timedelta(minutes=30))

    @pytest.mark.parametrize(
        "odd",
        [
            "<Point><quantity>7</quantity><position>3</position></Point>",
            "<Point><position>3</position><quantity>7</quantity><quality>A04</quality></Point>",
            "<Point><!-- late --><position>3</position><quantity>7</quantity></Point>",
            "<Point><position>3</position><quantity><![CDATA[7]]></quantity></Point>",
            '<Point xmlns="urn:other"><position>3</position><quantity>7</quantity></Point>',
            (
                "<Point><position>3</position><quantity>7</quantity></Point>"
                "<Point><position>3</position><quantity>7.0</quantity></Point>"
            ),
        ],
    )
    def test_an_oddly_formatted_point_has_the_same_value(self, odd: str) -> None:
        usual = "<Point><position>3</position><quantity>7</quantity></Point>"
        said = period({1: 5, 3: 7, 4: 9})
        assert said.count(usual) == 1

        assert mw(document(series("B04", said.replace(usual, odd)))) == [
            {"B04": 5},
            {"B04": 5},
            {"B04": 7},
            {"B04": 9},
        ]

    @pytest.mark.parametrize(
        ("odd", "reason"),
        [
            ("<Point><position>3</position></Point>", "not_a_number"),
            ("<Point><position>3</position><quantity>n/e</quantity></Point>", "not_a_number"),
            ("<Point><position>3</position><quantity>1e308</quantity></Point>", "implausible_mw"),
            (
                TWICE.format(8),
                "contradiction",
            ),
            (
                TWICE.format("NaN"),
                "not_a_number",
            ),
        ],
    )
    @pytest.mark.parametrize("curve", ["A01", "A03"])
    def test_a_bad_point_costs_its_slot_and_not_the_document(
        self, odd: str, reason: str, curve: str
    ) -> None:
        said = period({1: 5, 2: 6, 4: 8}).replace("<Point><position>4", f"{odd}<Point><position>4")
        body = document(series("B04", said, curve=curve), series("B05", period({1: 1})))

        assert refused(body) == [None, None, reason, None]
        assert [slot.get("B04") for slot in mw(body)] == [5, 6, None, 8]

    def test_a_bad_point_is_repeated_like_any_other(self) -> None:
        body = document(series("B04", period({1: 5, 2: "n/e", 4: 8})))
        assert refused(body) == [None, "not_a_number", "not_a_number", None]

    @pytest.mark.parametrize(
        "odd",
        [
            "<Point><position/><quantity>7</quantity></Point>",
            "<Point><position>0</position><quantity>7</quantity></Point>",
            "<Point><position>5</position><quantity>7</quantity></Point>",
            (
                "<Point><quantity>3</quantity></Point>"
                "<Point><position>4</position><position>4</position><quantity>9</quantity></Point>"
            ),
        ],
    )
    def test_a_point_of_no_position_leaves_its_whole_period_unknown(self, odd: str) -> None:
        """A Period that counts otherwise than we do may have all its figures in wrong places."""
        later = NOON + timedelta(hours=1)
        said = period({1: 5, 2: 6}).replace("</Period>", f"{odd}</Period>")
        body = document(series("B04", said, period({1: 5}, start=later)))
        assert refused(body) == ["malformed"] * 4 + [None] * 4

    def test_there_is_no_value_before_the_first_position(self) -> None:
        body = document(series("B04", period({1: 5})), series("B05", period({3: 1})))
        assert mw(body) == [{"B04": 5}, {"B04": 5}, {"B04": 5, "B05": 1}, {"B04": 5, "B05": 1}]

    def test_a_position_counts_from_the_start_of_its_period(self) -> None:
        [only] = slots(read(document(series("B04", period({1: 5}, slots=1))), NL, "Z"))
        assert (only.valid_from, only.valid_to) == (NOON, NOON + timedelta(minutes=15))

    @pytest.mark.parametrize("minutes", [15, 30, 60])
    def test_each_resolution_is_the_length_of_its_slots(self, minutes: int) -> None:
        body = document(series("B04", period({1: 5, 2: 6}, slots=2, minutes=minutes)))
        found = slots(read(body, NL, "Z"))
        assert [slot.valid_to - slot.valid_from for slot in found] == [
            timedelta(minutes=minutes)
        ] * 2

    def test_an_hourly_fuel_counts_with_its_mean_in_each_quarter_hour(self) -> None:
        body = document(
            series("B04", period({1: 5, 2: 6})),
            series("B16", period({1: 40}, slots=1, minutes=60)),
        )
        assert [slot["B16"] for slot in mw(body)] == [40] * 4

    def test_a_gap_between_periods_stays_a_gap(self) -> None:
        body = document(
            series("B04", period({1: 5}, slots=8)),
            series(
                "B12",
                period({1: 900}, slots=2),
                period({1: 800}, slots=2, start=NOON + timedelta(hours=1, minutes=30)),
            ),
        )
        assert [slot.get("B12") for slot in mw(body)] == [900, 900, *[None] * 4, 800, 800]

    def test_consumption_is_never_generation(self) -> None:
        body = document(
            series("B20", period({1: 633}), out=True),
            series("B20", period({1: 1977})),
            series("B10", period({1: 1600}), out=True),
        )
        [slot, *_] = slots(read(body, NL, "Z"))
        assert slot.generation_mw == {"B20": 1977}
        assert slot.consumption_mw == {"B20": 633, "B10": 1600}
        assert slot.total_mw == 1977

    def test_consumption_in_a_finer_step_counts_with_its_mean(self) -> None:
        """A plant has two series: generation by the hour, and pumping by the quarter hour."""
        body = document(
            series("B04", period({1: 3000, 2: 3100, 3: 3200}, slots=3, minutes=60)),
            series("B10", period({1: 500}, slots=1, minutes=60)),
            series(
                "B10",
                period({1: 100, 2: 300, 3: 500, 4: 700}, start=NOON + timedelta(hours=1)),
                period({1: 800}, slots=2, start=NOON + timedelta(hours=2)),
                out=True,
            ),
            series("B10", period({1: 900}, slots=2, start=NOON + timedelta(minutes=150)), out=True),
        )
        found = slots(read(body, NL, "Z"))
        assert [slot.consumption_mw for slot in found] == [{}, {"B10": 400}, {"B10": 850}]

    def test_a_contradiction_in_a_finer_step_is_refused(self) -> None:
        body = document(
            series("B04", period({1: 3000, 2: 3000}, slots=2, minutes=60)),
            series("B10", period({1: 100, 2: 300}, slots=2), out=True),
            series("B10", period({1: 300, 2: 100}, slots=2), out=True),
        )
        assert refused(body) == ["contradiction", None]

    def test_one_fuel_in_two_steps_counts_with_the_finer_figures_where_they_agree(self) -> None:
        body = document(
            series("B04", period({1: 3050, 2: 3000}, slots=2, minutes=60)),
            series("B04", period({1: 3000, 2: 3100, 3: 3000, 4: 3100})),
            series("B04", period({1: 2999}, start=NOON + timedelta(hours=1))),
        )
        assert [slot["B04"] for slot in mw(body)] == [3000, 3100, 3000, 3100, *[2999] * 4]
        assert refused(body) == [*[None] * 4, *["contradiction"] * 4]

    def test_the_mean_of_the_quarters_may_be_rounded(self) -> None:
        body = document(
            series("B04", period({1: 3001}, slots=1, minutes=60)),
            series("B04", period({1: 3000, 2: 3001, 3: 3000, 4: 3001})),
        )
        assert refused(body) == [None] * 4

    def test_an_hour_of_which_some_quarters_are_known_fills_the_others_if_it_agrees(self) -> None:
        def hour_of(whole_mw: float) -> list[dict[str, float]]:
            hour = series("B04", period({1: whole_mw}, slots=1, minutes=60))
            quarters = series("B04", period({1: 3000, 2: 3100}, slots=2))
            return mw(document(series("B05", period({1: 1})), hour, quarters))

        assert [slot.get("B04") for slot in hour_of(3050)] == [3000, 3100, 3050, 3050]
        assert [slot.get("B04") for slot in hour_of(3200)] == [3000, 3100, None, None]

    def test_links_are_not_generation(self) -> None:
        body = document(series("B04", period({1: 5})), series("B22", period({1: 700})))
        assert mw(body)[0] == {"B04": 5}

    def test_a_zip_is_recognised_by_its_first_bytes_and_its_members_are_merged(self) -> None:
        body = zipped(
            document(series("B04", period({1: 5}))), document(series("B05", period({1: 6})))
        )
        assert mw(body)[0] == {"B04": 5, "B05": 6}


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "not_xml"),
            (b"<html><head>", "not_xml"),
            (b"<html/>", "malformed"),
            (DARK[:400], "not_xml"),
            (document(series("B04", period({1: 5})), kind="A73"), "wrong_document"),
            (document(series("B04", period({1: 5})), process="A01"), "wrong_document"),
            (document(series("B04", period({1: 5}), domain=FR)), "wrong_zone"),
            (document(series("B04", period({1: 5}), unit="KWT")), "unknown_unit"),
            (document(series("B04", period({1: 5}), curve="A04")), "unknown_curve"),
            (document(series("B04", period({1: 5}, minutes=7))), "unknown_resolution"),
            (document(series("", period({1: 5}))), "malformed"),
            (document(series("B04", period({1: 5}, slots=-4))), "malformed"),
        ],
    )
    def test_an_impossible_document_is_refused_with_its_reason(
        self, body: bytes, reason: str
    ) -> None:
        assert refusal(body) == reason

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (document(series("B04", period({1: ""}))), "not_a_number"),
            (document(series("B04", period({1: "NaN"}))), "not_a_number"),
            (document(series("B04", period({1: "inf"}))), "not_a_number"),
            (document(series("B04", period({1: 3_000_000}))), "implausible_mw"),
            (
                document(series("B04", period({1: 5})), series("B04", period({1: 6}))),
                "contradiction",
            ),
            (document(series("B04", period({1: 5}), period({1: 6}))), "contradiction"),
        ],
    )
    def test_a_figure_that_cannot_be_true_is_refused_by_name(
        self, body: bytes, reason: str
    ) -> None:
        assert refused(body) == [reason] * 4

    def test_the_same_value_twice_is_no_contradiction(self) -> None:
        body = document(series("B04", period({1: 5})), series("B04", period({1: 5})))
        assert mw(body)[0] == {"B04": 5}

    @pytest.mark.parametrize(
        "prolog",
        [
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
            '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
            '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        ],
    )
    def test_a_doctype_is_refused_whatever_it_declares(self, prolog: str) -> None:
        assert refusal(document(series("B04", period({1: 5})), prolog=prolog)) == "doctype"

    def test_deep_nesting_is_refused(self) -> None:
        assert refusal(document("<a>" * 300 + "</a>" * 300)) == "too_deep"

    def test_a_point_that_covers_a_century_is_refused(self) -> None:
        body = document(series("B04", period({1: 5}, slots=MAX_CELLS + 1)))
        assert refusal(body) == "too_large"

    def test_all_series_together_have_one_size_limit(self) -> None:
        half = series("B04", period({1: 5}, slots=MAX_CELLS // 2 + 1))
        assert refusal(document(half, half)) == "too_large"

    def test_xml_above_the_size_limit_is_refused_plain_or_zipped(self) -> None:
        large = document("<!--" + " " * MAX_XML_BYTES + "-->")
        assert refusal(large) == "too_large"
        assert refusal(zipped(large)) == "too_large"

    def test_a_zip_with_too_many_members_a_cut_zip_and_a_nested_zip_are_refused(self) -> None:
        assert refusal(zipped(*[DARK] * (MAX_MEMBERS + 1))) == "too_large"
        assert refusal(zipped(DARK)[:-30]) == "bad_zip"
        assert refusal(zipped(zipped(DARK))) == "not_xml"

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    @pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
    def test_a_zip_that_is_neither_stored_nor_deflated_is_refused(
        self, method: int, *, damaged: bool
    ) -> None:
        body = bytearray(zipped(DARK, method=method))
        if damaged:
            name = len("000-AGGREGATED_GENERATION.xml")
            body[30 + name + 12 : 30 + name + 40] = bytes(28)
        assert refusal(bytes(body)) == "bad_zip"

    def test_a_stored_zip_is_read(self) -> None:
        assert mw(zipped(DARK, method=zipfile.ZIP_STORED)) == mw(DARK)

    def test_a_damaged_byte_of_a_zip_raises_no_error_but_a_refusal(self) -> None:
        good, chance = zipped(DARK), random.Random(1)
        for at in range(len(good)):
            body = bytearray(good)
            body[at] ^= chance.randrange(1, 256)
            with suppress(InvalidError):
                read(bytes(body), NL, "Z")

    @pytest.mark.parametrize("status", [200, 400])
    def test_no_matching_data_is_no_data(self, status: int) -> None:
        with pytest.raises(NoDataError, match="No matching data"):
            read(NO_DATA, NL, "Z", status=status)

    def test_another_acknowledgement_is_an_error_with_its_text(self) -> None:
        body = acknowledgement("999", "Input parameter curveType does not exist")
        with pytest.raises(PermanentError, match="curveType does not exist"):
            read(body, NL, "Z", status=400)

    @pytest.mark.parametrize(
        "body",
        [
            NO_DATA.replace(b"xmlns=", b"xmlns:n=")
            .replace(b"<", b"<n:")
            .replace(b"<n:?", b"<?")
            .replace(b"<n:/", b"</n:"),
            re.sub(rb' xmlns="[^"]*"', b"", NO_DATA),
            NO_DATA.replace(b"<text>", b'<text lang="en">'),
            NO_DATA.replace(b"<Reason>", b'<Reason xmlns="urn:other">'),
            NO_DATA.replace(b"<Reason>", b"<Reason/><Reason>late</Reason><Reason>"),
        ],
        ids=["prefixed", "without namespace", "attribute", "two namespaces", "odd beside it"],
    )
    def test_a_reason_is_read_in_every_notation(self, body: bytes) -> None:
        with pytest.raises(NoDataError, match="999 No matching data found"):
            read(body, NL, "Z", status=400)

    @pytest.mark.parametrize(
        "inside", ["", "No matching data found", "<Reason/>", "<mRID>1</mRID>"]
    )
    def test_an_acknowledgement_without_a_reason_is_refused(self, inside: str) -> None:
        kind = "Acknowledgement_MarketDocument"
        with pytest.raises(PermanentError, match="without a reason"):
            read(f"<{kind}>{inside}</{kind}>".encode(), NL, "Z")

    def test_an_acknowledgement_with_invalid_names_is_refused(self) -> None:
        body = NO_DATA.replace(b"mRID>", "\U00010000>".encode())
        assert refusal(body) == "not_xml"

    def test_an_empty_document_is_no_data(self) -> None:
        with pytest.raises(NoDataError):
            read(document(), NL, "Z")


def recorded(folder: Path, name: str, domain: str) -> list[Mix]:
    return slots(read((folder / f"entsoe/A75_{name}.xml").read_bytes(), domain, "Z"))


class TestRealBytes:
    @pytest.mark.parametrize(
        ("name", "domain", "at", "total_mw"),
        [
            ("NL_2024-09-02_A03", NL, "2024-09-01T22:00Z", 9369.23),
            ("NL_2024-09-02_A03", NL, "2024-09-02T10:00Z", 14904.42),
            ("NL_2024-09-02_A03", NL, "2024-09-02T21:45Z", 10658.40),
            ("FR_2024-06-15_multiperiod", FR, "2024-06-15T02:00Z", 50059),
            ("ES_2024-06-15_zeros", "10YES-REE------0", "2024-06-15T10:00Z", 27324),
            ("FI_2025-10-21_A03", "10YFI-1--------U", "2025-10-24T11:45Z", 7920.73),
            ("NO5_2023-05-09_A01", "10Y1001A1001A48H", "2023-05-11T07:00Z", 3800),
        ],
    )
    def test_total_generation_is_right_to_a_hundredth_of_a_megawatt(
        self, recordings: Path, name: str, domain: str, at: str, total_mw: float
    ) -> None:
        [found] = [s for s in recorded(recordings, name, domain) if stamp(s.valid_from) == at]
        assert found.total_mw == pytest.approx(total_mw, abs=0.005)
        assert found.refusal is None

    def test_the_repeated_hour_of_the_clock_change_is_six_slots_in_utc(
        self, recordings: Path
    ) -> None:
        all_slots = recorded(recordings, "DE_2017-10-29_DST_day", "10YDE-EON------1")
        assert [stamp(slot.valid_from)[11:16] for slot in all_slots] == [
            "20:00",
            "20:15",
            "20:30",
            "20:45",
            "21:00",
            "21:15",
        ]

    def test_a_recorded_no_data_answer_with_status_200_is_no_data(self, recordings: Path) -> None:
        body = (recordings / "entsoe/ack_200_999_no_matching_data_A73.xml").read_bytes()
        with pytest.raises(NoDataError, match="No matching data found"):
            read(body, NL, "Z")

    def test_a_recorded_bad_request_is_an_error_with_its_text(self, recordings: Path) -> None:
        body = (recordings / "entsoe/ack_400_bad_request_TEXT-EDITED.xml").read_bytes()
        with pytest.raises(PermanentError, match="Bad request message"):
            read(body, NL, "Z", status=400)

    def test_a_real_zip_is_opened_and_its_other_document_type_is_refused(
        self, recordings: Path
    ) -> None:
        assert refusal((recordings / "entsoe/zip_answer_A86.zip").read_bytes()) == "malformed"

    def test_a_real_answer_cut_anywhere_is_refused_with_a_reason(self, recordings: Path) -> None:
        body = (recordings / "entsoe/A75_NL_2024-09-02_A03.xml").read_bytes()
        assert {refusal(body[: len(body) * part // 20]) for part in range(20)} == {"not_xml"}
