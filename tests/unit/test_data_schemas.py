"""Every data file matches its schema: names, units, bounds, and a source in every row."""

import copy
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from greenstream.domain.places import pops
from greenstream.domain.reading import Basis, Scope, Signal
from greenstream.domain.zones import zones, zones_of
from infra.registry import COLLECTORS

ROOT = Path(__file__).parents[2]
DATA = ROOT / "layers" / "greenstream" / "greenstream" / "data"
SCHEMAS = DATA / "schemas"
NAMES = sorted(path.stem for path in DATA.glob("*.json"))
ROW_KEYS = ("provider", "zone", "pop", "colo", "table", "basis")
"""The members of a row that identify it in an error message."""

OF_NATIONAL_FEEDS = {
    "needed",
    "needed_any",
    "never_zero",
    "usual",
    "least_total_mw",
    "greatest_total_mw",
    "greatest_mw",
    "middle",
    "unmetered",
}
APPLIED = {
    "elexon": {
        "needed",
        "needed_any",
        "never_zero",
        "usual",
        "least_total_mw",
        "greatest_total_mw",
        "greatest_mw",
        "middle",
        "unmetered",
    },
    "aemo": OF_NATIONAL_FEEDS,
    "aeso": OF_NATIONAL_FEEDS,
    "hydroquebec": OF_NATIONAL_FEEDS,
    "taipower": OF_NATIONAL_FEEDS - {"unmetered"},
    "kpx": OF_NATIONAL_FEEDS - {"unmetered"},
    "ieso": OF_NATIONAL_FEEDS,
    "ons": OF_NATIONAL_FEEDS,
    "entsoe": {
        "needed",
        "needed_any",
        "needed_by_day",
        "never_zero",
        "never_zero_any",
        "usual",
        "least_total_mw",
        "greatest_total_mw",
        "greatest_mw",
        "middle",
        "solar_in_other",
    },
    "energycharts": {"middle", "unmetered"},
    "eso": {"least_gco2_kwh", "greatest_gco2_kwh"},
    "gridstatus": {
        "needed",
        "never_zero",
        "idle_when_absent",
        "usual",
        "least_total_mw",
        "greatest_total_mw",
        "greatest_mw",
        "middle",
    },
    "watttime": {"greatest_gco2_kwh"},
}
"""The rules of a source that its provider applies.

A row with any other rule would look like a check, but nothing would apply it.
"""


def contents(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_bytes())


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_bytes())


def row_of(data: Any, path: Sequence[str | int]) -> str:
    """Return the names of the rows that a path leads through, the outermost first."""
    names = []
    for step in path:
        data = data[step]
        row = data if isinstance(data, dict) else {}
        names += [str(row[key]) for key in ROW_KEYS if isinstance(row.get(key), str)]
    return " ".join(names)


def refusals(name: str, data: Any) -> list[str]:
    """Return the schema's errors for a file, each with the row and the path where it occurs."""
    found = Draft202012Validator(schema(name)).iter_errors(data)
    return [
        f"{name}.json: {row_of(data, error.absolute_path)}: {error.json_path}: {error.message:.200}"
        for error in sorted(found, key=lambda error: error.json_path)
    ]


def test_every_data_file_has_a_schema_and_every_schema_a_file() -> None:
    described = sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir())
    assert described == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_data_file_keeps_to_its_schema(name: str) -> None:
    assert refusals(name, contents(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_schema_of_draft_2020_12(name: str) -> None:
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema(name))


def objects(node: Any) -> list[Any]:
    """Return every object schema within a schema."""
    nodes = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    here = [node] if isinstance(node, dict) and node.get("type") == "object" else []
    return here + [found for each in nodes for found in objects(each)]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"openapi"}))
def test_a_schema_allows_no_member_that_it_does_not_describe(name: str) -> None:
    for described in objects(schema(name)):
        assert "additionalProperties" in described, described
        assert described["additionalProperties"] is not True, described


@pytest.mark.parametrize(
    ("member", "values"), [("signal", Signal), ("basis", Basis), ("scope", Scope)]
)
def test_the_enumerations_are_those_of_a_reading(member: str, values: type[StrEnum]) -> None:
    listed = [
        described["properties"][member]["enum"]
        for name in NAMES
        for described in objects(schema(name))
        if member in described.get("properties", {})
    ]
    assert listed
    for enumeration in listed:
        assert set(enumeration) == {str(value) for value in values}


