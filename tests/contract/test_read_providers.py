"""``greenstream read`` runs each provider's real code on hand-written files, without a socket."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pkgutil import resolve_name
from urllib.parse import urlsplit

import pytest

from greenstream.domain.reading import Reading
from greenstream.domain.zones import zones_of
from infra.local.upstream import ieso as ontario
from infra.local.upstream.providers import simulators_of
from infra.registry import COLLECTORS
from tests.contract.entsoe_wire import FR
from tests.contract.entsoe_wire import zipped as entsoe_zip
from tests.contract.provider_wire import zipped as archive
from tests.contract.read_command import (
    FRANCE,
    LATEST,
    NESO_AHEAD,
    NESO_GB,
    NESO_MIX,
    NESO_NOW,
    Read,
    figures,
    regional,
)
from tests.contract.watttime_account import meta

GRIDS = Path(__file__).parent / "fixtures" / "gridstatus"
HOUR = timedelta(hours=1)


def test_eso_reads_the_nation(read: Read) -> None:
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR --json",
        "--answer",
        "https://api.carbonintensity.org.uk/intensity=<now>",
        "*/regional/*=<gb>",
        "*/generation/*=<mix>",
        "*/fw24h=<ahead>",
        now=NESO_NOW,
        ahead=NESO_AHEAD,
        gb=NESO_GB,
        mix=NESO_MIX,
    )
    (step,) = done.steps
    assert (step["at"], step["state"], step["refused"]) == ("2026-05-06T00:17:00Z", "ok", [])
    (reading, lifecycle) = step["stored"]
    assert set(reading) == {field.name for field in fields(Reading)}
    assert reading["as_published_gco2_kwh"] == 148
    assert figures(step["stored"]) == {("GBR", "direct"): 148.1, ("GBR", "lifecycle"): 200.8}
    assert (reading["quality"], reading["valid_to"]) == ("measured", "2026-05-06T00:00:00Z")
    assert reading["published_at"] is None
    assert done.document["history"] == [reading, lifecycle]
    assert done.document["current"] == [
        reading | {"detail": {}},
        lifecycle | {"detail": {}},
    ]
    (forecast, _) = done.document["forecasts"]
    assert len(forecast["points"]) == 48
    first = forecast["points"][0]
    assert round(first.pop("gco2_kwh")) == 150
    assert first == {"valid_from": "2026-05-06T00:00:00Z", "valid_to": "2026-05-06T00:30:00Z"}


def test_eso_reads_a_region_and_asks_for_nothing_else(read: Read) -> None:
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR-13 --json --answer */regional/*=<all>",
        all=regional(13, 113),
    )
    (step,) = done.steps
    assert figures(step["stored"]) == {("GBR-13", "direct"): 113.1, ("GBR-13", "lifecycle"): 156.1}
    assert (step["refused"], step["unmatched"]) == ([], [])


def test_entsoe_reads_a_document(read: Read) -> None:
    done = read(
        "entsoe --at 2026-05-06T14:10Z --zone ENTSOE_FR --json",
        "--answer",
        f"*in_Domain={FR}*=<france>",
        france=FRANCE,
    )
    (step,) = done.steps
    assert (step["state"], step["refused"], step["unmatched"]) == ("ok", [], [])
    newest = done.document["current"]
    assert {(reading["zone"], reading["valid_to"]) for reading in newest} == {
        ("ENTSOE_FR", "2026-05-06T14:00:00Z")
    }
    assert {reading["basis"] for reading in newest} == {"direct", "lifecycle"}
    assert 10 < figures(newest)["ENTSOE_FR", "direct"] < 30


def test_entsoe_reads_a_document_in_a_zip_as_it_is(read: Read, tmp_path: Path) -> None:
    packed = tmp_path / "answer.zip"
    packed.write_bytes(entsoe_zip(FRANCE))
    done = read(f"entsoe --at 2026-05-06T14:10Z --zone ENTSOE_FR --json --answer *={packed}")
    assert done.steps[0]["state"] == "ok"


MOER = {"meta": meta()}
POINTS = [{"point_time": f"2026-11-22T16:{minute:02}:00+00:00", "value": 900} for minute in (0, 5)]


def test_watttime_is_logged_in_although_every_pattern_matches(read: Read) -> None:
    done = read(
        "watttime --at 2026-11-22T16:07Z --zone CAISO_NORTH --json "
        "--answer *historical*=<past> *=<ahead>",
        past=MOER | {"data": POINTS[:1]},
        ahead={
            "data": POINTS,
            "meta": MOER["meta"] | {"generated_at": "2026-11-22T16:00:00+00:00"},
        },
    )
    (step,) = done.steps
    assert (step["state"], step["refused"], step["unmatched"]) == ("ok", [], [])
    (reading,) = step["stored"]
    assert (reading["signal"], round(reading["gco2_kwh"], 2)) == ("marginal", 408.23)


def test_a_login_fails_where_a_pattern_spells_it_out(read: Read) -> None:
    done = read(
        "watttime --at 2026-11-22T16:07Z --json --answer */login=403:<refusal> *=<ahead>",
        refusal={"error": "no such user"},
        ahead=MOER | {"data": POINTS},
    )
    (step,) = done.steps
    (refused,) = step["refused"]
    assert (step["state"], refused["zone"], refused["reason"]) == ("failed", None, "permanent")
    assert "no such user" in refused["message"]


def test_electricitymaps_is_given_a_plan_that_holds_every_zone(read: Read) -> None:
    done = read(
        "electricitymaps --at 2026-11-22T16:07Z --zone ENTSOE_FR --json --answer *=<latest>",
        latest=LATEST,
    )
    (step,) = done.steps
    assert (step["state"], step["refused"], step["unconfigured"]) == ("ok", [], [])
    assert figures(step["stored"]) == {("ENTSOE_FR", "direct"): 48}


def test_electricitymaps_stores_a_shared_feed_where_the_collector_does(read: Read) -> None:
    done = read(
        "electricitymaps --at 2026-11-22T16:07Z --zone GBR-13 --json --answer *=<latest>",
        latest=LATEST | {"zone": "GB"},
    )
    assert figures(done.steps[0]["stored"]) == {("GBR", "direct"): 48}


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_provider_can_be_given_fewer_zones_to_read(name: str) -> None:
    provider = resolve_name(str(COLLECTORS[name].provider))
    assert {"wanted"} <= {field.name for field in fields(provider)}


@pytest.mark.parametrize("name", COLLECTORS)
def test_the_good_account_may_read_every_zone(name: str) -> None:
    allowed = {zone for simulator in simulators_of(name) for zone in simulator.zones}
    if any(simulator.account for simulator in simulators_of(name)):
        assert {source.provider_zone for _, source in zones_of(name)} <= allowed


def test_ontario_that_stands_still_is_named_by_processes_that_remember_nothing(read: Read) -> None:
    """The store has the hours of the day before, which moved."""
    days = [datetime(2026, 7, day, 20, 30, tzinfo=UTC) for day in (5, 6)]
    early = days[1].replace(hour=7)  # Both documents are read then.
    stands_still = ontario.of_rows(ontario.SERIES_FAULTS["frozen"])
    done = read(
        f"ieso --at {days[0]:%Y-%m-%dT%H:%MZ} --cold --json --answer *=<before>"
        f" --then {early:%Y-%m-%dT%H:%MZ} *_20260705.xml=<whole> *Capability.xml=<begun>"
        f" --then {days[1]:%Y-%m-%dT%H:%MZ} *Capability.xml=<still>",
        before=ontario.document(days[0].date(), days[0] - 8 * HOUR).encode(),
        whole=ontario.document(days[0].date(), early).encode(),
        begun=ontario.document(days[1].date(), early).encode(),
        still=stands_still(ontario.document(days[1].date(), days[1]), {}).encode(),
    )
    first, second, third = done.steps
    assert (first["state"], second["state"]) == ("ok", "ok")
    assert {refused["reason"] for refused in third["refused"]} == {"frozen"}
    stands = {reading["valid_to"] for reading in done.document["current"]}
    assert stands == {f"{days[1] - 9 * HOUR:%Y-%m-%dT%H:00:00Z}"}


NYISO = (GRIDS / "nyiso_day.csv").read_text()


@pytest.mark.parametrize(
    ("zone", "pattern"),
    [
        ("NYISO", f"*={GRIDS / 'nyiso_day.csv'}"),
        ("NYISO", f"*/20260305rtfuelmix.csv={GRIDS / 'nyiso_day.csv'}"),
        ("CAISO_NORTH", f"*.caiso.com*={GRIDS / 'caiso_day.csv'}"),
        ("PJM", f"*gen_by_fuel*={GRIDS / 'pjm_day.json'}"),
    ],
)
def test_gridstatus_reads_each_grid_from_its_plain_file(
    read: Read, zone: str, pattern: str
) -> None:
    words = f"gridstatus --at 2026-03-05T18:03Z --zone {zone} --json"
    done = read(words, "--answer", pattern)
    (step,) = done.steps
    assert {reading["zone"] for reading in step["stored"]} == {zone}
    assert {reading["provider"] for reading in step["stored"]} == {"gridstatus"}


def test_gridstatus_reads_an_archive_as_it_is(read: Read, tmp_path: Path) -> None:
    packed = tmp_path / "month.zip"
    packed.write_bytes(archive("20260305rtfuelmix.csv", NYISO.encode()))
    done = read(f"gridstatus --at 2026-03-05T18:03Z --zone NYISO --json --answer *={packed}")
    assert done.steps[0]["state"] == "ok"


@pytest.mark.clock
def test_gridstatus_reads_the_plain_file_of_a_day_of_this_week(read: Read) -> None:
    """The library tells by the real clock whether a day is in an archive."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    ends = [now - timedelta(minutes=10), now - timedelta(minutes=5)]
    eastern = [end - timedelta(hours=5) for end in ends]
    lines = ["Time Stamp,Time Zone,Fuel Category,Gen MW"]
    for stamp in eastern:
        fuels = {"Dual Fuel": 4100, "Natural Gas": 3000, "Nuclear": 3265, "Hydro": 2000}
        fuels |= {"Wind": 500, "Other Renewables": 250, "Other Fossil Fuels": 1}
        lines += [f"{stamp:%m/%d/%Y %H:%M:%S},EST,{fuel},{mw}" for fuel, mw in fuels.items()]
    words = f"gridstatus --at {now:%Y-%m-%dT%H:%MZ} --zone NYISO --json --answer *=<day>"
    done = read(words, day="\n".join(lines))
    assert done.steps[0]["stored"], done.steps


def test_all_zones_of_a_provider_are_read_where_none_is_named(read: Read) -> None:
    done = read(
        "gridstatus --at 2026-03-05T18:03Z --json",
        "--answer",
        f"*nyiso*={GRIDS / 'nyiso_day.csv'}",
        f"*caiso*={GRIDS / 'caiso_day.csv'}",
    )
    (step,) = done.steps
    assert {reading["zone"] for reading in step["stored"]} == {"NYISO", "CAISO_NORTH"}
    assert step["state"] == "partial"
    assert {(refused["zone"], refused["reason"]) for refused in step["refused"]} == {
        (zone, "no_data") for zone in ("PJM", "MISO", "ISONE", "ERCOT")
    }
    hosts = {urlsplit(url).hostname for url in step["unmatched"]}
    assert hosts == {
        "api.pjm.com",
        "public-api.misoenergy.org",
        "www.iso-ne.com",
        "www.ercot.com",
    }
