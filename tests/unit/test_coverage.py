"""``greenstream coverage`` counts the places of each step as the router would rank them."""

import json

import pytest

from greenstream.cli.main import main
from greenstream.domain.places import place
from greenstream.domain.zones import zones
from infra.ops.coverage import STEPS, Covered, counts, covered, is_read, markdown, shown


def test_every_colo_and_every_public_region_has_a_figure() -> None:
    counted = counts()

    assert {name: group["places"] for name, group in counted.items()} == {
        "colos": 339,
        "public regions": 123,
    }
    for group in counted.values():
        assert group["without_figure"] == []
        for keys in ("keys_off", "keys_on"):
            row = group[keys]
            steps = STEPS
            assert sum(row[step] for step in steps) == group["places"]
            assert sum(row["by_feed"].values()) == row["live"]
        assert group["keys_off"]["live"] < group["keys_on"]["live"]


@pytest.mark.parametrize(
    ("name", "keys", "best"),
    [
        ("lhr", False, Covered("live", "eso")),
        ("nyc", False, Covered("live", "gridstatus")),
        ("sin", False, Covered("annual_mean", "")),
        ("sin", True, Covered("within_budget", "electricitymaps")),
        ("fra", False, Covered("live", "energycharts")),
        ("fra", True, Covered("live", "entsoe")),
    ],
)
def test_a_place_has_the_best_of_its_own_grid(name: str, keys: bool, best: Covered) -> None:  # noqa: FBT001 - a parameter of the test
    assert covered(place(name), keys=keys) == best


def test_a_neighbours_feed_does_not_count_where_the_own_grid_has_a_figure() -> None:
    """Ashburn may fall back to New York's feed, but the router ranks it by PJM's profile."""
    assert covered(place("iad"), keys=False) == Covered("profile", "eia")


def test_a_grid_of_a_shared_provider_needs_only_its_own_key() -> None:
    [pjm] = [source for source in zones()["PJM"].sources if source.provider == "gridstatus"]
    [nyiso] = [source for source in zones()["NYISO"].sources if source.provider == "gridstatus"]
    [spp] = [source for source in zones()["SPP"].sources if source.provider == "gridstatus"]

    assert (is_read(pjm, keys=False), is_read(pjm, keys=True)) == (False, True)
    assert is_read(nyiso, keys=False)
    assert not is_read(spp, keys=True)  # SPP's terms want leave: it is off by default


def test_the_counts_are_printed_as_text_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage"]) == 0
    text = capsys.readouterr().out
    assert "339 colos" in text
    assert "left out: none" in text

    assert main(["coverage", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == counts()


def test_readme_shows_the_counts_of_the_tables() -> None:
    assert shown() == markdown(counts()), "run: greenstream coverage --write"


def test_the_goals_without_keys_hold_but_for_the_live_data_centres() -> None:
    """Live figures of 112 data centres were the goal; the terms of no further feed allow them."""
    off = {name: group["keys_off"] for name, group in counts().items()}

    assert off["public regions"]["live"] >= 60
    assert off["public regions"]["live"] + off["public regions"]["profile"] >= 68
    assert off["colos"]["live"] + off["colos"]["profile"] >= 128
