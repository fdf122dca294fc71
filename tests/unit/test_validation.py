"""``make validate``: what decides a verdict, and what the report says of it."""

import argparse
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean

import pytest

from functions.eia.workbook import hours_of
from greenstream.domain.intensity import factor_tables
from greenstream.domain.reading import Basis
from infra.local.upstream import eia as simulated_eia
from infra.validation import command, eia, factors, grids, means, mixes
from infra.validation.command import rows_of
from infra.validation.means import Pair, compare
from infra.validation.reasons import Reason
from infra.validation.report import MARKERS, as_markdown, as_text
from infra.validation.row import Material, Row, Verdict

NEAR = Pair("NEAR", Basis.DIRECT, 100.0, 90.0)
FAR = Pair("FAR", Basis.DIRECT, 100.0, 60.0)


class TestCompare:
    def test_figures_within_a_third_hold(self) -> None:
        row = compare("q", "theirs", [NEAR], "nobody")
        assert row.verdict is Verdict.HELD
        assert "1 zones, ratio 1.11" in row.numbers
        assert row.detail == ()

    def test_a_figure_beyond_a_third_misses_without_a_reason(self) -> None:
        row = compare("q", "theirs", [NEAR, FAR], "nobody")
        assert row.verdict is Verdict.MISSED
        assert "beyond a third without a reason: FAR direct" in row.numbers

    def test_a_reason_lets_it_stand_and_is_shown(self) -> None:
        row = compare("q", "theirs", [FAR], "nobody", reasons={"FAR": Reason("Another year")})
        assert row.verdict is Verdict.HELD
        assert row.detail == (("FAR", "direct", "100", "60", "1.7", "Another year"),)

    def test_a_reason_that_admits_a_doubt_misses(self) -> None:
        doubt = {"FAR": Reason("Our factor is high", doubtful=True)}
        row = compare("q", "theirs", [FAR], "nobody", reasons=doubt)
        assert row.verdict is Verdict.MISSED
        assert "1 of those beyond a third are likely wrong on our side" in row.numbers

    def test_figures_that_may_not_be_passed_on_are_not_shown(self) -> None:
        row = compare(
            "q", "x", [FAR], "nobody", reasons={"FAR": Reason("Scope")}, values_may_be_shown=False
        )
        assert row.detail[0][3] == "not to be shown"

    @pytest.mark.parametrize(
        ("ours", "theirs", "far"),
        [(100, 75, False), (100, 74, True), (75, 100, False), (74, 100, True), (20, 6, False)],
    )
    def test_a_third_is_counted_either_way_and_small_figures_are_alike(
        self, ours: float, theirs: float, *, far: bool
    ) -> None:
        assert Pair("Z", Basis.DIRECT, ours, theirs).is_far is far

    def test_a_figure_of_zero_beside_a_large_one_is_far(self) -> None:
        assert Pair("Z", Basis.DIRECT, 100, 0).is_far

    def test_nothing_to_compare_with_is_not_run(self) -> None:
        assert compare("q", "x", [], "nobody").verdict is Verdict.NOT_RUN


def nowhere(folder: Path) -> Material:
    return Material(folder / "recordings", folder / "datasets", folder / "peers")


def test_without_any_material_nothing_is_held_and_nothing_is_missed(tmp_path: Path) -> None:
    rows = list(rows_of(nowhere(tmp_path)))
    assert len(rows) >= 10
    assert {row.verdict for row in rows} == {Verdict.NOT_RUN}
    assert all(row.numbers for row in rows)


def test_a_trace_is_compared_with_the_zone_that_reads_it(tmp_path: Path) -> None:
    lines = ["datetime_utc,direct_gco2_kwh,lifecycle_gco2_kwh"]
    lines += ["2023-01-01T00:00,40,", "2023-01-01T01:00,42,"]
    (tmp_path / "FR_2023.csv").write_text("\n".join(lines))
    (pair,) = means.of_traces(tmp_path)
    assert (pair.zone, pair.basis, pair.theirs) == ("ENTSOE_FR", Basis.DIRECT, 41.0)


HEAD = "Time Stamp,Time Zone,Fuel Category,Gen MW\n"


def test_a_day_of_nyiso_is_read_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "20250209rtfuelmix.csv"
    file.write_text(
        HEAD
        + "02/09/2025 00:05:00,EST,Natural Gas,300\n"
        + "02/09/2025 00:05:00,EST,Hydro,100\n"
        + "02/09/2025 00:05:00,EST,Other Renewables,50\n"
    )
    gas = 417.2
    (figure,) = mixes.nyiso_by_hand(file).items()
    assert figure[0] == datetime(2025, 2, 9, 5, 5, tzinfo=UTC)
    assert figure[1] == pytest.approx(0.75 * gas)


