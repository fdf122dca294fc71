"""These tests check which files of worlds are valid, and under which delays a world runs."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.worlds.delays import LOST, Run, SourceState, is_of_entsoe, runs_of
from infra.worlds.given import GivenWorld, WorldsError, load_worlds

HOUR_S = 3600.0
SHARED_WORLDS = Path(__file__).parents[3] / "shared" / "worlds.json"
OSL = {"pop": "osl", "lat": 59.91, "lon": 10.75, "trace": "NO"}
LON = {"pop": "lon", "lat": 51.51, "lon": -0.13, "trace": "GB"}
IAD = {"pop": "iad", "lat": 39.04, "lon": -77.49, "trace": "US-MIDA-PJM"}


def a_world(**changes: Any) -> dict[str, Any]:
    return {"name": "w", "limit_ms": 80, "pops": [OSL, LON, IAD]} | changes


def loaded(tmp_path: Path, *worlds: Any, **others: Any) -> GivenWorld:
    file = tmp_path / "worlds.json"
    file.write_text(json.dumps({"worlds": list(worlds)} | others))
    return load_worlds(file).worlds[0]


def runs(world: GivenWorld, **tables: Mapping[str, float]) -> dict[str, Run]:
    return {run.delay: run for run in runs_of(world, tables)}


class TestDelays:
    def test_a_world_runs_under_every_table(self, tmp_path: Path) -> None:
        assert list(runs(loaded(tmp_path, a_world()))) == [
            "usual 1h",
            "usual 2h",
            "usual 3h",
            "6h",
            "14h",
            "no key",
            "profile only",
            "one late: osl",
            "one late: lon",
            "one late: iad",
            "all late",
            "no history",
        ]

    def test_the_usual_delays_are_those_of_the_sources(self, tmp_path: Path) -> None:
        usual = runs(loaded(tmp_path, a_world()))["usual 2h"]
        assert usual.states == (
            SourceState(2 * HOUR_S),
            SourceState(0.0),
            SourceState(2 * HOUR_S),
        )

    def test_a_delay_in_the_file_overrides_the_usual_one(self, tmp_path: Path) -> None:
        found = runs(loaded(tmp_path, a_world()), **{"usual 2h": {"NO": 60.0}})["usual 2h"]
        assert [state.delay_s for state in found.states] == [60.0, 0.0, 2 * HOUR_S]

    def test_a_table_of_delays_in_the_file_runs_too(self, tmp_path: Path) -> None:
        mine = {"NO": 1.0, "GB": 2.0, "US-MIDA-PJM": 3.0}
        found = runs(loaded(tmp_path, a_world()), mine=mine)["mine"]
        assert [state.delay_s for state in found.states] == [1.0, 2.0, 3.0]

    def test_a_table_of_delays_in_the_file_needs_every_trace(self, tmp_path: Path) -> None:
        with pytest.raises(WorldsError, match=r"mine: the delay of GB is not there.* world 'w'"):
            runs(loaded(tmp_path, a_world()), mine={"NO": 1.0})

    def test_without_a_key_the_grids_of_entsoe_are_lost_and_no_other(self, tmp_path: Path) -> None:
        found = runs(loaded(tmp_path, a_world()))
        usual = found["usual 3h"].states
        assert found["no key"].states == (LOST, usual[1], usual[2])
        silent = SourceState(3 * HOUR_S, has_readings=False)
        assert found["profile only"].states == (silent, usual[1], usual[2])

    def test_one_source_after_another_is_late_then_all(self, tmp_path: Path) -> None:
        found = runs(loaded(tmp_path, a_world()))
        delays_h = {
            name: [state.delay_s / HOUR_S for state in run.states] for name, run in found.items()
        }
        assert delays_h["one late: osl"] == [14, 0, 2]
        assert delays_h["one late: lon"] == [3, 14, 2]
        assert delays_h["one late: iad"] == [3, 0, 14]
        assert delays_h["all late"] == [14, 14, 14]

    def test_without_history_the_readings_remain(self, tmp_path: Path) -> None:
        states = runs(loaded(tmp_path, a_world()))["no history"].states
        assert [(state.has_readings, state.has_profile) for state in states] == [(True, False)] * 3

    def test_a_world_with_its_own_delays_runs_under_no_other_delays(self, tmp_path: Path) -> None:
        world = loaded(
            tmp_path,
            a_world(
                delay_s={"osl": 7200, "lon": 60},
                missing=["iad"],
                late_h={"osl": 2.5},
                delay="a bad day",
            ),
        )
        assert list(runs_of(world, {"usual 1h": {}})) == [
            Run("a bad day", (SourceState(4.5 * HOUR_S), SourceState(60.0), LOST))
        ]

    def test_missing_and_late_sources_stay_missing_and_late_under_every_table(
        self, tmp_path: Path
    ) -> None:
        world = loaded(tmp_path, a_world(missing=["lon"], late_h={"iad": 1}))
        for name in ("usual 1h", "no history"):
            states = runs(world)[name].states
            assert not states[1].has_readings
            assert states[2].delay_s == 3 * HOUR_S

    def test_the_grids_of_entsoe(self) -> None:
        assert all(map(is_of_entsoe, ("NO", "DE-LU", "SE-SE3", "IT-NO", "PL")))
        assert not any(map(is_of_entsoe, ("GB", "US-CAL-CISO", "CA-ON", "AU-NSW", "IN-WE")))

    @pytest.mark.skipif(
        not SHARED_WORLDS.is_file(), reason="NO REAL WORLDS: shared/worlds.json is not there"
    )
    def test_the_built_in_delays_are_those_of_the_real_worlds(self) -> None:
        """The table ``14h`` is not compared: in the file, NESO is an hour late as well."""
        given = load_worlds(SHARED_WORLDS)
        for world in given.worlds:
            ours, theirs = runs(world), runs(world, **given.delay_s_by_trace)
            for delay, run in ours.items():
                if delay != "14h":
                    assert run == theirs[delay]


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"name": ""}, "worlds, entry 1, name: this must be a text that is not empty"),
            ({"limit_ms": "80"}, "world 'w', limit_ms: this must be a number"),
            ({"limit_ms": None}, "world 'w', limit_ms: this must be a number"),
            ({"limit_ms": True}, "world 'w', limit_ms: this must be a number"),
            ({"limit_ms": -1}, "world 'w', limit_ms: -1 is not from 0 to 60000"),
            ({"pops": []}, "world 'w': pops must name at least one POP, and each once"),
            ({"pops": [OSL, OSL]}, "world 'w': pops must name at least one POP, and each once"),
            ({"pops": "osl"}, "world 'w', pops: this must be a list"),
            ({"pops": [OSL | {"lat": 91}]}, "pops, entry 1, lat: 91 is not from -90 to 90"),
            ({"pops": [OSL | {"lon": float("nan")}]}, "entry 1, lon: this must be a number"),
            ({"pops": [OSL | {"trace": None}]}, "entry 1, trace: this must be a text"),
            ({"delay_s": {"fra": 1}}, "world 'w', delay_s: 'fra' is none of its POPs"),
            ({"missing": ["fra"]}, "world 'w', missing: 'fra' is none of its POPs"),
            ({"late_h": {"fra": 1}}, "world 'w', late_h: 'fra' is none of its POPs"),
            ({"delay_s": {"osl": -1}}, "delay_s, osl: -1 is not from 0 to"),
            ({"delay_s": {"osl": float("inf")}}, "delay_s, osl: inf is not from 0 to"),
            ({"delay_s": [1]}, "delay_s: this must be a JSON object"),
            ({"missing": "osl"}, "missing: this must be a list"),
            ({"delay": 3}, "world 'w', delay: this must be a text"),
        ],
    )
    def test_an_impossible_world_is_refused(
        self, changes: dict[str, Any], message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(WorldsError, match=re.escape(message)) as refused:
            loaded(tmp_path, a_world(**changes))
        assert str(refused.value).startswith("worlds.json: ")
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "is not JSON: Expecting property name"),
            ("\udcff", "is not JSON: 'utf-8' codec"),
            ("[" * 100_000, "is not JSON: maximum recursion"),
            ("[]", "the file: this must be a JSON object"),
            ("{}", "worlds: this must be a list"),
            ('{"worlds": [1]}', "worlds, entry 1: this must be a JSON object"),
            ('{"worlds": []}', "there is no world in it"),
        ],
    )
    def test_a_file_without_worlds_is_refused(
        self, text: str, message: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "worlds.json"
        file.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(WorldsError, match=re.escape(message)):
            load_worlds(file)

    def test_a_byte_order_mark_does_no_harm(self, tmp_path: Path) -> None:
        file = tmp_path / "worlds.json"
        file.write_text(json.dumps({"worlds": [a_world()]}), encoding="utf-8-sig")
        assert load_worlds(file).worlds[0].name == "w"

    def test_delays_that_are_no_numbers_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WorldsError, match=r"delay_s_by_trace, 6h, NO: this must be a number"):
            loaded(tmp_path, a_world(), delay_s_by_trace={"6h": {"NO": "long"}})

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WorldsError, match=r"nowhere\.json cannot be read: No such file"):
            load_worlds(tmp_path / "nowhere.json")
