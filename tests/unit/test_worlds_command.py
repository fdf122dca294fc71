"""These tests cover ``greenstream worlds``: its summary, its goals, its files and its errors."""

import argparse
import csv
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.worlds import command
from infra.worlds.bench import Row
from infra.worlds.policies import TUNED_FILE, policies
from infra.worlds.report import BEGIN, END, as_markdown, as_text
from infra.worlds.summary import above, goals_of, lines_of

FIELDS = {
    "world",
    "delay",
    "policy",
    "delivered_gco2_kwh",
    "nearest_gco2_kwh",
    "best_static_gco2_kwh",
    "oracle_gco2_kwh",
}
WORLD = {
    "name": "two",
    "limit_ms": 80,
    "pops": [
        {"pop": "osl", "lat": 59.91, "lon": 10.75, "trace": "NO"},
        {"pop": "lon", "lat": 51.51, "lon": -0.13, "trace": "GB"},
    ],
}


def row(
    world: str, delay: str, delivered: float, baselines: tuple[float, float, float], **changes: Any
) -> Row:
    nearest, best_static, oracle = baselines
    fields: dict[str, Any] = {
        "world": world,
        "delay": delay,
        "policy": "default",
        "delivered_gco2_kwh": delivered,
        "nearest_gco2_kwh": nearest,
        "best_static_gco2_kwh": best_static,
        "oracle_gco2_kwh": oracle,
    }
    return Row(**fields | changes)


CLEAN, DIRTY = (140.0, 9.0, 9.0), (500.0, 400.0, 391.0)


class TestSummary:
    def test_together_is_the_sum_delivered_over_the_sum_of_the_oracle(self) -> None:
        rows = [row("a", "6h", 10.0, CLEAN), row("b", "6h", 394.0, DIRTY)]
        (line,) = lines_of(rows)

        assert line.above_oracle["default"] == pytest.approx(404 / 400 - 1)
        assert line.static_above_oracle == pytest.approx(409 / 400 - 1)
        assert line.nearest_above_oracle == pytest.approx(640 / 400 - 1)

    def test_the_worst_world_is_that_of_the_largest_share(self) -> None:
        rows = [row("a", "6h", 10.0, CLEAN), row("b", "6h", 450.0, DIRTY)]
        (line,) = lines_of(rows)

        assert line.worst_to_static.row.world == "b"
        assert line.worst_to_static.above == pytest.approx(0.125)
        assert line.worst_to_nearest.above == pytest.approx(450 / 500 - 1)

    def test_the_worst_turn_of_one_late_source_is_shown_but_summed_as_a_mean(self) -> None:
        rows = [
            row("a", "one late: osl", 12.0, CLEAN),
            row("a", "one late: lon", 9.0, CLEAN),
            row("a", "one late", 10.5, CLEAN),
        ]
        (line,) = lines_of(rows)

        assert line.above_oracle["default"] == pytest.approx(10.5 / 9 - 1)
        assert line.worst_to_static.row.delay == "one late: osl"

    def test_other_policies_are_summed_beside_and_judged_by_nothing(self) -> None:
        rows = [
            row("a", "usual 1h", 9.0, CLEAN),
            row("a", "usual 1h", 90.0, CLEAN, policy="owner"),
        ]
        (line,) = lines_of(rows)

        assert line.above_oracle == pytest.approx({"default": 0.0, "owner": 9.0})
        assert line.worst_to_static.above == 0
        assert all(goal.held for goal in goals_of([line]))

    def test_a_base_of_zero_is_exceeded_without_end(self) -> None:
        assert above(0.0, 0.0) == 0
        assert above(1.0, 0.0) == float("inf")


