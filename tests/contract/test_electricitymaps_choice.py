"""Which zones a run asks Electricity Maps for, within its budget, and in which order."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.electricitymaps.answers import open_zones
from functions.electricitymaps.feeds import feeds_of
from functions.electricitymaps.provider import RUNS_PER_HOUR, Session
from greenstream.domain.reading import Basis, Reading, Signal
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ports.provider import Batch
from tests.builders import MARGINAL_DIRECT, a_reading, a_source
from tests.contract.electricitymaps_account import FRANCE, HOUR, NOW, Sandbox, pair


class TestTheChoiceOfZones:
    def test_leaves_out_a_zone_whose_own_source_is_live(self) -> None:
        sandbox = Sandbox(
            wanted=(pair("FR", a_source()),), stored=[a_reading(valid_to=NOW - HOUR / 4)]
        )
        batch = sandbox.run()
        assert sandbox.asked == []
        assert batch == Batch(skipped=("Z_FR",))

    @pytest.mark.parametrize(
        "reading",
        [
            pytest.param(a_reading(valid_to=NOW - HOUR), id="stale"),
            pytest.param(a_reading(valid_to=NOW, coverage=0.5), id="partly known"),
            pytest.param(a_reading(valid_to=NOW, kind=MARGINAL_DIRECT), id="marginal only"),
            pytest.param(a_reading(valid_to=NOW, provider="other"), id="of another zone"),
        ],
    )
    def test_has_a_zone_without_a_live_and_complete_figure_of_the_kind(
        self, reading: Reading
    ) -> None:
        marginal = a_source("p", signal=Signal.MARGINAL, bases=(Basis.DIRECT,))
        sandbox = Sandbox(wanted=(pair("FR", a_source(), marginal),), stored=[reading])
        assert [reading.zone for reading in sandbox.run().readings] == ["Z_FR"]

    def test_has_a_zone_whose_only_live_figure_is_shown_beside_the_others(self) -> None:
        sandbox = Sandbox(
            wanted=(pair("FR", replace(a_source(), beside=True)),),
            stored=[a_reading(valid_to=NOW - HOUR / 4)],
        )
        assert [reading.zone for reading in sandbox.run().readings] == ["Z_FR"]

    def test_has_no_zone_twice_for_one_hour(self) -> None:
        sandbox = Sandbox(keep=True)
        sandbox.run()
        sandbox.now = NOW.replace(minute=57)
        assert sandbox.run() == Batch(skipped=("Z_FR",))
        sandbox.now = NOW + HOUR
        assert len(sandbox.run().readings) == 1
        assert sandbox.asked == ["plan", "FR", "FR"]

    def test_has_a_shared_feed_once_under_the_grids_own_zone(self) -> None:
        national = a_source("eso", provider_zone="national")
        regions = tuple(
            pair("GB", a_source("eso", provider_zone=str(number)), national, zone=f"GBR-{number}")
            for number in (1, 2)
        )
        wanted = (*regions, pair("GB", national, zone="GBR"))
        live = a_reading(valid_to=NOW, provider="eso", provider_zone="1", zone="GBR-1")
        sandbox = Sandbox(wanted=wanted, stored=[live])

        assert [reading.zone for reading in sandbox.run().readings] == ["GBR"]
        assert sandbox.asked == ["plan", "GB"]

    def test_counts_as_many_runs_in_an_hour_as_the_template_schedules(self) -> None:
        template = Path(__file__).parents[2] / "template.yaml"
        rate = re.search(
            r"^  ElectricitymapsRate:\n    Type: String\n    Default: rate\((\d+) minutes\)$",
            template.read_text(),
            re.MULTILINE,
        )
        assert rate is not None
        assert int(rate[1]) * RUNS_PER_HOUR == 60

    def test_begins_with_the_zone_asked_longest_ago_within_the_runs_budget(self) -> None:
        wanted = tuple(pair(there) for there in ("AT", "BE", "CH", "DE", "ES", "FR"))
        sandbox = Sandbox(wanted=wanted, budget=3 * RUNS_PER_HOUR, keep=True)
        for _ in range(3):
            batch = sandbox.run()
            sandbox.now += HOUR / RUNS_PER_HOUR
        assert sandbox.asked == ["plan", "AT", "BE", "CH", "DE", "ES", "FR"]
        assert set(batch.skipped) == {zone.zone for zone, _ in wanted} - {"Z_FR"}

        sandbox.now = NOW + HOUR
        sandbox.run()
        assert sandbox.asked[-3:] == ["AT", "BE", "CH"]

    def test_puts_a_zone_that_failed_behind_the_others(self) -> None:
        sandbox = Sandbox(
            wanted=(pair("AT"), pair("BE")),
            budget=RUNS_PER_HOUR,
            answers={"AT": httpx.Response(500)},
        )
        for _ in range(3):
            sandbox.run()
            sandbox.now += HOUR / RUNS_PER_HOUR
        assert sandbox.asked == ["AT", "BE", "AT"]

    @pytest.mark.parametrize("budget", [1, 4, 7, 8, 25])
    def test_brings_figures_within_a_day_of_new_sandboxes_however_small_the_budget(
        self, budget: int
    ) -> None:
        """Every sandbox is new and knows the store only. The plan opens one of three zones."""
        said = "Request unauthorized for zoneKey=%s,requestType=latest,dataType=carbon-intensity."
        shut = {
            zone: httpx.Response(401, json={"error": said % zone, "message": "Upgrade."})
            for zone in ("AT", "BE")
        }
        plan = {"plan": {"FR": {"access": ["*"]}, "AT": {"access": []}, "BE": {"access": []}}}
        sandbox = Sandbox(
            wanted=(pair("AT"), pair("BE"), FRANCE),
            answers=shut | plan,
            budget=budget,
            keep=True,
        )
        for _ in range(24 * RUNS_PER_HOUR):
            sandbox.session = Session()
            sandbox.run()
            sandbox.now += HOUR / RUNS_PER_HOUR
        hours = {reading.valid_from for reading in sandbox.stored}
        assert len(hours) >= 12
        assert ("plan" in sandbox.asked) is (budget >= 2 * RUNS_PER_HOUR)

    def test_is_empty_when_the_hourly_budget_is_spent(self) -> None:
        sandbox = Sandbox(budget=3, answers={"FR": httpx.Response(500)})
        for _ in range(6):
            sandbox.run()
            sandbox.now += timedelta(minutes=5)
        assert len(sandbox.asked) == 3

    def test_is_empty_when_the_store_shows_that_another_sandbox_spent_the_budget(self) -> None:
        spent = [
            a_reading(
                valid_to=NOW - HOUR,
                provider="electricitymaps",
                zone=zone,
                fetched_at=NOW - timedelta(minutes=9),
            )
            for zone in "ABC"
        ]
        sandbox = Sandbox(budget=3, stored=spent)
        assert sandbox.run() == Batch(skipped=("Z_FR",))
        assert sandbox.asked == []

    def test_is_empty_late_in_a_run(self) -> None:
        sandbox = Sandbox(wanted=(pair("AT"), pair("BE"), pair("CH")), seconds_each=16)
        batch = sandbox.run()
        assert sandbox.asked == ["plan", "AT"]
        assert batch.skipped == ("Z_BE", "Z_CH")


def with_own(there: str) -> tuple[Zone, Source]:
    """Return a zone with a source of its own before Electricity Maps."""
    return pair(there, a_source(provider_zone=there))


def own(there: str, *, ended: timedelta, coverage: float = 1.0) -> Reading:
    """Return the figure of a zone's own source, which ended so long ago."""
    return a_reading(
        zone=f"Z_{there}", provider_zone=there, valid_to=NOW - ended, coverage=coverage
    )


