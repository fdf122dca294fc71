"""Checks of the expanded template for whatever the emulator ignores or does not enforce."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.electricitymaps import provider as electricitymaps
from functions.eso.provider import Eso
from functions.watttime import session as watttime
from greenstream.domain.clock import utc_now
from greenstream.ingest.http import MAX_RETRY_AFTER_S
from greenstream.ports.provider import ProviderConfig
from infra.registry import COLLECTING, COLLECTORS, FUNCTIONS, parameter_of
from tests.contract.provider_wire import Silent
from tests.template.conftest import ROOT, Expanded, expanded

SCHEDULED = [*COLLECTING, "tuner"]
DEAD_LETTERS = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
ASKING = {
    "required",
    "required_count",
    "secret",
    "environ.get",
    "config.environ.get",
    "config.secret",
    "Feed",
}
"""Calls that read the environment variable that they name, as an argument or as ``address``."""

SET_BY_THE_PLATFORM = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
}
"""Lambda gives these to every function. The client of the table reads them."""

SET_OUTSIDE_OF_THE_CLOUD = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CA_BUNDLE"}
"""The local stack and users with a gateway of their own set these, as for every AWS client."""

READ_BY_LIBRARIES = {  # Powertools, urllib and requests read these, not our code
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
}
WITH_WILDCARDS = {  # the only policies with wildcards, and the reasons
    # SAM gives it to every role that it makes; it allows only writing logs.
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    # X-Ray has no resources: its two Put actions can only be granted on "*".
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
}
IN_ONE_REGION_ONLY = {
    "ReadingsTable",
    "DeadLetterQueue",
    "GridstatusLayer",
    "TuningLayer",
    "Tuner",
    "Monitoring",
}


def logical(function: str) -> str:
    return f"{function.title()}Function"


def seconds(rate: str) -> int:
    number, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rate).groups()  # type: ignore[union-attr]
    return int(number) * {"minute": 60, "hour": 3600, "day": 86400}[unit]


def period_s(template: Expanded, collector: str) -> int:
    schedule = template.the(f"{logical(collector)}Schedule")
    return seconds(template.default(schedule["ScheduleExpression"]["Ref"]))


def statements(template: Expanded, role: str) -> Iterator[dict[str, Any]]:
    for policy in template.the(role).get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def wildcards(resource: Any) -> list[str]:
    """Return a resource's wildcards, except the one for a provider's own secrets."""
    named = json.dumps(resource).replace("arn:${AWS::Partition}", "")
    own = r"parameter/greenstream/\$\{Stage\}/[a-z]+/\*"
    return re.findall(r"[^\"]*\*[^\"]*", re.sub(own, "", named))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("collector", SCHEDULED)
class TestASchedule:
    def test_has_a_name_unique_to_the_stack(self, template: Expanded, collector: str) -> None:
        schedule = template.the(f"{logical(collector)}Schedule")
        assert schedule["Name"] == {"Fn::Sub": f"${{AWS::StackName}}-{collector}"}

    def test_retries_and_sends_what_it_could_not_deliver_to_the_dead_letter_queue(
        self, template: Expanded, collector: str
    ) -> None:
        target = template.the(f"{logical(collector)}Schedule")["Target"]
        assert target["DeadLetterConfig"] == {"Arn": DEAD_LETTERS}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= period_s(template, collector)

    def test_sends_the_event_that_is_stored_for_trying_the_function(
        self, template: Expanded, collector: str
    ) -> None:
        event = json.loads((ROOT / f"tests/events/scheduled/{collector}.json").read_text())
        name = template.the(f"{logical(collector)}Schedule")["Name"]["Fn::Sub"]
        assert "Input" not in template.the(f"{logical(collector)}Schedule")["Target"]
        assert event["source"] == "aws.scheduler"
        assert event["resources"] == [
            "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/"
            + name.replace("${AWS::StackName}", "greenstream-dev")
        ]

    def test_does_not_start_at_the_same_moment_as_all_others(
        self, template: Expanded, collector: str
    ) -> None:
        window = template.the(f"{logical(collector)}Schedule")["FlexibleTimeWindow"]
        assert window == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1}

    def test_never_overlaps_the_run_before(self, template: Expanded, collector: str) -> None:
        timeout_s = template.the(logical(collector))["Timeout"]
        jitter_s = 60
        assert timeout_s + jitter_s < period_s(template, collector)

    def test_a_failed_run_reaches_the_dead_letter_queue_before_the_next_run_is_due(
        self, template: Expanded, collector: str
    ) -> None:
        invoke = template.the(f"{logical(collector)}EventInvokeConfig")
        assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == DEAD_LETTERS
        assert invoke["MaximumRetryAttempts"] == 1
        assert invoke["MaximumEventAgeInSeconds"] <= period_s(template, collector)


@pytest.mark.parametrize("function", SCHEDULED)
def test_what_scheduled_functions_have_in_common_names_none_of_them(
    template: Expanded, function: str
) -> None:
    """YAML aliases share it between functions, so it must not contain the name of one of them."""
    own = {
        name: resource
        for name, resource in template.resources.items()
        if name.startswith(function.title())
    }
    assert len(own) >= 4  # the log group, the function, the schedule and their roles
    names = rf"(?<![a-z])({'|'.join(SCHEDULED)})"
    named = re.findall(names, json.dumps(own), re.IGNORECASE)
    shared = {COLLECTORS[function].secrets_of} - {None} if function in COLLECTORS else set()
    assert {name.lower() for name in named} == {function} | shared


def test_a_run_that_waits_for_its_upstream_ends_before_the_functions_timeout(
    template: Expanded,
) -> None:
    """The run stores what it has read by then, and reports the failure by its name."""
    last_request_s = {"watttime": watttime.RUN_S, "electricitymaps": electricitymaps.RUN_S}
    # WattTime's request takes longest with its retry, Electricity Maps' with a stalled body.
    longest_s = {"watttime": 31, "electricitymaps": 22}
    for collector, starts_s in last_request_s.items():
        assert starts_s + longest_s[collector] < template.the(logical(collector))["Timeout"]


def test_eso_asks_in_full_at_new_year_of_an_upstream_that_stalls(template: Expanded) -> None:
    """NESO's ranges end with the year, so ESO then makes two of its four requests twice."""
    config = ProviderConfig(environ=COLLECTORS["eso"].settings, clock=utc_now, telemetry=Silent())
    http, requests = Eso.from_config(config).http, 4 + 2
    longest_s = http.attempts * http.deadline_s + (http.attempts - 1) * MAX_RETRY_AFTER_S
    assert requests * longest_s < template.the("EsoFunction")["Timeout"]


