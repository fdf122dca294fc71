"""These tests run ``greenstream replay`` and ``greenstream tune`` on files of traces."""

import argparse
import csv
import json
import re
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from greenstream.domain.policy import FreshnessModel, Policy
from infra.local import replay_cli
from infra.local.replay_cli import OptionError, pair_of, policy_in, years_of

ROW = {
    "limit_ms",
    "policy",
    "delivered_gco2_kwh",
    "reduction",
    "median_rtt_ms",
    "p95_rtt_ms",
    "violations",
    "switches_per_year",
    "steps",
    "skipped_steps",
    "fallback_share",
    "fallback_delivered_gco2_kwh",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the options for the files of two grids, which are clean in turn for two years."""
    folder = tmp_path_factory.mktemp("traces")
    for zone, clean in (("A", range(12)), ("B", range(12, 24))):
        for year in (2021, 2022):
            with (folder / f"{zone}_{year}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["datetime_utc", "direct_gco2_kwh", "lifecycle_gco2_kwh"])
                for hour in range(24 * 365):
                    moment = datetime(year, 1, 1) + timedelta(hours=hour)  # noqa: DTZ001 - such files have no offset
                    value = 100 if moment.hour in clean else 400
                    writer.writerow([moment, value, value + 50])
    rtt = folder / "rtt.txt"
    rtt.write_text("origin,A,B\nA,5,60\nB,60,5\n")
    return ["--carbon", str(folder), "--rtt", str(rtt), "--train", "2021", "--test", "2022"]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    replay_cli.add_to(parser.add_subparsers())
    parsed = parser.parse_args(arguments)
    return int(parsed.do(parsed))


def a_policy(**changes: object) -> str:
    """Return the text of a policy file that differs from the default policy by ``changes``."""
    return json.dumps({"policy": asdict(Policy()) | changes})


def test_rows_are_by_limit_and_policy(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made" / "replay.json"
    code = run("replay", *files, "--json", "--step", "3600", "--trials", "3", "--out", str(out))
    rows = json.loads(capsys.readouterr().out)

    assert code == 0
    assert json.loads(out.read_text()) == rows
    assert all(set(row) == ROW for row in rows)
    assert [row["limit_ms"] for row in rows[::6]] == [20, 50, 65, 80, 100, 150]
    policies = [row["policy"] for row in rows[:6]]
    assert policies == ["nearest", "best_static", "default", "owner", "tuned", "oracle"]
    assert [row["delivered_gco2_kwh"] for row in rows[-6:]][::5] == [250, 100]


def test_a_policy_that_tune_wrote_is_what_replay_reads(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plain = tmp_path / "policy.json", tmp_path / "plain.json"
    owners = Policy(version="plain", freshness_model=FreshnessModel.PENALTY, switch_margin=0.05)
    plain.write_text(json.dumps({"policy": asdict(owners)}))
    late = ["--delay", "B=10800", "--trials", "4", "--in-force", str(plain)]
    assert run("tune", *files, *late, "--out", str(out)) == 0
    assert "adopted: " in capsys.readouterr().out
    assert policy_in(out).freshness_model is not FreshnessModel.PENALTY
    assert json.loads(out.read_text())["evidence"]["gain"] > 0

    assert run("replay", *files, "--step", "10800", "--policy", str(out)) == 0
    assert "best_static" in capsys.readouterr().out


def test_the_pops_of_a_replay_can_be_named(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.json").write_text(a_policy())
    policy = ["--policy", str(tmp_path / "mine.json"), "--step", "3600"]
    assert run("replay", *files, *policy, "--pops", "B", "--json") == 0
    printed = capsys.readouterr()

    assert "POPs: B; direct basis" in printed.err
    assert {row["delivered_gco2_kwh"] for row in json.loads(printed.out)} == {250}


def test_pops_without_a_name_are_refused(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("replay", *files, "--pops", " , ")
    assert ended.value.code == 2
    assert "names no POP" in capsys.readouterr().err


@pytest.fixture(scope="module")
def with_gaps(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return options under which data is missing.

    Grid A is unknown for two days of 2022, the readings of grid B come 200 hours late, and place C
    has no trace.
    """
    folder = tmp_path_factory.mktemp("gaps")
    for trace in Path(files[1]).glob("*.csv"):
        head, *rows = trace.read_text().splitlines(keepends=True)
        kept = rows[:4000] + rows[4048:] if trace.stem == "A_2022" else rows
        (folder / trace.name).write_text("".join([head, *kept]))
    rtt, policy = folder / "rtt.txt", folder / "mine.json"
    rtt.write_text("origin,A,B,C\nA,5,60,9\nB,60,5,9\nC,9,9,5\n")
    policy.write_text(a_policy())
    own = ["--carbon", str(folder), "--rtt", str(rtt), "--policy", str(policy)]
    return [*files, *own, "--step", "3600", "--late", "B=200"]


class TestWhatIsLeftOut:
    """The replay reports what it leaves out, both below the table and on the page of the report."""

    def test_steps_places_and_decisions_without_a_reading_are_reported(
        self, with_gaps: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("replay", *with_gaps) == 0
        table, _, below = capsys.readouterr().out.partition("\n\n")

        heading, *rows = table.splitlines()
        assert heading.split("  ")[-2:] == ["no reading", "their g/kWh"]
        (row,) = (row.split() for row in rows if row.startswith("80 ") and " default " in row)
        # While grid A is dirty, grid B's yearly mean of 250 is the lower figure. At midnight the
        # expected figure of A is 250 as well, so the visitors stay with B for one more hour,
        # although B is the dirty grid then.
        assert row[-2:] == ["50.0%", "125.0"]
        (fixed,) = (row.split() for row in rows if row.startswith("80 ") and "best_static" in row)
        assert len(fixed) == len(row) - 2
        assert "48 of 8,760 steps (48 h) are in no figure" in below
        assert "1 place is left out, because grid figures are missing: C." in below

    def test_the_page_of_the_report_gives_them_too(
        self, with_gaps: list[str], tmp_path: Path
    ) -> None:
        assert run("replay", *with_gaps, "--report", str(tmp_path)) == 0
        page = (tmp_path / "replay.html").read_text()

        assert "<td>50.0%</td><td>125.0</td></tr>" in page
        assert "48 of 8,760 steps (48 h) are in no figure" in page
        assert "<td>default policy</td>" in page
        assert "<td>plain price of age</td>" in page


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--late", "C=14"], "C is not one of A, B"),
        (["--pops", "A,C"], "C is not one of A, B"),
        (["--test", "2030"], "no place in rtt.txt has a trace"),
        (["--carbon", "nowhere"], "nowhere holds no traces"),
        (["--rtt", "nowhere.csv"], "nowhere.csv"),
        (["--policy", "nowhere.json"], "nowhere.json"),
    ],
)
def test_unusable_input_is_reported_and_the_command_fails(
    files: list[str], wrong: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("replay", *files, *wrong) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_no_policy_cannot_be_used_either(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"policy": {}}')
    assert run("replay", *files, "--policy", str(mine)) == 2
    assert "mine.json is not a policy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Expecting property name"),
        ("\udcff", "can't decode byte 0xff"),
        ("[]", "list indices"),
        ("{}", "'policy' is missing"),
        ('{"policy": {}}', "'ranking_signal' is missing"),
        (a_policy(colour="green"), "unexpected keyword argument 'colour'"),
        (a_policy(switch_margin=7), "switch_margin must be from 0.0 to 0.99, not 7"),
        (a_policy(switch_margin="7"), "not supported between instances of 'float' and 'str'"),
        (a_policy(capacity=[]), "'list' object has no attribute 'items'"),
        (a_policy(ranking_signal="best"), "'best' is not a valid RankingSignal"),
    ],
)
def test_the_refusal_of_a_file_that_is_no_policy_gives_the_reason(
    text: str, told: str, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.json"
    mine.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(
        OptionError, match=r"mine\.json is not a policy that `greenstream tune` wrote"
    ):
        policy_in(mine)
    with pytest.raises(OptionError, match=re.escape(told)):
        policy_in(mine)


def test_years_in_which_no_step_can_be_judged_are_reported_and_the_command_fails(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for trace in Path(files[1]).glob("*.csv"):
        head, *rows = trace.read_text().splitlines(keepends=True)
        half = {"A_2022": rows[:4000], "B_2022": rows[4000:]}.get(trace.stem, rows)
        (tmp_path / trace.name).write_text("".join([head, *half]))
    mine = tmp_path / "mine.json"
    mine.write_text(a_policy())
    mine_alone = ["--carbon", str(tmp_path), "--policy", str(mine), "--step", "10800"]
    assert run("replay", *files, *mine_alone) == 2
    assert "the intensity of every POP is known at no step" in capsys.readouterr().err


def test_years_are_read_singly_and_as_ranges() -> None:
    assert years_of("2022") == (2022,)
    assert years_of("2019,2021-2023") == (2019, 2021, 2022, 2023)


@pytest.mark.parametrize("text", ["14", "=14", "fra=-1", "fra=nan", "fra=inf"])
def test_a_delay_is_a_name_and_a_number(text: str) -> None:
    with pytest.raises((argparse.ArgumentTypeError, ValueError)):
        pair_of(text)


@pytest.mark.parametrize("option", ["--step", "--trials"])
@pytest.mark.parametrize("text", ["0", "-5", "1.5", "many"])
def test_steps_and_trials_are_whole_numbers_from_one(
    option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("replay", option, text)
    assert ended.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err
