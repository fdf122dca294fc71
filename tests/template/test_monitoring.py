"""The alarms and the dashboard, as the template names them."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from functions.tuner import nightly
from greenstream.api.decision_log import COMPARED, DecisionLog
from greenstream.domain.attribution import Comparison
from greenstream.domain.disputes import Claim, Dispute
from greenstream.domain.ladder import Rung
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Scope
from greenstream.domain.routing import decide
from greenstream.domain.zones import zones_of
from greenstream.ingest.collect import collect, refusal_metric
from greenstream.ports.provider import Batch
from infra.registry import COLLECTING, FUNCTIONS
from tests.builders import AVERAGE_DIRECT, NOW, a_candidate, a_reading, standings_of
from tests.fakes.memory_policies import MemoryPolicies
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Log
from tests.template.conftest import ROOT, Expanded
from tests.template.test_template import period_s, seconds

MONITORING = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())
ALARMS: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in MONITORING["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
WRONG = ("Silent", "Failing", "Stale")
RUNBOOK = (ROOT / "infra/docs/RUNBOOK.md").read_text()

# AWS documents these metrics, each with the dimension that names our resource. With FunctionName
# alone, a function's figures cover all its versions and aliases.
OF_AWS = {
    "AWS/Lambda": (
        "FunctionName",
        {"Invocations", "Duration", "Throttles", "UrlRequestCount", "Url4xxCount", "Url5xxCount"},
    ),
    "AWS/DynamoDB": ("TableName", {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}),
    "AWS/SQS": ("QueueName", {"ApproximateNumberOfMessagesVisible"}),
    "AWS/Logs": ("LogGroupName", {"IncomingBytes"}),
}


def counted() -> Mapping[str, frozenset[str]]:
    """Run the code that counts metrics, and return the names that each service counted."""

    class Provider:
        name, simulated = "p", False

        def fetch(self, now: datetime) -> Iterator[Batch]:
            yield Batch(readings=(a_reading(),))

    collected, decided, tuned = Log(), Log(), Log()
    collect(Provider(), MemoryStore(), clock=lambda: NOW, telemetry=collected)
    decision_log = DecisionLog(decided, lambda: NOW)
    rungs = [a_candidate(str(rung), 200, rung=rung) for rung in Rung]
    first, *others = rungs
    kind, scope = AVERAGE_DIRECT, Scope.PRODUCTION
    contested = Claim("p", "Z", kind, scope, frozenset({"p"}), 200.0, 200.0, 200.0, None)
    figure = first.carbon._replace(disputed=Dispute(contested, contested, None))
    rungs = [first._replace(carbon=figure), *others]
    decision = decide(rungs, Policy())
    decision_log.decided(decision, standings_of(decision.candidates), degraded=False)
    decision_log.answered(200, dict, store_failing=None, every=1)
    nightly.run(MemoryStore(), MemoryPolicies(), clock=lambda: NOW, telemetry=tuned)
    return {
        **dict.fromkeys(COLLECTING, frozenset(collected.counts)),
        "router": frozenset(decided.flushed[0]),
        "tuner": frozenset(tuned.counts),
    }


COUNTED = counted()


def sections(markdown: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(markdown: str, anchor: str) -> str:
    """Return the text under the heading with this anchor."""
    parts = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    (text,) = (text for heading, text in found.items() if sections(f"# {heading}") == {anchor})
    return text


LATE_BY_HABIT_S = {"entsoe": 18 * 3600, "energycharts": 18 * 3600, "eia": 5 * 86_400}
"""EIA is up to three days late. Some operators of ENTSO-E publish half a day at once, up to 16 h
late. With the limit of a live figure these alarms would never end. `Failing` reports that a
platform does not answer."""


def limit_s(collector: str, template: Expanded) -> int:
    """Return the age, s, past which a provider is stale.

    This is the longest age at which a source that is asked by default is still live. Providers in
    `LATE_BY_HABIT_S` have a longer limit.
    """
    if collector in LATE_BY_HABIT_S:
        return LATE_BY_HABIT_S[collector]
    asked = template.default("GridstatusZones").split(",") if collector == "gridstatus" else None
    return max(
        source.max_age_s
        for provider in COLLECTING[collector]
        for _, source in zones_of(provider)
        if asked is None or source.provider_zone in asked
    )


@pytest.mark.parametrize("collector", COLLECTING)
class TestAProvider:
    def test_is_silent_when_no_run_has_reported_its_result(
        self, template: Expanded, collector: str
    ) -> None:
        alarm = ALARMS[f"{collector.title()}Silent"]
        assert alarm["MetricName"] == "ZoneErrors"  # every run reports it, even an unconfigured one
        assert (alarm["Statistic"], alarm["Threshold"]) == ("SampleCount", 1)
        assert alarm["ComparisonOperator"] == "LessThanThreshold"
        assert alarm["TreatMissingData"] == "breaching"
        assert alarm["Period"] >= period_s(template, collector)

    def test_is_failing_when_no_run_succeeds_any_more(self, collector: str) -> None:
        alarm = ALARMS[f"{collector.title()}Failing"]
        assert (alarm["MetricName"], alarm["Statistic"]) == ("RunSucceeded", "Maximum")
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)

    def test_raises_no_alarm_because_its_key_is_missing(self, collector: str) -> None:
        # An unconfigured run reports neither a success nor an age.
        for kind in ("Failing", "Stale"):
            assert ALARMS[f"{collector.title()}{kind}"]["TreatMissingData"] == "notBreaching"

    def test_is_stale_past_the_limit_of_its_sources(
        self, template: Expanded, collector: str
    ) -> None:
        alarm = ALARMS[f"{collector.title()}Stale"]
        assert (alarm["MetricName"], alarm["Statistic"]) == ("ReadingAgeSeconds", "Maximum")
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["Threshold"] == limit_s(collector, template)
        assert f" {alarm['Threshold']} s " in alarm["AlarmDescription"]

    def test_that_answers_nothing_fails_long_before_it_is_stale(self, collector: str) -> None:
        failing, stale = (ALARMS[f"{collector.title()}{kind}"] for kind in ("Failing", "Stale"))
        assert failing["Period"] * failing["EvaluationPeriods"] < stale["Threshold"]

    def test_is_named_by_the_dimension_that_its_function_sets(
        self, template: Expanded, collector: str
    ) -> None:
        variables = template.the(f"{collector.title()}Function")["Environment"]["Variables"]
        for kind in ("Silent", "Failing", "Stale"):
            (dimension,) = ALARMS[f"{collector.title()}{kind}"]["Dimensions"]
            assert dimension == {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}
            assert ALARMS[f"{collector.title()}{kind}"]["Namespace"] == {"Ref": "Namespace"}
        namespace = template.the("Monitoring")["Parameters"]["Namespace"]
        assert namespace == variables["POWERTOOLS_METRICS_NAMESPACE"]


class TestEveryAlarm:
    @pytest.mark.parametrize("name", ALARMS)
    def test_names_a_section_of_the_runbook(self, name: str) -> None:
        link = re.search(r"infra/docs/RUNBOOK\.md#([\w-]+)$", ALARMS[name]["AlarmDescription"])
        assert link is not None
        assert link[1] in sections(RUNBOOK)

    @pytest.mark.parametrize("name", ALARMS)
    def test_notifies_the_topic_when_trouble_begins_and_when_it_ends(self, name: str) -> None:
        assert ALARMS[name]["AlarmActions"] == ALARMS[name]["OKActions"] == [{"Ref": "Alarms"}]

    @pytest.mark.parametrize("name", ALARMS)
    def test_watches_a_metric_that_our_code_or_aws_counts(self, name: str) -> None:
        alarm = ALARMS[name]
        (dimension,) = alarm["Dimensions"]
        if alarm["Namespace"] == {"Ref": "Namespace"}:
            assert dimension["Name"] == "service"
            assert alarm["MetricName"] in COUNTED[dimension["Value"]]
        else:
            expected, metrics = OF_AWS[alarm["Namespace"]]
            assert dimension["Name"] == expected
            assert alarm["MetricName"] in metrics

    @pytest.mark.parametrize("name", ALARMS)
    def test_looks_back_no_longer_than_cloudwatch_can(self, name: str) -> None:
        period_s, periods = ALARMS[name]["Period"], ALARMS[name]["EvaluationPeriods"]
        assert period_s * periods <= (86_400 if period_s < 3600 else 604_800)

    @pytest.mark.parametrize("name", ALARMS)
    def test_is_known_by_its_name_in_its_section_of_the_runbook(self, name: str) -> None:
        anchor = ALARMS[name]["AlarmDescription"].rpartition("#")[2]
        known = ALARMS[name]["AlarmName"]["Fn::Sub"].removeprefix("${Deployment}-")
        known = re.sub(rf"^({'|'.join(COLLECTING)})-", "<provider>-", known)
        assert f"`{known}`" in section(RUNBOOK, anchor)

    def test_there_is_one_for_each_thing_that_goes_wrong(self) -> None:
        providers = {f"{c.title()}{kind}" for c in COLLECTING for kind in WRONG}
        shared = {"TunerSilent", "DeadLettersWaiting", *AT_THE_ROUTER}
        assert set(ALARMS) == providers | shared


# The emulator has no metrics that AWS itself counts, so these alarms are checked by AWS's names.
AT_THE_ROUTER = {
    "Router5xx": ("Url5xxCount", "Sum", 5, "5 answers"),
    "RouterSlow": ("Duration", "p99", 500, "500 ms"),
    "RouterThrottled": ("Throttles", "Sum", 0, "any request"),
}


@pytest.mark.parametrize("name", AT_THE_ROUTER)
def test_the_router_is_watched_by_figures_of_awss_own(template: Expanded, name: str) -> None:
    metric, statistic, threshold, in_words = AT_THE_ROUTER[name]
    alarm = ALARMS[name]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", metric)
    assert alarm["Dimensions"] == [
        {"Name": "FunctionName", "Value": {"Fn::Sub": "${Deployment}-router"}}
    ]
    assert template.the("RouterFunction")["FunctionName"] == {"Fn::Sub": "${AWS::StackName}-router"}
    assert template.the("Monitoring")["Parameters"]["Deployment"] == {"Ref": "AWS::StackName"}
    assert alarm.get("Statistic", alarm.get("ExtendedStatistic")) == statistic
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", threshold)
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (60, 3, 2)
    assert in_words in section(RUNBOOK, "router-failing")


def test_dead_letters_are_watched_on_the_queue_that_runs_are_sent_to(template: Expanded) -> None:
    alarm = ALARMS["DeadLettersWaiting"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Ref": "DeadLetterQueueName"}}]
    assert template.the("Monitoring")["Parameters"]["DeadLetterQueueName"] == {
        "Fn::GetAtt": ["DeadLetterQueue", "QueueName"]
    }
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Maximum", 0)


def test_the_tuner_is_silent_when_two_runs_have_not_ended_well(template: Expanded) -> None:
    alarm = ALARMS["TunerSilent"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("PolicyWritten", "SampleCount")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "tuner"}]
    variables = template.the("TunerFunction")["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == "tuner"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 2 * seconds(
        template.default("TunerRate")
    )


OWN_ALARMS = [alarm for alarm in ALARMS.values() if alarm["Namespace"] == {"Ref": "Namespace"}]
BODY: dict[str, Any] = json.loads(
    MONITORING["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
)
METRIC_WIDGETS = [widget for widget in BODY["widgets"] if widget["type"] == "metric"]
LOG_WIDGETS = [widget for widget in BODY["widgets"] if widget["type"] == "log"]


def title(widget: dict[str, Any]) -> str:
    return str(widget["properties"]["title"])


def metrics_of(widget: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield namespace, name, dimension and value; a "." repeats the part of the row before."""
    before: list[str] = []
    for listed in widget["properties"]["metrics"]:
        named = [part for part in listed if isinstance(part, str)]
        if not named:
            continue  # an expression over other metrics
        before = [before[place] if part == "." else part for place, part in enumerate(named)]
        namespace, metric, dimension, value = before
        yield namespace, metric, dimension, value