def eco2mix(folder: Path, taux_co2: int) -> Material:
    row = {
        "nucleaire": 900,
        "gaz": 100,
        "bioenergies_biomasse": 0,
        "date_heure": "2026-01-01T00:00:00+00:00",
        "taux_co2": taux_co2,
    }
    file = folder / "recordings/rte_eco2mix/eco2mix-national-tr.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"records": [{"fields": row}, {"fields": {"date": "later"}}]}))
    return nowhere(folder)


@pytest.mark.parametrize(("taux_co2", "verdict"), [(38, Verdict.HELD), (30, Verdict.MISSED)])
def test_rte_decides_whether_our_french_factors_are_right(
    tmp_path: Path, taux_co2: int, verdict: Verdict
) -> None:
    row = next(iter(factors.rows(eco2mix(tmp_path, taux_co2))))
    assert row.verdict is verdict
    assert "1 quarter hours" in row.numbers


def a_day_of_pjm(folder: Path, begin: datetime, gas_mw: float) -> Material:
    items = [
        {"datetime_beginning_utc": f"{at:%Y-%m-%dT%H:%M:%S}", "fuel_type": fuel, "mw": mw}
        for at in (begin + hour * timedelta(hours=1) for hour in range(24))
        for fuel, mw in (("Gas", gas_mw), ("Nuclear", 1000.0))
    ]
    file = folder / "recordings/pjm/gen_by_fuel_2025.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"items": items}))
    return nowhere(folder)


class TestEia:
    NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)

    def of_pjm(self, material: Material) -> Row:
        return next(row for row in eia.rows(material) if "PJM" in row.against)

    def test_without_a_workbook_the_row_says_what_is_there(self, tmp_path: Path) -> None:
        row = self.of_pjm(a_day_of_pjm(tmp_path, self.NOW, 1000.0))
        assert row.verdict is Verdict.NOT_RUN
        assert "PJM.xlsx is not recorded; ours would be 24 hours" in row.numbers

    def test_each_grid_without_mixes_by_the_hour_says_so(self, tmp_path: Path) -> None:
        rows = list(eia.rows(nowhere(tmp_path)))
        assert len(rows) == 6
        assert {row.verdict for row in rows} == {Verdict.NOT_RUN}
        assert all("is not recorded" in row.numbers for row in rows)

    @pytest.mark.parametrize(("times", "verdict"), [(1.0, Verdict.HELD), (2.0, Verdict.MISSED)])
    def test_the_hours_of_both_sides_decide(
        self, tmp_path: Path, times: float, verdict: Verdict
    ) -> None:
        """The mix is made so that ours is EIA's mean, or twice as much."""
        body = simulated_eia.workbook("PJM", self.NOW)
        since = self.NOW - timedelta(days=4)
        hours = [hour for hour in hours_of(body, "PJM", since) if hour.generated_gco2_kwh][:24]
        mean = times * fmean(hour.generated_gco2_kwh or 0 for hour in hours)
        gas = factor_tables()["PJM", Basis.DIRECT].factors["Gas"].gco2_kwh or 0
        begin = hours[0].end - timedelta(hours=1)
        material = a_day_of_pjm(tmp_path, begin, 1000 * mean / (gas - mean))
        folder = tmp_path / "recordings/eia930"
        folder.mkdir()
        (folder / "PJM.xlsx").write_bytes(body)

        row = self.of_pjm(material)

        assert (row.verdict, row.numbers.startswith("2")) == (verdict, True), row.numbers