class TestGoals:
    def verdicts(self, *rows: Row) -> list[str]:
        return [goal.verdict for goal in goals_of(lines_of(rows))]

    def test_each_world_is_held_to_its_fixed_choice_and_its_nearest_pop(self) -> None:
        good = row("b", "usual 1h", 391.0, DIRTY)
        assert self.verdicts(row("a", "usual 1h", 9.0, CLEAN), good) == ["held"] * 3
        assert self.verdicts(row("a", "usual 1h", 9.2, CLEAN), good) == ["missed", "held", "held"]

    def test_one_world_above_its_nearest_pop_is_enough(self) -> None:
        near = (9.0, 9.0, 9.0)
        bad, good = row("a", "usual 2h", 9.01, near), row("b", "usual 2h", 391.0, DIRTY)
        assert self.verdicts(bad, good) == ["held", "missed", "held"]

    def test_equal_choices_summed_in_another_order_are_equal(self) -> None:
        near = (9.0, 9.0, 9.0)
        assert self.verdicts(row("a", "usual 2h", 9.000000000001, near)) == ["held"] * 3

    @pytest.mark.parametrize(
        ("delay", "most"), [("usual 3h", 0.005), ("one late", 0.013), ("no history", 0.015)]
    )
    def test_all_together_are_held_to_the_oracle(self, delay: str, most: float) -> None:
        held = row("a", delay, 100 * (1 + most - 0.0001), (200.0, 150.0, 100.0))
        missed = row("a", delay, 100 * (1 + most + 0.0001), (200.0, 150.0, 100.0))
        assert self.verdicts(held)[-1] == "held"
        assert self.verdicts(missed)[-1] == "missed"

    def test_disturbances_that_no_goal_names_are_not_judged(self) -> None:
        assert self.verdicts(row("a", "no key", 120.0, CLEAN), row("a", "mine", 99, CLEAN)) == []


def test_the_tuned_policy_comes_with_its_evidence() -> None:
    kept = json.loads(TUNED_FILE.read_text())
    assert kept["made_by"].startswith("greenstream tune --train 2022 ")
    assert kept["adopted"] == (min(kept["evidence"]["gain"], last_gain(kept)) >= 0.002)
    assert policies()["tuned"].version == "tuned"


def last_gain(kept: Mapping[str, Any]) -> float:
    return float(kept["evidence"]["folds"][-1]["gain"])


class TestReport:
    rows = [  # noqa: RUF012 - read only
        row("a", "usual 3h", delivered, CLEAN, policy=policy)
        for policy, delivered in (("default", 9.0), ("owner", 80.1), ("tuned", 9.0))
    ]

    def test_the_console_says_who_is_above_what_and_which_goals_hold(self) -> None:
        text = as_text(self.rows)
        (line,) = (line for line in text.splitlines() if line.startswith("usual 3h"))
        assert "+790.00%" in line
        assert "+0.00% (a, usual 3h)" in line
        assert "-93.57% (a, usual 3h)" in line
        assert "held" in text

    def test_without_usual_delays_no_goal_is_judged(self) -> None:
        mine = [row("a", "mine", 9.0, CLEAN, policy=p) for p in ("default", "owner", "tuned")]
        assert "No goal is judged" in as_text(mine)

    def test_the_document_has_each_world(self) -> None:
        assert "| a | 140.0 | 9.0 | 9.0 | 9.0 | 80.1 | 9.0 |" in as_markdown(self.rows, 2023)
        assert "Yearly means are those of 2022." in as_markdown(self.rows, 2023)