def names_of_what_is_deployed(template: Expanded) -> set[str]:
    """Return the names of functions, log groups and the table, as the dashboard writes them."""
    functions = [
        function["FunctionName"]["Fn::Sub"].replace("${AWS::StackName}", "${Deployment}")
        for function in template.functions.values()
    ]
    groups = [
        group["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "${Deployment}")
        for group in template.of("AWS::Logs::LogGroup").values()
    ]
    assert template.the("Monitoring")["Parameters"]["TableName"] == {"Ref": "ReadingsTable"}
    return {*functions, *groups, "${TableName}"}


class TestTheDashboard:
    def test_answers_in_order_of_what_matters(self) -> None:
        widgets = sorted(BODY["widgets"], key=lambda widget: (widget["y"], widget["x"]))
        headings = [w["properties"]["markdown"] for w in widgets if w["type"] == "text"]
        asked = ["fresh", "healthy", "decide", "cost"]
        assert [next(word for word in asked if word in heading) for heading in headings] == asked

    @pytest.mark.parametrize(
        ("asked", "answers"),
        {
            "fresh": ["ReadingAgeSeconds"],
            "healthy": [
                "UrlRequestCount",
                "p50",
                "p90",
                "p99",
                "Url5xx",
                "DegradedAnswers",
                "Rung",
            ],
            "decide": ["by pop", "delivered_gco2_kwh", "AttributedDifference"],
            "cost": ["Invocations", "GB-s", "ConsumedRead", "ConsumedWrite", "IncomingBytes"],
        }.items(),
    )
    def test_shows_the_answer_to_each_question_under_its_heading(
        self, asked: str, answers: list[str]
    ) -> None:
        heads = [w for w in BODY["widgets"] if w["type"] == "text"]
        (start,) = (w["y"] for w in heads if asked in w["properties"]["markdown"])
        end = min((w["y"] for w in heads if w["y"] > start), default=10_000)
        under = json.dumps([w for w in BODY["widgets"] if start < w["y"] < end])
        assert [answer for answer in answers if answer not in under] == []

    def test_compares_decisions_with_the_baselines_that_the_router_logs(self) -> None:
        (chart,) = (w for w in BODY["widgets"] if COMPARED in w["properties"].get("query", ""))
        means = Comparison(decisions=1).means()
        asked = set(re.findall(r"sum\((\w+)", chart["properties"]["query"]))
        counted_elsewhere = {"added_rtt_ms", "fallback_decisions", "uncompared_decisions"}
        assert asked == set(means) - counted_elsewhere
        (heading,) = (w for w in BODY["widgets"] if "router decide?" in json.dumps(w))
        for words in ("attributional and location-based", "chosen POP only", "not the network"):
            assert words in heading["properties"]["markdown"]

    def test_shows_each_reason_of_a_refusal_by_its_metric(self) -> None:
        (chart,) = (w for w in BODY["widgets"] if "by reason" in str(w["properties"].get("title")))
        [[search]] = chart["properties"]["metrics"]
        assert " Refused'" in search["expression"]
        assert refusal_metric("false_zero") == "RefusedFalseZero"

    def test_shows_each_providers_age_against_the_limit_of_its_alarm(self) -> None:
        shown = {
            w["properties"]["title"]: w["properties"]["annotations"]["horizontal"][0]["value"]
            for w in BODY["widgets"]
            if "ReadingAgeSeconds" in json.dumps(w)
        }
        assert shown == {c: ALARMS[f"{c.title()}Stale"]["Threshold"] for c in COLLECTING}

    def test_shows_what_every_function_does_and_costs(self) -> None:
        for metric in ("Invocations", "Duration", "IncomingBytes"):
            charts = [json.dumps(w) for w in BODY["widgets"] if f'"{metric}"' in json.dumps(w)]
            assert any(
                all(f'"label": "{function}"' in chart for function in FUNCTIONS) for chart in charts
            ), metric

    @pytest.mark.parametrize("widget", METRIC_WIDGETS, ids=title)
    def test_shows_only_what_is_counted_under_the_names_it_is_counted_by(
        self, template: Expanded, widget: dict[str, Any]
    ) -> None:
        shown = list(metrics_of(widget))
        assert shown or "SEARCH" in json.dumps(widget)
        for namespace, metric, dimension, value in shown:
            if namespace == "${Namespace}":
                assert dimension == "service"
                assert metric in COUNTED[value]
            else:
                expected, metrics = OF_AWS[namespace]
                assert dimension == expected
                assert metric in metrics
                assert value in names_of_what_is_deployed(template)

    def test_shows_every_metric_that_is_paid_for_unless_an_alarm_reads_it(self) -> None:
        shown = {(value, metric) for w in METRIC_WIDGETS for _, metric, _, value in metrics_of(w)}
        alarmed = {(a["Dimensions"][0]["Value"], a["MetricName"]) for a in OWN_ALARMS}
        paid = {(service, metric) for service, names in COUNTED.items() for metric in names}
        assert paid <= shown | alarmed

    def test_computes_gigabyte_seconds_from_the_memory_of_each_function(
        self, template: Expanded
    ) -> None:
        (widget,) = (w for w in METRIC_WIDGETS if title(w) == "GB-s")
        reckoned = {
            m[0]["label"]: m[0]["expression"]
            for m in widget["properties"]["metrics"]
            if isinstance(m[0], dict)
        }
        memory = {name: template.the(f"{name.title()}Function")["MemorySize"] for name in FUNCTIONS}
        assert reckoned == {n: f"{n}_ms / 1000 * {memory[n]} / 1024" for n in FUNCTIONS}
        assert {m[4]["id"] for m in widget["properties"]["metrics"] if len(m) > 1} == {
            f"{name}_ms" for name in FUNCTIONS
        }

    @pytest.mark.parametrize("widget", LOG_WIDGETS, ids=title)
    def test_searches_only_log_groups_that_exist(
        self, template: Expanded, widget: dict[str, Any]
    ) -> None:
        searched = re.findall(r"SOURCE '([^']+)'", widget["properties"]["query"])
        assert searched
        assert set(searched) <= names_of_what_is_deployed(template)

    def test_fits_its_grid_without_overlap(self) -> None:
        taken: set[tuple[int, int]] = set()
        for w in BODY["widgets"]:
            cells = {
                (x, y)
                for x in range(w["x"], w["x"] + w["width"])
                for y in range(w["y"], w["y"] + w["height"])
            }
            assert not cells & taken
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_the_topic_without_encryption_carries_nothing_but_names_and_figures() -> None:
    """An alarm's message is made of its name, its description and its metric."""
    topic = MONITORING["Resources"]["Alarms"]["Properties"]
    assert set(topic) == {"DisplayName"}
    told = [text_of(alarm[part]) for alarm in ALARMS.values() for part in DESCRIBED]
    assert len(told) == 2 * len(ALARMS)
    assert {name for text in told for name in re.findall(r"\$\{([\w:.]+)\}", text)} <= {
        "Deployment"
    }


DESCRIBED = ("AlarmName", "AlarmDescription")


def text_of(value: Any) -> str:
    """Return a text of the template, with its placeholders."""
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    assert isinstance(text, str)
    return text
