"""``greenstream read``: every provider's real code on hand-written files, without a socket."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from pytest_socket import disable_socket, enable_socket

from functions.eso.provider import Eso
from greenstream.cli.main import main
from greenstream.domain.reading import Reading
from greenstream.domain.zones import zones_of
from infra.local.upstream import ieso as ontario
from infra.local.upstream.providers import simulators_of
from infra.local.upstream.wire import Answer
from infra.reading.transport import answered_by
from infra.registry import COLLECTORS
from tests.contract.entsoe_wire import FR, document, period, series
from tests.contract.entsoe_wire import zipped as entsoe_zip
from tests.contract.neso_mixes import mix_of
from tests.contract.provider_wire import unzipped
from tests.contract.provider_wire import zipped as archive

GRIDS = Path(__file__).parent / "fixtures" / "gridstatus"
HALF_HOUR, HOUR = timedelta(minutes=30), timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@dataclass
class Done:
    """The end of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.document["steps"]
        return steps


Read = Callable[..., Done]


@pytest.fixture
def read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Read:
    """Run the command; ``files`` are written first, and stand for their names in the words."""

    def run(words: str, *more: str, **files: object) -> Done:
        written = {name: written_to(tmp_path / name, body) for name, body in files.items()}
        every = [*words.split(), *more]
        for name, path in written.items():
            every = [word.replace(f"<{name}>", str(path)) for word in every]
        code = main(["read", *every])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


def written_to(path: Path, body: object) -> Path:
    """Write text, bytes or JSON; the file's ending says which it is."""
    kinds: dict[type, tuple[str, Callable[[Any], bytes]]] = {
        bytes: (".xml", bytes),
        str: (".csv", str.encode),
    }
    ending, encode = kinds.get(type(body), (".json", lambda value: json.dumps(value).encode()))
    path = path.with_suffix(ending)
    path.write_bytes(encode(body))
    return path