class EveryZone(dict[str, Any]):
    """Answers for any zone with its latest hour."""

    def get(self, zone: str, default: Any = None) -> Any:
        return default if zone == "plan" else default | {"zone": zone}


class TestTheOrderOfZones:
    """AT has no other source; the own figure of BE is absent, of CH old, of DE partly known."""

    WANTED = (with_own("DE"), with_own("CH"), with_own("BE"), pair("AT"))
    STORED = (own("DE", ended=timedelta(0), coverage=0.5), own("CH", ended=HOUR))

    def sandbox(self) -> Sandbox:
        return Sandbox(
            wanted=self.WANTED,
            stored=list(self.STORED),
            keep=True,
            answers=EveryZone(),
        )

    def test_is_that_of_their_need(self) -> None:
        sandbox = self.sandbox()
        sandbox.run()
        assert sandbox.asked == ["plan", "BE", "AT", "CH", "DE"]

    def test_counts_a_figure_that_has_become_old_like_any_other_old_one(self) -> None:
        sandbox = self.sandbox()
        sandbox.run()
        sandbox.now += HOUR
        sandbox.run()
        assert sandbox.asked[-4:] == ["BE", "AT", "DE", "CH"]

    def test_leaves_the_last_request_of_a_run_to_the_zone_that_has_waited_longest(self) -> None:
        others = ("FR", "ES", "PT", "IT-NO", "IT-SO", "PL")
        wanted = (*(pair(there) for there in others), *self.WANTED)
        sandbox = replace(self.sandbox(), budget=2 * RUNS_PER_HOUR, wanted=wanted)
        runs = []
        for _ in range(3 * RUNS_PER_HOUR):
            before = len(sandbox.asked)
            sandbox.run()
            runs.append(sandbox.asked[before:])
            sandbox.now += HOUR / RUNS_PER_HOUR
        assert {"CH", "DE"} <= set(sandbox.asked), "zones with less need are asked too"
        assert all(len(asked) <= 2 for asked in runs)
        neediest = [asked[0] for asked in runs[1:]]
        assert not {"CH", "DE"} & set(neediest), "but never before the neediest"

    @pytest.mark.parametrize("budget", [4, 25, 60])
    def test_keeps_within_the_budget_of_every_hour_over_all_zones_of_the_table(
        self, budget: int
    ) -> None:
        wanted = zones_of("electricitymaps")
        feeds = {source.provider_zone for _, source in wanted}
        assert len(feeds) > 150
        sandbox = Sandbox(wanted=wanted, budget=budget, keep=True, answers=EveryZone())
        sent: list[datetime] = []
        for _ in range(8 * RUNS_PER_HOUR):
            before = len(sandbox.requests)
            sandbox.run()
            sent += [sandbox.now] * (len(sandbox.requests) - before)
            sandbox.now += HOUR / RUNS_PER_HOUR
            within = [at for at in sent if sandbox.now - at <= HOUR]
            assert len(within) <= budget
        figures = [zone for zone in sandbox.asked if zone != "plan"]
        # No zone is asked twice while another one waits for the first time.
        assert len(set(figures)) == min(len(figures), len(feeds))


def test_a_zone_without_a_list_of_rights_is_tried() -> None:
    assert open_zones({"FR": {"zoneName": "France"}, "AT": {"access": []}}) == {"FR"}


def test_a_feed_of_one_zone_is_stored_under_that_zone() -> None:
    [feed] = feeds_of([FRANCE])
    assert (feed.zone.zone, feed.names) == ("Z_FR", ("Z_FR",))
