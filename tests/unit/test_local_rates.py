"""The collectors of the local stack ask no upstream more often than it allows."""

from functions.flows.provider import DIRECTIONS
from greenstream.domain.zones import zones_of
from infra.local.deploying import parameters
from infra.local.upstream.entsoe import REQUESTS_PER_MINUTE

ENTSOE_RUN = len(zones_of("entsoe"))


def test_only_one_run_of_flows_falls_into_a_minute_in_which_entsoe_runs() -> None:
    rates = parameters("simulated", "none", None)

    assert (rates["EntsoeRate"], rates["FlowsRate"]) == ("rate(1 minute)", "rate(5 minutes)")
    assert DIRECTIONS + ENTSOE_RUN < REQUESTS_PER_MINUTE < 2 * DIRECTIONS + ENTSOE_RUN