def figures(readings: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    return {(one["zone"], one["basis"]): round(one["gco2_kwh"], 1) for one in readings}


def as_published(readings: list[dict[str, Any]]) -> list[float]:
    """Return NESO's own figures of its direct readings."""
    return [one["as_published_gco2_kwh"] for one in readings if one["basis"] == "direct"]


# --- every provider ---------------------------------------------------------------------------


def nation(start: datetime, count: int = 1, **intensity: Any) -> dict[str, Any]:
    def stamp(moment: datetime) -> str:
        return f"{moment:%Y-%m-%dT%H:%MZ}"

    starts = [start + HALF_HOUR * index for index in range(count)]
    return {
        "data": [
            {"from": stamp(at), "to": stamp(at + HALF_HOUR), "intensity": intensity}
            for at in starts
        ]
    }


NESO_AT = datetime(2026, 5, 6, 0, 0, tzinfo=UTC)
NESO_NOW = nation(NESO_AT - HALF_HOUR, forecast=151, actual=148, index="moderate")
NESO_AHEAD = nation(NESO_AT, 48, forecast=150, actual=None, index="moderate")


def regional(region: int, gco2_kwh: int, count: int = 1) -> dict[str, Any]:
    """Return an answer about all regions that has one region only."""
    return {
        "data": [
            {"from": row["from"], "to": row["to"]}
            | {
                "regions": [
                    {
                        "regionid": region,
                        "intensity": {"forecast": gco2_kwh, "index": "moderate"},
                        "generationmix": mix_of(gco2_kwh),
                    }
                ]
            }
            for row in nation(NESO_AT, count)["data"]
        ]
    }


def mixed(gco2_kwh: int) -> dict[str, Any]:
    """Return the nation's mix of the half hour that has ended."""
    [row] = nation(NESO_AT - HALF_HOUR)["data"]
    return {"data": [{"from": row["from"], "to": row["to"], "generationmix": mix_of(gco2_kwh)}]}


NESO_MIX = mixed(148)
NESO_GB = regional(18, 150, 48)


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


def france(*nuclear_mw: int, hours: int = 4) -> bytes:
    """Hours from 10 UTC on with all that France has; the nuclear output is that of each hour."""
    start = datetime(2026, 5, 6, 10, 0, tzinfo=UTC)
    fixed = {"B01": 600, "B04": 2000, "B11": 5000, "B12": 3000, "B16": 9000, "B17": 250}
    fixed |= {"B18": 100, "B19": 6000}

    def hourly(values: list[int]) -> str:
        points = {index + 1: value for index, value in enumerate(values)}
        return period(points, start=start, slots=len(values), minutes=60)

    steady = [
        series(fuel, hourly([mw + 7 * hour for hour in range(hours)]), domain=FR)
        for fuel, mw in fixed.items()
    ]
    return document(*steady, series("B14", hourly(list(nuclear_mw)), domain=FR))


FRANCE = france(30_000, 30_100, 30_200, 30_300)


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
    assert {(one["zone"], one["valid_to"]) for one in newest} == {
        ("ENTSOE_FR", "2026-05-06T14:00:00Z")
    }
    assert {one["basis"] for one in newest} == {"direct", "lifecycle"}
    assert 10 < figures(newest)["ENTSOE_FR", "direct"] < 30


def test_entsoe_reads_a_document_in_a_zip_as_it_is(read: Read, tmp_path: Path) -> None:
    packed = tmp_path / "answer.zip"
    packed.write_bytes(entsoe_zip(FRANCE))
    done = read(f"entsoe --at 2026-05-06T14:10Z --zone ENTSOE_FR --json --answer *={packed}")
    assert done.steps[0]["state"] == "ok"


MOER = {
    "meta": {
        "data_point_period_seconds": 300,
        "region": "CAISO_NORTH",
        "warnings": [],
        "signal_type": "co2_moer",
        "model": {"date": "2023-03-01"},
        "units": "lbs_co2_per_mwh",
    }
}
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


LATEST = {
    "zone": "FR",
    "carbonIntensity": 48,
    "datetime": "2026-11-22T16:00:00.000Z",
    "updatedAt": "2026-11-22T15:48:00.000Z",
    "emissionFactorType": "direct",
    "isEstimated": True,
    "estimationMethod": "TIME_SLICER_AVERAGE",
}


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


# --- patterns, statuses, steps ----------------------------------------------------------------


def test_the_first_pattern_that_matches_wins(read: Read) -> None:
    words = "electricitymaps --at 2026-11-22T16:07Z --zone ENTSOE_FR --json --answer"
    files = {"a": LATEST, "b": LATEST | {"carbonIntensity": 12}}
    assert read(f"{words} *latest*=<a> *=<b>", **files).steps[0]["stored"][0]["gco2_kwh"] == 48
    assert read(f"{words} *zone=FR&*=<b> *=<a>", **files).steps[0]["stored"][0]["gco2_kwh"] == 12


def test_what_no_pattern_matches_is_answered_404_and_named(read: Read) -> None:
    done = read(
        "electricitymaps --at 2026-11-22T16:07Z --zone ENTSOE_FR --json --answer *zone=DE*=<a>",
        a=LATEST,
    )
    (step,) = done.steps
    assert (step["state"], step["stored"]) == ("failed", [])
    (url,) = step["unmatched"]
    assert url.startswith("https://api.electricitymaps.com/v3/carbon-intensity/latest?zone=FR")


def test_a_file_may_come_with_another_status(read: Read) -> None:
    done = read(
        "electricitymaps --at 2026-11-22T16:07Z --zone ENTSOE_FR --json --answer *=403:<no>",
        no={"error": "not today"},
    )
    (refused,) = done.steps[0]["refused"]
    assert (refused["zone"], refused["reason"]) == ("ENTSOE_FR", "permanent")
    assert "403" in refused["message"]
    assert "not today" in refused["message"]


CORRECTED = {
    "ahead": NESO_AHEAD,
    "first": NESO_NOW,
    "second": nation(NESO_AT - HALF_HOUR, forecast=151, actual=139, index="moderate"),
    "gb": NESO_GB,
    "mix": NESO_MIX,
    "other": mixed(139),
}


def test_a_later_step_adds_answers_before_those_that_stay(read: Read) -> None:
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR --json --answer */intensity=<first>"
        " */generation/*=<mix> */regional/*=<gb> */fw24h=<ahead>"
        " --then 2026-05-06T00:27Z */intensity=<second> */generation/*=<other>"
        " --then 2026-05-06T00:28Z",
        **CORRECTED,
    )
    first, second, third = done.steps
    assert as_published(first["stored"]) == [148]
    assert as_published(second["stored"]) == [139]
    assert second["refused"] == first["refused"] == []
    assert (third["state"], third["stored"]) == ("ok", [])
    assert as_published(done.document["current"]) == [139]
    assert as_published(done.document["history"]) == [139]


def throttled_then_good(read: Read, *more: str) -> list[str]:
    done = read(
        "entsoe --at 2026-05-06T14:10Z --zone ENTSOE_FR --json --answer *=429:<busy>"
        " --then 2026-05-06T14:15Z *=<france>",
        *more,
        busy="busy",
        france=FRANCE,
    )
    return [step["state"] for step in done.steps]


def test_the_provider_remembers_as_in_a_warm_sandbox(read: Read) -> None:
    assert throttled_then_good(read) == ["failed", "failed"], "silent for ten minutes"


def test_a_cold_step_has_a_provider_that_remembers_nothing(read: Read) -> None:
    assert throttled_then_good(read, "--cold") == ["failed", "ok"]


def test_the_summary_is_readable(read: Read) -> None:
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR"
        " --answer */intensity=<first> */regional/*=<gb> */generation/*=<mix>"
        " --then 2026-05-06T00:27Z */intensity=<second> */generation/*=<other>",
        **CORRECTED,
    )
    assert done.code == 0
    assert "2026-05-06T00:17:00Z: partial, 2 readings stored, 1 refused or failed" in done.out
    assert "GBR: permanent: HTTP 404" in done.out
    assert (
        "no pattern matches, answered 404: https://api.carbonintensity.org.uk/intensity/"
        in done.out
    )
    rows = [line.split() for line in done.out.partition("after the last step")[2].splitlines()]
    counted = ["consumption", "greenstream"]
    assert ["GBR", "average/direct", *counted, "139.1"] in [row[:5] for row in rows]


