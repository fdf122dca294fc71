"""``/metrics`` is Prometheus text, which the parser of the official library reads here."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from greenstream.api.exposition import Gauge, Sample, text
from greenstream.domain.places import pops
from greenstream.domain.version import VERSION
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.metrics import Samples, samples_of
from tests.recorded_world import WORLDS
from tests.router_client import Client, a_reading_of
from tests.storing import put_reading, put_status


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    put_reading(store, a_reading_of("NYISO", 260, age_s=120))
    return store


def scraped(client: Client) -> Samples:
    answer = client.ask("/metrics")
    assert answer.status == 200
    return samples_of(answer.text)


def status_of(provider: str, state: ProviderState, **members: object) -> ProviderStatus:
    return ProviderStatus(
        provider=provider,
        state=state,
        last_run_at=NOW,
        **members,  # type: ignore[arg-type]
    )


class TestTheFormat:
    def test_the_content_type_is_that_of_version_0_0_4(self, store: MemoryStore) -> None:
        answer = Client(store).ask("/metrics")

        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("world", sorted(WORLDS))
    def test_every_family_is_described_once_and_no_sample_repeats(self, world: str) -> None:
        answer = WORLDS[world]().ask("/metrics").text
        lines = answer.splitlines()
        named = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
        helped = [line.split()[2] for line in lines if line.startswith("# HELP ")]
        keys = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]

        assert named == helped == list(dict.fromkeys(named))
        assert len(keys) == len(set(keys))
        assert {family.type for family in text_string_to_metric_families(answer)} == {"gauge"}
        assert answer.endswith("\n")

    def test_parameters_are_refused(self, store: MemoryStore) -> None:
        assert Client(store).ask("/metrics", "zone=NYISO").status == 400

    @given(st.text(max_size=30), st.text(max_size=30))
    def test_every_text_survives_as_a_label(self, first: str, second: str) -> None:
        labels = {"first": first, "second": second}
        [family] = text_string_to_metric_families(
            text([Gauge("a_metric", "Its help.", [Sample(labels, 1.5)])])
        )

        assert [(sample.labels, sample.value) for sample in family.samples] == [(labels, 1.5)]

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_value_that_is_no_number_is_refused(self, value: float) -> None:
        with pytest.raises(ValueError, match="a_metric"):
            text([Gauge("a_metric", "Its help.", [Sample({}, value)])])

    def test_the_answer_stays_small_with_a_figure_for_every_zone(self) -> None:
        """Prometheus takes up to 10 MB by a common limit; ours is a twentieth with all zones."""
        answer = WORLDS["rich"]().ask("/metrics").text

        assert len(answer) < 500_000
        assert len(answer.splitlines()) < 20 * len(zones())


class TestZones:
    def test_a_figure_names_how_it_is_counted_and_its_source(self, store: MemoryStore) -> None:
        samples = scraped(Client(store))
        [(labels, value)] = samples.of("greenstream_zone_intensity_gco2_kwh", zone="NYISO")

        assert value == 260
        assert labels == {
            "zone": "NYISO",
            "signal": "average",
            "basis": "direct",
            "scope": "production",
            "provider": "gridstatus",
            "rung": "live",
        }
        assert samples.value("greenstream_zone_age_seconds", zone="NYISO") == 120

    def test_a_usual_value_has_no_age(self, store: MemoryStore) -> None:
        samples = scraped(Client(store))

        assert samples.of("greenstream_zone_age_seconds", zone="PJM") == []
        [(labels, _)] = samples.of("greenstream_zone_intensity_gco2_kwh", zone="PJM")
        assert labels["rung"] == "annual_mean"

    def test_every_zone_is_counted_on_one_rung(self, store: MemoryStore) -> None:
        counted = scraped(Client(store)).of("greenstream_zones")

        assert sum(value for _, value in counted) == len(zones())

    def test_the_figures_are_those_of_the_zones_page(self) -> None:
        client = WORLDS["rich"]()
        samples = scraped(client)
        for row in client.ask("/v1/zones").body["zones"]:
            for family, member in (
                ("greenstream_zone_intensity_gco2_kwh", "gco2_kwh"),
                ("greenstream_zone_adjusted_gco2_kwh", "adj_carbon_gco2_kwh"),
                ("greenstream_zone_age_seconds", "age_s"),
            ):
                values = [value for _, value in samples.of(family, zone=row["zone"])]
                assert values == ([] if row[member] is None else [row[member]])

    def test_every_pop_has_what_it_is_ranked_by(self) -> None:
        listed = scraped(WORLDS["rich"]()).of("greenstream_pop_adjusted_gco2_kwh")

        assert {labels["pop"] for labels, _ in listed} <= set(pops())
        assert len(listed) > len(pops()) / 2


class TestProviders:
    def test_a_provider_that_never_ran_has_a_state_and_no_times(self, store: MemoryStore) -> None:
        samples = scraped(Client(store))

        assert samples.value("greenstream_provider_state", provider="eso", state="never_run") == 1
        assert samples.of("greenstream_provider_newest_reading_age_seconds", provider="eso") == []
        assert samples.of("greenstream_provider_last_run_timestamp_seconds", provider="eso") == []

    def test_a_failed_run_is_late_and_says_since_when(self, store: MemoryStore) -> None:
        put_status(store, status_of("eso", ProviderState.FAILED, last_success_at=NOW))
        samples = scraped(Client(store))

        assert samples.value("greenstream_provider_late", provider="eso") == 1
        assert samples.value("greenstream_provider_state", provider="eso", state="failed") == 1
        assert samples.value("greenstream_provider_state", provider="eso", state="ok") == 0
        since = "greenstream_provider_failing_since_timestamp_seconds"
        assert samples.value(since, provider="eso") == NOW.timestamp()

    def test_a_good_run_is_not_late(self, store: MemoryStore) -> None:
        good = status_of("eso", ProviderState.OK, last_success_at=NOW, newest_valid_to=NOW)
        put_status(store, good)
        samples = scraped(Client(store))

        assert samples.value("greenstream_provider_late", provider="eso") == 0
        assert samples.value("greenstream_provider_newest_reading_age_seconds", provider="eso") == 0
        since = "greenstream_provider_failing_since_timestamp_seconds"
        assert samples.of(since, provider="eso") == []

    def test_refused_values_are_counted_by_reason(self, store: MemoryStore) -> None:
        refusing = status_of("eso", ProviderState.PARTIAL, rejected={"contradiction": 2})
        put_status(store, refusing)
        family = "greenstream_provider_rejected_values"

        assert scraped(Client(store)).value(family, provider="eso", reason="contradiction") == 2


class TestTheRouter:
    def test_the_version_is_that_of_the_project(self, store: MemoryStore) -> None:
        project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
        [(labels, _)] = scraped(Client(store)).of("greenstream_build_info")

        assert labels["version"] == VERSION == project["version"]
        assert labels["policy"] == "default-2"

    def test_a_store_that_fails_is_down_and_what_is_remembered_ages(
        self, store: MemoryStore
    ) -> None:
        client = Client(store)
        assert scraped(client).value("greenstream_store_up") == 1
        client.clock.forward(60)
        store.unreachable = True
        samples = scraped(client)

        assert samples.value("greenstream_store_up") == 0
        assert samples.value("greenstream_table_read_age_seconds") == 60

    def test_an_unread_table_has_no_age(self, store: MemoryStore) -> None:
        store.unreachable = True

        assert scraped(Client(store)).of("greenstream_table_read_age_seconds") == []