@pytest.fixture(scope="module")
def carbon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the traces of a clean and a dirty grid, ten days of 2023 and 2024."""
    folder = tmp_path_factory.mktemp("traces")
    for zone, value in (("NO", 10), ("GB", 200)):
        for year in (2023, 2024):
            with (folder / f"{zone}_{year}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["datetime_utc", "direct_gco2_kwh", "lifecycle_gco2_kwh"])
                for hour in range(240):
                    at = datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
                    writer.writerow([f"{at:%Y-%m-%dT%H:%M}", value + hour % 24, ""])
    return folder


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_to(parser.add_subparsers())
    parsed = parser.parse_args(["worlds", *arguments])
    return int(parsed.do(parsed))


def a_file(folder: Path, *worlds: dict[str, Any]) -> str:
    file = folder / "worlds.json"
    file.write_text(json.dumps({"worlds": worlds}))
    return str(file)


class TestCommand:
    def test_rows_are_by_world_delay_and_policy(
        self, carbon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = WORLD | {"name": "own", "delay": "a bad day", "delay_s": {"osl": 0, "lon": 0}}
        out, report = tmp_path / "made" / "rows.json", tmp_path / "WORLDS.md"
        report.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
        files = ["--carbon", str(carbon), "--worlds", a_file(tmp_path, WORLD, own)]
        options = ["--test", "2024", "--json", "--out", str(out), "--report", str(report)]

        assert run(*files, *options) == 0
        rows = json.loads(capsys.readouterr().out)
        assert json.loads(out.read_text()) == rows
        assert all(set(found) == FIELDS for found in rows)
        assert {found["policy"] for found in rows} == {"default", "owner", "tuned"}
        assert len(rows) == 3 * (10 + 2 + 1)  # delay tables, late sources in turn, own delays
        assert rows[-1]["delay"] == "a bad day"
        assert rows[-1]["nearest_gco2_kwh"] == pytest.approx(105 + 11.5)
        assert rows[-1]["best_static_gco2_kwh"] == pytest.approx(10 + 11.5)
        written = report.read_text()
        assert written.startswith(f"before\n{BEGIN}\nReplayed on 2024.")
        assert written.endswith(f"\n{END}\nafter\n")
        assert "old" not in written

    def test_the_summary_is_printed_where_no_json_is_asked_for(
        self, carbon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        files = ["--carbon", str(carbon), "--worlds", a_file(tmp_path, WORLD)]
        assert run(*files, "--test", "2024") == 0
        text = capsys.readouterr().out
        assert "\nusual 3h      1  " in text
        assert sum(line.startswith(("held ", "missed ")) for line in text.splitlines()) == 7

    def refused(self, capsys: pytest.CaptureFixture[str], *arguments: str, lines: int = 1) -> str:
        assert run(*arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        # On a slow machine the command reports its progress before it finds the files unusable.
        said = [line for line in err.splitlines() if "worlds replayed" not in line]
        assert len(said) == lines
        return "\n".join(said)

    def test_files_that_are_not_there_are_named_in_one_sentence(
        self, carbon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        none = str(tmp_path / "none")
        worlds = a_file(tmp_path, WORLD)
        for arguments in (
            ["--worlds", none, "--carbon", str(carbon)],
            ["--worlds", worlds, "--carbon", none],
        ):
            said = self.refused(capsys, *arguments)
            assert f"{none} is not there, and the project ships no traces" in said

    def test_a_trace_or_a_year_that_is_not_there_is_named(
        self, carbon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        unknown = WORLD | {"pops": [WORLD["pops"][0] | {"trace": "XX"}]}  # type: ignore[index]
        files = ["--carbon", str(carbon), "--worlds"]
        wrong = self.refused(capsys, *files, a_file(tmp_path, WORLD, unknown), "--test", "2024")
        assert "XX_2023.csv with direct figures is not in" in wrong
        worlds = a_file(tmp_path, WORLD)
        assert "GB_2022.csv with" in self.refused(capsys, *files, worlds, "--test", "2023")
        assert "no trace of [2029, 2030]" in self.refused(capsys, *files, worlds, "--test", "2030")

    def test_a_damaged_trace_is_named_by_its_line(
        self, carbon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for trace in carbon.glob("*.csv"):
            (tmp_path / trace.name).write_text(trace.read_text().replace("T05:00,", "T25:00,", 1))
        worlds = a_file(tmp_path, WORLD)
        wrong = self.refused(
            capsys, "--carbon", str(tmp_path), "--worlds", worlds, "--test", "2024"
        )
        assert "GB_2023.csv, line 7" in wrong

    def test_a_document_without_markers_is_refused(
        self, carbon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        report = tmp_path / "WORLDS.md"
        report.write_text("nothing")
        files = ["--carbon", str(carbon), "--worlds", a_file(tmp_path, WORLD), "--test", "2024"]
        assert f"has no {BEGIN}" in self.refused(capsys, *files, "--report", str(report))
        assert report.read_text() == "nothing"

    @pytest.mark.parametrize("year", ["23", "2201", "2023.5", "last"])
    def test_a_year_is_a_year(self, year: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            run("--test", year)
        assert ended.value.code == 2
        assert f"'{year}' is not a year from 1971 to 2200" in capsys.readouterr().err
