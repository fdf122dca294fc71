"""A fault affects the provider and zone that it names, as often and as long as it states."""

import io
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.upstream import aemo, neso
from infra.local.upstream.faults import ZIP_BOMB_MB, Fault, Faults, spoil
from infra.local.upstream.providers import PROVIDERS
from infra.local.upstream.wire import Answer, Provider, Request

NOW = datetime(2026, 2, 5, 20, 47, tzinfo=UTC)
BY_NAME = {provider.name: provider for provider in PROVIDERS}
LONDON = Request("GET", "/regional/regionid/13")
NATION = Request("GET", "/intensity")
GOOD = Answer(b'{"data":[]}', headers={})


def fault(**fields: Any) -> Fault:
    return Fault.read({"provider": "eso", "fault": "empty"} | fields, BY_NAME)


def names(faults: Faults, request: Request = LONDON, now: datetime = NOW) -> list[str]:
    return [rule.fault for rule in faults.take(neso.PROVIDER, request, now)[0]]


def test_a_fault_ends_after_its_times() -> None:
    faults = Faults()
    faults.add(fault(times=2), NOW)
    assert [names(faults) for _ in range(3)] == [["empty"], ["empty"], []]


def test_a_fault_ends_after_its_seconds() -> None:
    faults = Faults()
    faults.add(fault(for_s=60), NOW)
    assert names(faults, now=NOW + timedelta(seconds=59)) == ["empty"]
    assert names(faults, now=NOW + timedelta(seconds=60)) == []


def test_a_fault_of_a_zone_or_of_another_provider_spares_the_rest() -> None:
    faults = Faults()
    faults.add(fault(zone="GBR-13"), NOW)
    faults.add(fault(provider="pjm", fault="html"), NOW)
    assert names(faults, LONDON) == ["empty"]
    assert names(faults, NATION) == []


def test_a_zones_fault_of_content_reaches_answers_for_all_zones_but_a_broken_wire_does_not() -> (
    None
):
    faults = Faults()
    faults.add(fault(fault="missing_region", zone="GBR-13"), NOW)
    faults.add(fault(fault="reset", zone="GBR-13"), NOW)
    assert names(faults, Request("GET", "/regional")) == ["missing_region"]


def test_stale_freezes_the_providers_clock_and_future_sets_it_ahead() -> None:
    later = NOW + timedelta(hours=2)
    frozen, ahead = Faults(), Faults()
    frozen.add(fault(fault="stale"), NOW)
    ahead.add(fault(fault="future", offset_s=900), NOW)
    assert frozen.take(neso.PROVIDER, NATION, later)[1] == NOW
    assert ahead.take(neso.PROVIDER, NATION, later)[1] == later + timedelta(minutes=15)


def test_cleared_faults_are_gone_and_listed_ones_show_what_is_left() -> None:
    faults = Faults()
    faults.add(fault(times=3), NOW)
    names(faults)
    assert [(item["fault"], item["times"]) for item in faults.listed(NOW)] == [("empty", 2)]
    faults.add(fault(provider="pjm"), NOW)
    faults.clear("eso")
    assert [item["provider"] for item in faults.listed(NOW)] == ["pjm"]
    faults.clear()
    assert faults.listed(NOW) == []


def test_answers_are_spoilt_as_named() -> None:
    def spoilt(**fields: Any) -> Answer:
        return spoil(GOOD, NATION, fault(**fields), neso.PROVIDER.payload_faults)

    packed = Answer(aemo.packed("a.CSV", A_FIGURE["aemo"]), aemo.ZIP)
    changed = spoil(
        packed, NATION, fault(fault="nan", provider="aemo"), aemo.PROVIDER.payload_faults
    )
    with zipfile.ZipFile(io.BytesIO(changed.body)) as archive:
        assert b"BUTLERSG,NaN," in archive.read("a.CSV")

    limited = spoilt(fault="status", status=429, headers={"Retry-After": "7"})
    assert (limited.status, limited.headers) == (429, {"Retry-After": "7"})
    assert spoilt(fault="empty").body == b""
    assert spoilt(fault="html").content_type == "text/html"
    assert b"data" not in spoilt(fault="garbage").body
    assert len(spoilt(fault="big", body_bytes=5_000).body) == 5_000
    assert spoilt(fault="hang") == GOOD


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_provider_can_repeat_itself_and_spoil_its_figures(provider: Provider) -> None:
    for name in ("stale", "wrong_unit", "nan", "negative", "null"):
        posted = Fault.read({"provider": provider.name, "fault": name}, BY_NAME)
        assert (posted.provider, posted.fault) == (provider.name, name)


