"""The simulated NYISO files have the timestamps and rows of the real files.

A file that does not exist in reality does not exist in the simulation either.
"""

import csv
import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.local.upstream import nyiso
from infra.local.upstream.wire import Answer, Request

NOW = datetime(2026, 2, 5, 20, 47, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def ask(name: str, now: datetime = NOW) -> Answer:
    return nyiso.answer(Request("GET", f"/public/csv/rtfuelmix/{name}"), now)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def day(wanted: date, now: datetime = LATER) -> list[dict[str, str]]:
    text = nyiso.day_csv(wanted, now)
    assert text is not None
    return rows(text)


def stamps(wanted: date) -> list[str]:
    return list(dict.fromkeys(f"{r['Time Stamp']} {r['Time Zone']}" for r in day(wanted)))


def test_today_ends_minutes_ago_with_seven_fuels_a_stamp() -> None:
    today = rows(ask("20260205rtfuelmix.csv").body.decode())
    assert today[0]["Time Stamp"] in {"02/05/2026 00:05:00", "02/05/2026 00:10:00"}
    last = [row for row in today if row["Time Stamp"] == today[-1]["Time Stamp"]]
    assert [row["Fuel Category"] for row in last] == list(nyiso.FUELS)
    ended = datetime.strptime(last[0]["Time Stamp"] + "-0500", "%m/%d/%Y %H:%M:%S%z")
    assert timedelta(minutes=4) <= NOW - ended <= timedelta(minutes=14)


def test_there_is_no_file_before_the_first_stamp_of_the_day_nor_for_tomorrow() -> None:
    just_after_midnight = datetime(2026, 2, 5, 5, 3, tzinfo=UTC)
    assert ask("20260205rtfuelmix.csv", just_after_midnight).status == 404
    assert ask("20260206rtfuelmix.csv").status == 404
    assert ask("20260230rtfuelmix.csv").status == 404


def test_a_day_ends_at_the_next_midnight() -> None:
    assert stamps(date(2026, 2, 4))[-1] == "02/05/2026 00:00:00 EST"


@pytest.mark.parametrize(
    ("wanted", "hours", "zones"),
    [
        (date(2026, 2, 4), 24, {"EST"}),
        (date(2026, 3, 8), 23, {"EST", "EDT"}),
        (date(2026, 11, 1), 25, {"EST", "EDT"}),
    ],
)
def test_clock_changes_show_in_the_zone_column_alone(
    wanted: date, hours: int, zones: set[str]
) -> None:
    seen = stamps(wanted)
    on_grid = [stamp for stamp in seen if stamp[14:19] in {f"{m:02}:00" for m in range(0, 60, 5)}]
    assert hours * 12 - 6 <= len(on_grid) <= hours * 12
    assert {stamp[-3:] for stamp in seen} == zones


def test_some_stamps_fall_between_the_five_minutes_and_all_ascend() -> None:
    instants = list(nyiso.stamps(date(2026, 2, 4)))
    assert instants == sorted(set(instants))
    assert any(at.second or at.minute % 5 for at in instants)


def test_old_days_are_only_in_the_months_archive() -> None:
    assert ask("20260101rtfuelmix.csv").status == 404
    packed = ask("20260101rtfuelmix_csv.zip")
    names = zipfile.ZipFile(io.BytesIO(packed.body)).namelist()
    assert names == [f"202601{n:02}rtfuelmix.csv" for n in range(1, 32)]
    current = ask("20260201rtfuelmix_csv.zip")
    assert len(zipfile.ZipFile(io.BytesIO(current.body)).namelist()) == 4
    assert ask("20260301rtfuelmix_csv.zip").status == 404


def test_output_stays_in_the_recorded_range_through_a_year() -> None:
    for hour in range(0, 365 * 24, 5):
        output = nyiso.generation_mw(NOW + timedelta(hours=hour))
        assert min(output.values()) >= 0
        assert 10_000 < sum(output.values()) < 25_000


def test_a_half_written_stamp_has_only_some_fuels() -> None:
    whole = ask("20260205rtfuelmix.csv").body.decode()
    cut = rows(nyiso.half_written(whole, {}))
    last = [row for row in cut if row["Time Stamp"] == cut[-1]["Time Stamp"]]
    assert len(last) == 3
    assert cut == rows(whole)[: len(cut)]


def test_a_missing_fuel_is_absent_from_every_stamp() -> None:
    whole = ask("20260205rtfuelmix.csv").body.decode()
    left = {row["Fuel Category"] for row in rows(nyiso.missing_fuel(whole, {"fuel": "Wind"}))}
    assert left == set(nyiso.FUELS) - {"Wind"}
