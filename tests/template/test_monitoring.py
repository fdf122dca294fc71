"""The alarms and the dashboard, as the template names them."""

import json
import re
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from greenstream.ladder import Rung
from greenstream.zones import zones_of
from tests.template.conftest import ROOT, Expanded
from tests.template.test_template import COLLECTORS, FUNCTIONS, period_s

MONITORING = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())
ALARMS: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in MONITORING["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
WRONG = ("Silent", "Failing", "Stale")
RUNBOOK = (ROOT / "infra/RUNBOOK.md").read_text()


def sections(markdown: str) -> set[str]:
    """Collect the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def limit_s(collector: str, template: Expanded) -> int:
    """Return the longest age at which a source that is asked by default is still live."""
    asked = template.default("GridstatusZones").split(",") if collector == "gridstatus" else None
    return max(
        source.max_age_s
        for _, source in zones_of(collector)
        if asked is None or source.provider_zone in asked
    )


@pytest.mark.parametrize("collector", COLLECTORS)
class TestAProvider:
    def test_is_silent_when_no_run_has_told_of_itself(
        self, template: Expanded, collector: str
    ) -> None:
        alarm = ALARMS[f"{collector.title()}Silent"]
        assert alarm["MetricName"] == "ZoneErrors"  # told by every run, unconfigured or not
        assert (alarm["Statistic"], alarm["Threshold"]) == ("SampleCount", 1)
        assert alarm["ComparisonOperator"] == "LessThanThreshold"
        assert alarm["TreatMissingData"] == "breaching"
        assert alarm["Period"] >= period_s(template, collector)

    def test_is_failing_when_runs_succeed_no_more(self, collector: str) -> None:
        alarm = ALARMS[f"{collector.title()}Failing"]
        assert (alarm["MetricName"], alarm["Statistic"]) == ("RunSucceeded", "Maximum")
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)

    def test_raises_no_alarm_for_want_of_a_key(self, collector: str) -> None:
        # An unconfigured run tells neither of success nor of an age.
        for kind in ("Failing", "Stale"):
            assert ALARMS[f"{collector.title()}{kind}"]["TreatMissingData"] == "notBreaching"

    def test_is_stale_past_the_limit_of_its_sources(
        self, template: Expanded, collector: str
    ) -> None:
        alarm = ALARMS[f"{collector.title()}Stale"]
        assert (alarm["MetricName"], alarm["Statistic"]) == ("ReadingAgeSeconds", "Maximum")
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["Threshold"] == limit_s(collector, template)

    def test_is_named_by_the_dimension_that_its_function_sets(
        self, template: Expanded, collector: str
    ) -> None:
        told = template.the(f"{collector.title()}Function")["Environment"]["Variables"]
        for kind in ("Silent", "Failing", "Stale"):
            (dimension,) = ALARMS[f"{collector.title()}{kind}"]["Dimensions"]
            assert dimension == {"Name": "service", "Value": told["POWERTOOLS_SERVICE_NAME"]}
            assert ALARMS[f"{collector.title()}{kind}"]["Namespace"] == {"Ref": "Namespace"}
        namespace = template.the("Monitoring")["Parameters"]["Namespace"]
        assert namespace == told["POWERTOOLS_METRICS_NAMESPACE"]


class TestEveryAlarm:
    @pytest.mark.parametrize("name", ALARMS)
    def test_names_a_section_of_the_runbook(self, name: str) -> None:
        link = re.search(r"infra/RUNBOOK\.md#([\w-]+)$", ALARMS[name]["AlarmDescription"])
        assert link is not None
        assert link[1] in sections(RUNBOOK)

    @pytest.mark.parametrize("name", ALARMS)
    def test_tells_the_topic_of_trouble_and_of_its_end(self, name: str) -> None:
        assert ALARMS[name]["AlarmActions"] == ALARMS[name]["OKActions"] == [{"Ref": "Alarms"}]

    @pytest.mark.parametrize("name", ALARMS)
    def test_watches_a_metric_that_our_code_or_aws_counts(self, name: str) -> None:
        of_aws = {
            "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
            "AWS/Lambda": {"Url5xxCount", "Duration", "Throttles"},
        }
        alarm = ALARMS[name]
        if alarm["Namespace"] == {"Ref": "Namespace"}:
            code = (ROOT / "layers/greenstream/greenstream/collect.py").read_text()
            assert f'telemetry.count("{alarm["MetricName"]}"' in code
        else:
            assert alarm["MetricName"] in of_aws[alarm["Namespace"]]

    def test_there_is_one_for_each_thing_that_goes_wrong(self) -> None:
        providers = {f"{c.title()}{kind}" for c in COLLECTORS for kind in WRONG}
        shared = {"DeadLettersWaiting", "Router5xx", "RouterSlow", "RouterThrottled"}
        assert set(ALARMS) == providers | shared


class TestTheDashboard:
    BODY = json.loads(
        re.sub(
            r"\$\{[\w:]+\}",
            "name",
            MONITORING["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"],
        )
    )

    def test_answers_in_order_of_what_matters(self) -> None:
        widgets = sorted(self.BODY["widgets"], key=lambda widget: (widget["y"], widget["x"]))
        headings = [w["properties"]["markdown"] for w in widgets if w["type"] == "text"]
        asked = ["fresh", "well", "deciding", "cost"]
        assert [next(word for word in asked if word in heading) for heading in headings] == asked

    def test_shows_each_providers_age_against_the_limit_of_its_alarm(self) -> None:
        shown = {
            w["properties"]["title"]: w["properties"]["annotations"]["horizontal"][0]["value"]
            for w in self.BODY["widgets"]
            if "ReadingAgeSeconds" in json.dumps(w)
        }
        assert shown == {c: ALARMS[f"{c.title()}Stale"]["Threshold"] for c in COLLECTORS}

    def test_shows_what_every_function_does_and_costs(self) -> None:
        for metric in ("Invocations", "Duration", "IncomingBytes"):
            charts = [json.dumps(w) for w in self.BODY["widgets"] if f'"{metric}"' in json.dumps(w)]
            assert any(
                all(f'"label": "{function}"' in chart for function in FUNCTIONS) for chart in charts
            ), metric

    def test_shows_only_counts_that_the_router_keeps(self) -> None:
        journal = (ROOT / "layers/greenstream/greenstream/journal.py").read_text()
        rungs = {"Rung" + "".join(map(str.capitalize, rung.split("_"))) for rung in Rung}
        shown = {
            metric[1]
            for w in self.BODY["widgets"]
            for metric in w["properties"].get("metrics", [])
            if metric[2:4] == ["service", "router"]
        }
        assert {name for name in shown if name.startswith("Rung")} == rungs
        assert all(f'"{name}"' in journal for name in shown - rungs)
        assert shown - rungs

    def test_fits_its_grid_without_overlap(self) -> None:
        taken: set[tuple[int, int]] = set()
        for w in self.BODY["widgets"]:
            cells = {
                (x, y)
                for x in range(w["x"], w["x"] + w["width"])
                for y in range(w["y"], w["y"] + w["height"])
            }
            assert not cells & taken
            assert max(x for x, _ in cells) < 24
            taken |= cells