def test_a_defect_of_a_provider_is_shown_with_its_place(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("regions")

    monkeypatch.setattr(Eso, "_nation", broken)
    done = read(
        "eso --at 2026-05-06T00:17Z --zone GBR --json --answer */regional/*=<gb>", gb=NESO_GB
    )
    assert done.code == 1
    (step,) = json.loads(done.out)["steps"]
    assert step["state"] == "failed"
    assert step["refused"] == [
        {"zone": None, "reason": "unexpected", "message": "KeyError: 'regions'"}
    ]
    assert 'raise KeyError("regions")' in done.err


# --- what cannot be used ----------------------------------------------------------------------

GOOD = "eso --at 2026-05-06T00:17Z --answer *=<a>"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (GOOD.replace("eso", "entso"), "no provider 'entso': did you mean entsoe"),
        (GOOD.replace("eso", "xyz"), "no provider 'xyz': there is eso, elexon, gridstatus,"),
        (GOOD.replace("eso", "router"), "no provider 'router'"),
        (f"{GOOD} --zone GBR13", "no zone of eso 'GBR13': did you mean GBR-13"),
        (f"{GOOD} --zone NYISO", "eso does not read the zone NYISO"),
        (
            GOOD.replace("eso", "gridstatus") + " --zone GBR",
            "it reads CAISO_NORTH, CAISO_SANDIEGO, NYISO",
        ),
        (GOOD.replace("05-06", "13-06"), "'2026-13-06T00:17Z' is not a time in ISO 8601"),
        (f"{GOOD} --then noon", "'noon' is not a time in ISO 8601"),
        (f"{GOOD} --then 2026-05-05T00:00Z", "is before the time of the step before it"),
        ("eso --at 2026-05-06T00:17Z --answer *=/no/file.json", "'/no/file.json' of"),
        ("eso --at 2026-05-06T00:17Z --answer *=.", "Is a directory"),
        ("eso --at 2026-05-06T00:17Z --answer <a>", "is not PATTERN=FILE or PATTERN=STATUS:FILE"),
        ("eso --at 2026-05-06T00:17Z --answer *=404:", "is not PATTERN=FILE"),
        (f"{GOOD} --then 2026-05-06T00:18Z b=/no/b", "'/no/b' of"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(read: Read, words: str, said: str) -> None:
    done = read(words, a={})
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize("time", ["2026-05-06T02:17+02:00", "2026-05-06T00:17", "2026-05-06 00:17"])
def test_a_time_is_taken_to_utc_and_without_an_offset_is_in_it(read: Read, time: str) -> None:
    done = read("eso --zone GBR --json --answer *=<a> --at", time, a={})
    assert done.steps[0]["at"] == "2026-05-06T00:17:00Z"


# --- the transport ----------------------------------------------------------------------------


def test_all_three_libraries_are_answered_and_let_go() -> None:
    asked: list[tuple[str, str]] = []

    def answer(url: str, headers: dict[str, str]) -> Answer:
        asked.append((url, headers["x-mark"]))
        return Answer(b"12", "text/csv", 404 if "missing" in url else 200)

    url, headers = "https://grid.test/a?b=c%20d", {"X-Mark": "m"}
    before = (httpx.HTTPTransport.handle_request, requests.adapters.HTTPAdapter.send)
    timeout_s = socket.getdefaulttimeout()
    with answered_by(answer):
        socket.setdefaulttimeout(7)
        for body in (
            httpx.get(url, headers=headers).content,
            requests.get(url, headers=headers, timeout=9).content,
            urllib.request.urlopen(urllib.request.Request(url, headers=headers)).read(),
        ):
            assert body == b"12"
        missing = urllib.request.Request("http://grid.test/missing", headers=headers)
        with pytest.raises(urllib.error.HTTPError, match="404: Not Found"):
            urllib.request.urlopen(missing)
        with pytest.raises(requests.HTTPError, match="404 Client Error: Not Found"):
            requests.get(missing.full_url, headers=headers, timeout=9).raise_for_status()
    assert asked[:3] == [(url, "m")] * 3
    assert (httpx.HTTPTransport.handle_request, requests.adapters.HTTPAdapter.send) == before
    assert socket.getdefaulttimeout() == timeout_s


def test_an_archive_holds_the_days_that_have_an_answer(tmp_path: Path) -> None:
    from infra.reading.answers import FileAnswer, answer_to

    day = tmp_path / "day.csv"
    day.write_text("a")
    url = "http://mis.nyiso.com/public/csv/rtfuelmix/20260201rtfuelmix_csv.zip"
    answers = [FileAnswer.parse(f"*0217rtfuelmix.csv={day}")]
    packed = answer_to(answers, url)
    assert packed is not None
    assert unzipped(packed.body) == ("20260217rtfuelmix.csv", b"a")
    assert answer_to(answers, url.replace("202602", "202603")) is None
