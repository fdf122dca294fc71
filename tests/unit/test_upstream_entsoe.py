"""The simulated Transparency Platform has the formats and the behaviour of the real service."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from functions.entsoe.document import read
from functions.entsoe.mix import solar_in_other
from functions.entsoe.provider import Entsoe
from functions.entsoe.slots import slots
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
)
from greenstream.domain.judging import judge
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.zones import zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from infra.local.upstream import entsoe
from infra.local.upstream.wire import Answer, Request

NL, FR = "10YNL----------L", "10YFR-RTE------C"
NOW = datetime(2026, 5, 6, 13, 20, tzinfo=UTC)
ZONES = zones_of("entsoe")


def request(query: dict[str, str], token: str = "any") -> Request:
    return Request("GET", "/api", query, {"security_token": token})


def ask(now: datetime = NOW, /, token: str = "any", **query: str) -> Answer:
    asked = {
        "documentType": "A75",
        "processType": "A16",
        "in_Domain": NL,
        "periodStart": f"{now - timedelta(hours=36):%Y%m%d%H}00",
        "periodEnd": f"{now + timedelta(hours=1):%Y%m%d%H}00",
    } | query
    return entsoe.Platform().answer(request(asked, token), now)


def day(code: str, now: datetime = NOW) -> list[Mix]:
    return slots(read(ask(now, in_Domain=code).body, code, "Z"))


def test_every_zone_of_the_table_is_served_and_no_other() -> None:
    assert {source.provider_zone for _, source in ZONES} == set(entsoe.AREAS)


@pytest.mark.parametrize("code", entsoe.AREAS)
def test_a_zone_publishes_whole_slots_between_forty_five_minutes_and_two_hours_late(
    code: str,
) -> None:
    found = day(code)
    newest = found[-1]
    assert timedelta(minutes=45) <= NOW - newest.valid_to < timedelta(hours=2, minutes=40)
    assert found[0].valid_from <= NOW - timedelta(hours=36)
    assert 0.4 < newest.total_mw / entsoe.AREAS[code].mean_mw < 2.5


def test_dutch_consumption_comes_first_and_other_hides_the_roofs() -> None:
    body = ask().body.decode()
    assert body.index("outBiddingZone_Domain") < body.index("inBiddingZone_Domain")
    found = day(NL)
    noon = next(slot for slot in found if slot.valid_from.hour == 11)
    assert solar_in_other(found, noon, rules_of_source("entsoe", "ENTSOE_NL")).mw == pytest.approx(
        28 * noon.generation_mw["B16"], rel=0.01
    )


def test_repeated_values_are_left_out_and_a_pumping_plant_leaves_a_hole() -> None:
    body = ask(in_Domain=FR).body.decode()
    nuclear = re.search(r"<psrType>B11</psrType>.*?</TimeSeries>", body, re.DOTALL)
    assert nuclear is not None
    assert nuclear[0].count("<Point>") == 1
    found = day(FR)
    pumping = [slot for slot in found if "B10" in slot.consumption_mw]
    assert pumping
    assert all("B10" not in slot.generation_mw for slot in pumping)


@pytest.mark.parametrize(("zone", "code"), [(z.zone, s.provider_zone) for z, s in ZONES])
def test_every_mix_of_a_zone_is_believed_through_the_year(zone: str, code: str) -> None:
    for month in range(1, 13, 3):
        slots_of_two_days = day(code, NOW.replace(month=month))
        judged = judge(
            slots_of_two_days, rules_of_provider("entsoe"), rules_of_source("entsoe", zone)
        )
        assert [refusal for _, refusal in judged if refusal] == []


@pytest.mark.parametrize("token", ["", "bad"])
def test_a_refused_token_is_answered_with_a_web_page(token: str) -> None:
    answer = ask(token=token)
    assert (answer.status, answer.content_type) == (401, "text/html")


def test_the_token_may_come_in_the_query_too() -> None:
    assert ask(token="", securityToken="any").status == 200


def test_the_four_hundred_and_first_request_of_a_minute_bans_its_token_for_ten() -> None:
    platform = entsoe.Platform()

    def status(after: timedelta, token: str = "any") -> int:
        return platform.answer(request({}, token), NOW + after).status

    assert {status(timedelta(0)) for _ in range(400)} == {400}
    assert status(timedelta(0)) == 429
    assert status(timedelta(0), "another") == 400
    assert status(timedelta(minutes=9, seconds=59)) == 429
    assert status(timedelta(minutes=10)) == 400


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ({"in_Domain": "10Y-NOWHERE"}, 200, NoDataError),
        ({"periodStart": "202605061300", "periodEnd": "202605061400"}, 200, NoDataError),
        ({"periodStart": "yesterday"}, 400, PermanentError),
        ({"periodStart": "202599990000"}, 400, PermanentError),
        ({"periodStart": "202405060000"}, 400, PermanentError),
        ({"documentType": "A44"}, 400, PermanentError),
    ],
)
def test_no_is_said_by_an_acknowledgement(
    query: dict[str, str], status: int, kind: type[GreenStreamError]
) -> None:
    answer = ask(**query)
    assert answer.status == status
    with pytest.raises(kind):
        read(answer.body, NL, "Z", status=answer.status)


def batches(fault: str | None = None, **fields: str) -> list[Batch]:
    platform = entsoe.Platform()

    def served(asked: httpx.Request) -> httpx.Response:
        answer = platform.answer(
            Request("GET", asked.url.path, dict(asked.url.params), dict(asked.headers)), NOW
        )
        body = answer.body
        if fault is not None:
            body = entsoe.PROVIDER.payload_faults[fault](body.decode(), fields).encode()
        return httpx.Response(answer.status, content=body)

    provider = Entsoe(
        http=HttpClient(
            provider="entsoe",
            base_url="https://tp.test",
            attempts=1,
            transport=httpx.MockTransport(served),
        ),
        token=lambda: "any",
        wanted=ZONES[:15],
        simulated=True,
    )
    return list(provider.fetch(NOW))


def test_the_collector_reads_it() -> None:
    found = batches()
    assert [error for batch in found for error in batch.errors] == []
    assert {reading.zone for batch in found for reading in batch.readings} == {
        zone.zone for zone, _ in ZONES[:15]
    }


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("no_data", NoDataError, None),
        ("wrong_unit", InvalidError, "unknown_unit"),
        ("entity_bomb", InvalidError, "doctype"),
    ],
)
def test_each_fault_is_named_by_the_collector(
    fault: str, kind: type[GreenStreamError], reason: str | None
) -> None:
    found = batches(fault)
    errors = [error for batch in found for error in batch.errors]
    assert len(errors) == 15
    assert {type(error) for error in errors} == {kind}
    assert {getattr(error, "reason", None) for error in errors} == {reason}


def test_a_missing_main_fuel_leaves_a_zone_without_a_reading() -> None:
    found = batches("missing_fuel", fuel="B14")
    silent = {error.zone for batch in found for error in batch.errors}
    assert {"ENTSOE_FR", "ENTSOE_BE", "ENTSOE_ES", "ENTSOE_CH"} <= silent
    assert not silent & {r.zone for batch in found for r in batch.readings}