def change(*path: str | int, **members: object) -> Callable[[Any], None]:
    """Return a change that sets members of the object at the path; ``None`` removes one."""

    def apply(data: Any) -> None:
        for step in path:
            data = data[step]
        for key, value in members.items():
            data.update({key: value})
            if value is None:
                del data[key]

    return apply


@pytest.mark.parametrize(
    ("name", "spoil", "row", "message"),
    [
        ("zones", change("zones", 2, source=None), "NYISO", "'source' is a required property"),
        ("zones", change("zones", 2, source="  "), "NYISO", "does not match"),
        ("zones", change("zones", 3, "sources", 0, signal="mean"), "PJM gridstatus", "'mean' is"),
        ("zones", change("zones", 3, "sources", 0, cadence=60), "PJM gridstatus", "'cadence' was"),
        ("zones", change("zones", 3, "annual_means", 0, gco2_kwh=-1), "PJM direct", "-1 is less"),
        ("pops", change("pops", 0, lat=377.7), "sfo", "377.7 is greater"),
        (
            "pops",
            change("pops", 1, "zones", 1, proxy_reason=None),
            "lax CAISO_NORTH",
            "'proxy_reason'",
        ),
        ("pops", change("pops", 0, "zones", 0, proxy_reason="x"), "sfo CAISO_NORTH", "not allow"),
        ("colos", change("colos", 0, source=None), "AAE", "'source' is a required property"),
        ("colos", change("colos", 0, lon=-180.5), "AAE", "-180.5 is less"),
        ("colos", change("colos", 0, colo="aae"), "aae", "does not match"),
        ("colos", change("sources", airport=" "), "", "does not match"),
        ("factors", change("tables", 0, "fuels", "Wind", source=None), "NYISO direct", "'source'"),
        (
            "factors",
            change("tables", 0, "fuels", "Other Renewables", high_gco2_kwh=None),
            "NYISO direct",
            "'high_gco2_kwh' is a",
        ),
        (
            "rules",
            change("sources", 0, needed={"fuels": ["Gas"]}),
            "gridstatus NYISO",
            "'source' is a",
        ),
        ("rules", change("sources", 0, minimum=1), "gridstatus NYISO", "'minimum' was unexpected"),
        ("rules", change("providers", 2, greatest_fuel_mw={"mw": 1}), "gridstatus", "'source' is"),
        ("replay", change("pops", 0, delay_s=-1), "sfo", "-1 is less"),
        ("openapi", change(openapi="3.0.3"), "", "'3.1.0' was expected"),
    ],
)
def test_a_bad_row_is_refused_by_name(
    name: str, spoil: Callable[[Any], None], row: str, message: str
) -> None:
    data = copy.deepcopy(contents(name))
    spoil(data)

    said = refusals(name, data)

    assert any(f"{name}.json: {row}: " in text and message in text for text in said), said


def test_a_rule_is_of_a_source_that_the_zone_table_has_and_of_each_one_once() -> None:
    rows = [(row["provider"], row["zone"]) for row in contents("rules")["sources"]]

    assert len(rows) == len(set(rows))
    for provider, zone in rows:
        assert zone in {listed.zone for listed, _ in zones_of(provider)}, (provider, zone)


def test_every_zone_of_entsoe_has_the_rules_without_which_nothing_is_believed() -> None:
    rows = [row for row in contents("rules")["sources"] if row["provider"] == "entsoe"]

    assert [row["zone"] for row in rows] == [zone.zone for zone, _ in zones_of("entsoe")]
    for row in rows:
        assert {"needed", "least_total_mw", "greatest_total_mw", "middle"} <= row.keys()
        assert row["least_total_mw"]["mw"] < row["greatest_total_mw"]["mw"]
        # If no single fuel is certain to be reported, at least one of several fuels must be.
        assert row["needed"]["fuels"] or row["needed_any"], row["zone"]


def test_a_rule_that_is_filled_in_is_one_that_its_provider_applies() -> None:
    for row in contents("rules")["sources"]:
        filled = row.keys() - {"provider", "zone"}
        assert filled <= APPLIED[row["provider"]], row["zone"]


def test_the_providers_of_the_tables_are_collectors() -> None:
    named = {source.provider for zone in zones().values() for source in zone.sources}

    assert named | {row["provider"] for row in contents("rules")["providers"]} <= set(COLLECTORS)


def test_the_source_of_a_colo_is_one_that_the_table_describes() -> None:
    table = contents("colos")

    assert {row["source"] for row in table["colos"]} == table["sources"].keys()


def test_the_pops_of_a_replay_are_pops() -> None:
    assert {row["pop"] for row in contents("replay")["pops"]} <= pops().keys()