class TestTheTable:
    def test_expires_items_is_encrypted_and_bills_by_request(self, template: Expanded) -> None:
        table = template.the("ReadingsTable")
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        assert table["BillingMode"] == "PAY_PER_REQUEST"

    def test_has_point_in_time_recovery_and_is_protected_in_prod_in_each_region(
        self, template: Expanded
    ) -> None:
        here, there = template.the("ReadingsTable")["Replicas"]
        condition, there, otherwise = there["Fn::If"]
        assert (condition, otherwise) == ("HasReplica", {"Ref": "AWS::NoValue"})
        assert here["Region"] == {"Ref": "AWS::Region"}
        assert there["Region"] == {"Ref": "ReplicaRegion"}
        for replica in (here, there):
            recovery = replica["PointInTimeRecoverySpecification"]
            assert recovery == {"PointInTimeRecoveryEnabled": True}
            assert replica["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}
        assert template.source["Conditions"]["IsProd"] == {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}

    def test_has_one_region_and_no_stream_unless_asked(self, template: Expanded) -> None:
        stream = template.the("ReadingsTable")["StreamSpecification"]
        assert stream["Fn::If"][0] == "HasReplica"
        assert template.default("ReplicaRegion") == ""

    def test_expires_the_attribute_that_the_store_writes(self) -> None:
        adapters = (ROOT / "layers/greenstream/greenstream/aws").glob("*.py")
        assert any('"expires_at"' in adapter.read_text() for adapter in adapters)


class TestEveryFunction:
    def test_is_declared_in_the_template_exactly_once(self, template: Expanded) -> None:
        assert sorted(template.functions) == sorted(map(logical, FUNCTIONS))

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_runs_on_the_architecture_and_python_that_it_is_built_for(
        self, template: Expanded, function: str
    ) -> None:
        properties = template.the(logical(function))
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == [{"Ref": "Architecture"}]
        assert template.default("Architecture") == "arm64"
        assert properties["Handler"] == f"functions.{function}.app.handler"
        assert properties["TracingConfig"] == {"Mode": "Active"}

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_logs_json_to_a_log_group_with_a_retention_period(
        self, template: Expanded, function: str
    ) -> None:
        logging = template.the(logical(function))["LoggingConfig"]
        assert logging["LogFormat"] == "JSON"
        group = template.the(logging["LogGroup"]["Ref"])
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_receives_the_environment_variables_that_its_code_reads_and_no_others(
        self, template: Expanded, function: str
    ) -> None:
        given = set(template.the(logical(function))["Environment"]["Variables"])
        read = names_read(ROOT / "functions" / function) | names_read(ROOT / "layers/greenstream")
        if function == "tuner":
            read |= names_read(ROOT / "layers/tuning")
        assert read - SET_BY_THE_PLATFORM - SET_OUTSIDE_OF_THE_CLOUD <= given
        assert not given & SET_BY_THE_PLATFORM
        assert given <= read | READ_BY_LIBRARIES

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_may_take_only_named_actions_on_named_resources(
        self, template: Expanded, function: str
    ) -> None:
        role = f"{logical(function)}Role"
        assert set(template.the(role)["ManagedPolicyArns"]) <= WITH_WILDCARDS
        for statement in statements(template, role):
            assert all("*" not in action for action in listed(statement["Action"]))
            assert not wildcards(statement["Resource"])

    def test_no_role_or_user_may_take_every_action_on_every_resource(
        self, template: Expanded
    ) -> None:
        holders = [*template.of("AWS::IAM::Role").values(), *template.of("AWS::IAM::User").values()]
        policies = [policy for holder in holders for policy in holder.get("Policies", [])]
        allowed = [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]
        assert len(allowed) > 2 * len(FUNCTIONS)
        for statement in allowed:
            # SAM writes a statement without a Sid for the dead letters of a function.
            assert "Sid" in statement or statement["Action"] == "sqs:SendMessage", statement
            assert all("*" not in action for action in listed(statement["Action"]))
            assert not wildcards(statement["Resource"])
            assert not statement.keys() & {"NotAction", "NotResource"}
        roles = template.of("AWS::IAM::Role").values()
        managed = {arn for role in roles for arn in role.get("ManagedPolicyArns", [])}
        assert managed <= WITH_WILDCARDS
        assert not template.of("AWS::IAM::Policy")  # otherwise this test would have to read it
        assert not template.of("AWS::IAM::ManagedPolicy")

    def test_a_layer_is_for_the_architecture_of_the_functions(self, template: Expanded) -> None:
        layers = template.of("AWS::Lambda::LayerVersion")
        assert len(layers) == 3
        assert all(
            layer["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
            for layer in layers.values()
        )
        assert (ROOT / "template.yaml").read_text().count("[!Ref Architecture]") == 1

    def test_only_gridstatus_carries_the_library(self, template: Expanded) -> None:
        carriers = {
            name
            for name, function in template.functions.items()
            if any(layer["Ref"].startswith("GridstatusLayer") for layer in function["Layers"])
        }
        assert carriers == {"GridstatusFunction"}
        assert all(
            any(layer["Ref"].startswith("GreenstreamLayer") for layer in function["Layers"])
            for function in template.functions.values()
        )


class TestWhoMayDoWhat:
    def test_the_router_may_only_read_and_store_round_trips(self, template: Expanded) -> None:
        reads, keeps = statements(template, "RouterFunctionRole")
        assert reads["Action"] == "dynamodb:Query"
        assert "Condition" not in reads
        assert keeps["Action"] == "dynamodb:UpdateItem"
        assert keeps["Condition"] == {
            "Null": {"dynamodb:LeadingKeys": "false"},
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["LATENCY"]},
        }

    def test_the_tuner_may_only_read_and_store_policies(self, template: Expanded) -> None:
        _to_the_queue, reads, keeps = statements(template, "TunerFunctionRole")
        assert (reads["Action"], keeps["Action"]) == ("dynamodb:Query", "dynamodb:PutItem")
        assert keeps["Condition"] == {
            "Null": {"dynamodb:LeadingKeys": "false"},
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["POLICY", "CURRENT"]},
        }

    def test_the_workers_user_may_only_call_the_alias_through_its_url(
        self, template: Expanded
    ) -> None:
        (policy,) = template.the("RouterCaller")["Policies"]
        assert template.resources["RouterCaller"]["Condition"] == "IsSigned"
        allowed = {
            statement["Action"]: (statement["Resource"], statement["Condition"])
            for statement in policy["PolicyDocument"]["Statement"]
        }
        alias = {"Ref": "RouterFunctionAliaslive"}
        assert allowed == {
            "lambda:InvokeFunctionUrl": (
                alias,
                {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
            ),
            "lambda:InvokeFunction": (alias, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
        }

    def test_no_key_is_made_by_the_template(self, template: Expanded) -> None:
        assert not template.of("AWS::IAM::AccessKey")

    def test_a_boundary_bounds_every_role_and_user(self, template: Expanded) -> None:
        holders = template.of("AWS::IAM::Role") | template.of("AWS::IAM::User")
        assert len(holders) == len(FUNCTIONS) + len(SCHEDULED) + 1
        boundary = {"Ref": "PermissionsBoundary"}
        for name, holder in holders.items():
            chosen = holder.get("PermissionsBoundary")
            assert chosen == {"Fn::If": ["HasBoundary", boundary, {"Ref": "AWS::NoValue"}]}, name
        assert "AWS::IAM" not in (ROOT / "infra/monitoring.yaml").read_text()

    def test_a_condition_on_the_leading_key_fails_where_a_request_has_none(
        self, template: Expanded
    ) -> None:
        """``ForAllValues`` alone holds for a request without the key."""
        conditions = [
            statement["Condition"]
            for function in FUNCTIONS
            for statement in statements(template, f"{logical(function)}Role")
            if "ForAllValues" in json.dumps(statement)
        ]
        assert len(conditions) > 3 * len(COLLECTING)
        assert all(c["Null"] == {"dynamodb:LeadingKeys": "false"} for c in conditions)

    @pytest.mark.parametrize("collector", COLLECTING)
    def test_a_collector_reads_no_secret_but_its_own(
        self, template: Expanded, collector: str
    ) -> None:
        secrets = [
            statement["Resource"]["Fn::Sub"]
            for statement in statements(template, f"{logical(collector)}Role")
            if "ssm:GetParameter" in listed(statement["Action"])
        ]
        row = COLLECTORS.get(collector)
        stored_for = (row and row.secrets_of) or collector
        own = f"parameter/greenstream/${{Stage}}/{stored_for}/*"
        assert [name.rpartition(":")[2] for name in secrets] == (
            [own] if any(COLLECTORS[name].secrets for name in COLLECTING[collector]) else []
        )

    @pytest.mark.parametrize("collector", SCHEDULED)
    def test_a_schedule_may_start_its_own_collector_only(
        self, template: Expanded, collector: str
    ) -> None:
        started = [
            statement["Resource"]
            for statement in statements(template, f"{collector.title()}ScheduleRole")
            if statement["Action"] == "lambda:InvokeFunction"
        ]
        assert started == [{"Fn::GetAtt": [logical(collector), "Arn"]}]
        target = template.the(f"{logical(collector)}Schedule")["Target"]
        assert target["RoleArn"] == {"Fn::GetAtt": [f"{collector.title()}ScheduleRole", "Arn"]}

    @pytest.mark.parametrize("collector", SCHEDULED)
    def test_the_role_of_a_schedule_trusts_the_schedules_of_this_account_only(
        self, template: Expanded, collector: str
    ) -> None:
        role = template.the(f"{collector.title()}ScheduleRole")
        (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trusted == {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        }

    @pytest.mark.parametrize(
        "secret", [secret for row in COLLECTORS.values() for secret in row.secrets]
    )
    def test_no_secret_shows_in_the_console(self, template: Expanded, secret: str) -> None:
        assert template.source["Parameters"][parameter_of(secret)]["NoEcho"] is True


class TestASecondRegion:
    def test_has_a_router_and_nothing_that_collects(self, template: Expanded) -> None:
        at_home = {
            name
            for name, resource in template.resources.items()
            if resource.get("Condition") == "IsHome"
        }
        assert {logical(collector) for collector in COLLECTING} <= at_home
        assert {f"{logical(collector)}Schedule" for collector in COLLECTING} <= at_home
        assert at_home >= {
            name
            for name in template.resources
            if any(name.startswith(part) for part in IN_ONE_REGION_ONLY)
        }
        assert not any(name.startswith("Router") for name in at_home)

    def test_reads_the_table_that_is_replicated_there(self, template: Expanded) -> None:
        table_name = template.the("RouterFunction")["Environment"]["Variables"]["TABLE_NAME"]
        assert table_name == {
            "Fn::If": ["IsHome", {"Ref": "ReadingsTable"}, {"Ref": "ReplicatedTable"}]
        }
        for statement in statements(template, "RouterFunctionRole"):
            condition, here, there = statement["Resource"]["Fn::If"]
            assert (condition, here) == ("IsHome", {"Fn::GetAtt": ["ReadingsTable", "Arn"]})
            assert there["Fn::Sub"].endswith(":table/${ReplicatedTable}")


class TestTheRoutersUrl:
    def test_answers_from_the_alias(self, template: Expanded) -> None:
        assert template.the("RouterFunctionUrl")["TargetFunctionArn"] == {
            "Ref": "RouterFunctionAliaslive"
        }

    def test_requires_signed_requests_by_default(self, template: Expanded) -> None:
        assert template.the("RouterFunctionUrl")["AuthType"] == {"Ref": "RouterAuthType"}
        assert template.default("RouterAuthType") == "AWS_IAM"

    def test_is_public_only_where_no_signature_is_required(self, template: Expanded) -> None:
        world = {
            name: resource
            for name, resource in template.resources.items()
            if resource["Type"] == "AWS::Lambda::Permission"
        }
        assert {resource["Condition"] for resource in world.values()} == {"IsPublic"}
        assert {resource["Properties"]["Action"] for resource in world.values()} == {
            "lambda:InvokeFunctionUrl",
            "lambda:InvokeFunction",  # URLs made since October 2025 need both
        }
        assert template.source["Conditions"]["IsPublic"] == {
            "Fn::Equals": [{"Ref": "RouterAuthType"}, "NONE"]
        }

    def test_a_new_version_is_published_when_a_parameter_of_the_router_changes(
        self, template: Expanded
    ) -> None:
        router = dict(template.the("RouterFunction"))
        del router["ReservedConcurrentExecutions"]  # it belongs to the function, not to a version
        told_by_metrics = router["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
        assert told_by_metrics == {"Fn::Sub": "GreenStream/${Stage}"}
        (version,) = template.of("AWS::Lambda::Version").values()
        named = set(re.findall(r"\$\{(\w+)\}", version["Description"]["Fn::Sub"]))
        declared = set(template.source["Parameters"])
        assert named >= {"SnapStart"} | (set(references(router)) & declared)

    def test_a_new_version_is_published_when_the_shared_package_changes(
        self, template: Expanded
    ) -> None:
        changed = expanded(layer_uri="s3://bucket/changed-layer")
        assert not set(template.of("AWS::Lambda::Version")) & set(
            changed.of("AWS::Lambda::Version")
        )

    def test_the_previous_version_is_retained_for_a_rollback(self, template: Expanded) -> None:
        (version,) = (
            resource
            for resource in template.resources.values()
            if resource["Type"] == "AWS::Lambda::Version"
        )
        assert version["DeletionPolicy"] == version["UpdateReplacePolicy"] == "Retain"


def references(value: Any) -> Iterator[str]:
    """Yield every name that a part of the template refers to."""
    if isinstance(value, dict):
        if "Ref" in value:
            yield value["Ref"]
        if "Fn::Sub" in value:
            yield from re.findall(r"\$\{(\w+)\}", value["Fn::Sub"])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def names_read(folder: Path) -> set[str]:
    """Return the environment variables that the code under a folder reads by name."""
    return {
        name
        for path in folder.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        for name in _asked_for(call)
    }


def _asked_for(call: ast.Call) -> Iterator[str]:
    if ast.unparse(call.func) in ASKING:
        addresses = (keyword.value for keyword in call.keywords if keyword.arg == "address")
        for argument in (*call.args, *addresses):
            if isinstance(argument, ast.Constant) and str(argument.value).isupper():
                yield str(argument.value)