class TestGrids:
    HEAD = "kind,place,zone,em_table,gsf_em,umassos,em_polygon,zip_ba\n"

    def of_colos(self, folder: Path, lines: str) -> Row:
        file = folder / "datasets/places/place_grid.csv"
        file.parent.mkdir(parents=True)
        file.write_text(self.HEAD + lines)
        return list(grids.rows(nowhere(folder)))[1]

    def test_claims_of_maps_and_of_utilities_agree(self, tmp_path: Path) -> None:
        row = self.of_colos(tmp_path, "colo,SMF,,,,,US-CAL-BANC,BANC\ncolo,SIN,,,,,~SG,\n")
        assert row.verdict is Verdict.HELD
        assert "2 agree" in row.numbers

    def test_a_claim_of_the_country_means_its_provinces_too(self, tmp_path: Path) -> None:
        """No feed is read for China's provinces, so only the country says whose they are."""
        row = self.of_colos(tmp_path, "colo,CAN,,,,,CN,\n")
        assert row.verdict is Verdict.HELD, row.numbers

    def test_a_claim_that_contradicts_another_is_shown_with_what_decided(
        self, tmp_path: Path
    ) -> None:
        row = self.of_colos(tmp_path, "colo,SMF,,,,,US-CAL-BANC,CISO\ncolo,SIN,,,,,SG,\n")
        assert row.verdict is Verdict.HELD
        [(place, zone, claimed, why)] = row.detail
        assert (place, zone, claimed) == ("smf", "EIA_BANC", "CISO or US-CAL-BANC")
        assert "SMUD" in why

    def test_a_dissent_without_a_reason_is_missed(self, tmp_path: Path) -> None:
        row = self.of_colos(tmp_path, "colo,SMF,,,,,US-CAL-CISO,CISO\ncolo,SIN,,,,,SG,\n")
        assert row.verdict is Verdict.MISSED
        assert "smf (EIA_BANC; claimed: CISO or US-CAL-CISO)" in row.numbers


class TestReport:
    held = Row.judged("q", "x", "3 cells", "0 different", held=True)
    missed = replace(Row.judged("q", "y", "4", "0", held=False), head=("zone",), detail=(("Z",),))

    def test_the_report_counts_the_verdicts(self) -> None:
        assert "1 held, 1 missed, 0 not run" in as_text([self.held, self.missed])
        assert as_markdown([self.held, self.missed]).startswith("1 held, 1 missed, 0 not run.")

    def test_what_differs_for_a_reason_has_a_table(self) -> None:
        text = as_markdown([self.held, self.missed])
        assert "| q | x | 3 cells | 0 different | **held** |" in text
        assert "### What differs for a reason: y\n\n| zone |\n|---|\n| Z |" in text

    def test_the_command_writes_between_the_markers_and_fails_on_a_miss(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        document = tmp_path / "V.md"
        document.write_text(f"before\n{MARKERS[0]}\nold\n{MARKERS[1]}\nafter\n")
        for rows, code in (([self.held], 0), ([self.held, self.missed], 1)):
            monkeypatch.setattr(command, "rows_of", lambda _, rows=rows: iter(rows))
            assert run("--report", str(document)) == code
        assert "old" not in document.read_text()
        assert document.read_text().endswith(f"{MARKERS[1]}\nafter\n")
        assert "1 held, 1 missed, 0 not run" in capsys.readouterr().out

    def test_a_document_without_markers_is_refused_in_words(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        document = tmp_path / "V.md"
        document.write_text("nothing\n")
        monkeypatch.setattr(command, "rows_of", lambda _: iter([self.held]))
        assert run("--report", str(document)) == 2
        assert "has no <!-- validation" in capsys.readouterr().err


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_to(parser.add_subparsers())
    parsed = parser.parse_args(["validate", *arguments])
    return int(parsed.do(parsed))


class TestRealBytes:
    def material(self, recordings: Path, tmp_path: Path) -> Material:
        return Material(recordings, tmp_path, tmp_path)

    def test_the_recorded_days_of_nyiso_are_read_alike_twice(
        self, recordings: Path, tmp_path: Path
    ) -> None:
        rows = list(mixes.rows(self.material(recordings, tmp_path)))
        assert [row.verdict for row in rows] == [Verdict.NOT_RUN, Verdict.HELD]

    def test_operators_agree_with_the_factors(self, recordings: Path, tmp_path: Path) -> None:
        rows = list(factors.rows(self.material(recordings, tmp_path)))
        assert [row.verdict for row in rows[:2]] == [Verdict.HELD, Verdict.HELD]


def test_a_newer_stamp_of_a_day_is_a_later_run(tmp_path: Path) -> None:
    file = tmp_path / "20250209rtfuelmix.csv"
    stamps = [f"02/09/2025 00:{minute:02}:00" for minute in (5, 10, 15, 20)]
    fuels = ["Dual Fuel", "Natural Gas", "Nuclear", "Other Fossil Fuels"]
    fuels += ["Other Renewables", "Wind", "Hydro"]
    file.write_text(
        HEAD + "".join(f"{stamp},EST,{fuel},100\n" for stamp in stamps for fuel in fuels)
    )
    runs = mixes.runs_of_a_day(file, mixes.nyiso_by_hand(file))
    assert [at.minute for at, _, _ in runs] == [12, 12, 22]
    assert [body.count(b"Hydro") for _, _, body in runs] == [2, 2, 4]
    assert runs[0][0] - datetime(2025, 2, 9, 5, 10, tzinfo=UTC) == timedelta(minutes=2)