A_FIGURE = {
    "eso": '{"intensity":{"forecast":31}}',
    "elexon": '[{"fuelType":"WIND","generation":31}]',
    "ons": '{"sul":{"geracao":{"hidraulica":31}}}',
    "aemo": 'D,DISPATCH,UNIT_SCADA,1,"2026/11/28 12:55:00",BUTLERSG,31,"2026/11/28 12:50:00"',
    "watttime": '{"data":[{"value":31.5}],"meta":{}}',
    "energycharts": '{"production_types":[{"name":"Solar","data":[31.5,null]}]}',
    "electricitymaps": '{"carbonIntensity":31}',
    "entsoe": "<position>1</position><quantity>31.5</quantity>",
    "nyiso": "02/05/2026 20:45:00,EST,Wind,31.0\r\n02/05/2026 20:45:00,EST,Hydro,31.0",
    "caiso": "20:45,31,-31\n20:50,,\n",
    "pjm": '{"items":[{"fuel_type":"Wind","mw":31.0}]}',
    "eia": '<row r="9"><c r="A9" t="s"><v>8</v></c><c r="K9" s="1"><v>31.5</v></c></row>',
    "ieso": "<Generator><GeneratorName>BECK2</GeneratorName><FuelType>HYDRO</FuelType><Outputs>"
    "<Output><Hour>1</Hour><EnergyMW>31</EnergyMW></Output></Outputs></Generator>",
    "aeso": '"WIND","5700","31","0"\n"TOTAL","5700","31","0"\n',
    "kpx": 'var ictArr = [{"coal": "31.0", "regDate": "2026-11-28 15:00"}];',
    "taipower": '{"":"","aaData":[["<A NAME=\'coal\'></A>","","Linkou#1","800.0","31.0"]]}',
    "hydroquebec": '{"details":[{"valeurs":{"total":31.0,"eolien":31.0}}]}',
    "miso": '{"Fuel":{"Type":[{"CATEGORY":"Wind","ACT":"31"}]}}',
    "isone": '"D","03/05/2026","20:45:10","31","Wind","Wind","N"',
    "ercot": '{"data":{"2026-03-05":{"x":{"Wind":{"gen":31.5}}}}}',
    "spp": "2026-03-05T20:45:00Z,SPP,31.0,-31.5\n",
}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_figure_becomes_no_number_or_negative_or_nothing(provider: Provider) -> None:
    made = {
        name: provider.payload_faults[name](A_FIGURE[provider.name], {"zone": None})
        for name in ("nan", "negative", "null")
    }
    assert "NaN" in made["nan"]
    assert "-32" in made["negative"]
    assert not any("31" in text for text in made.values())
    assert "20:45" in made["null"] or "20:45" not in A_FIGURE[provider.name]


def test_bombs_are_small_until_they_are_unpacked() -> None:
    def body(name: str) -> bytes:
        return spoil(GOOD, NATION, fault(fault=name), {}).body

    assert len(body("gzip_bomb")) < 20_000
    assert len(zlib.decompress(body("gzip_bomb"), wbits=31)) < 5_000_000
    with zipfile.ZipFile(io.BytesIO(body("zip_bomb"))) as archive:
        assert archive.infolist()[0].file_size == ZIP_BOMB_MB * 1_000_000
    assert len(body("zip_bomb")) < 5_000_000
    assert len(body("billion_laughs")) < 1_000


def test_an_echo_refuses_with_everything_that_was_sent() -> None:
    asked = Request("GET", "/intensity", {"q": "asked"}, {"authorization": "Bearer secret"})
    answer = spoil(GOOD, asked, fault(fault="echo", status=403), {})
    assert answer.status == 403
    assert b"Bearer secret" in answer.body
    assert b"asked" in answer.body


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "JSON object"),
        ({"provider": "nobody", "fault": "empty"}, "provider"),
        ({"provider": "eso", "fault": "flood"}, "fault"),
        ({"provider": "pjm", "fault": "false_zero"}, "fault"),
        ({"provider": "eso", "fault": "status", "status": "500"}, "status"),
        ({"provider": "eso", "fault": "empty", "colour": 1}, "colour"),
        (
            {"provider": "eso", "fault": "empty", "zone": "GBR-19"},
            "zone: must be one of GBR, GBR-1",
        ),
        ({"provider": "nyiso", "fault": "nan", "zone": "PJM"}, "zone: must be one of NYISO"),
    ],
)
def test_a_wrong_fault_is_refused_by_name(document: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Fault.read(document, BY_NAME)
