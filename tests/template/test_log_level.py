"""``LogLevel`` decides what a function logs on AWS, where Lambda has a log level of its own."""

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from infra.registry import FUNCTIONS
from tests.template.conftest import ROOT, Expanded

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("awslambdaric") is None, reason="awslambdaric is for Linux only"
)

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ON_LAMBDA = """
import logging
import warnings

from awslambdaric import bootstrap

warnings.simplefilter("error")


class Sink:
    def log(self, text, frame_type=None):
        print(text, end="")


# Lambda's runtime does this before it imports the function.
bootstrap._setup_logging(
    bootstrap._AWS_LAMBDA_LOG_FORMAT, bootstrap._AWS_LAMBDA_LOG_LEVEL, Sink()
)

from greenstream.aws.powertools import PowertoolsTelemetry

telemetry = PowertoolsTelemetry()


@telemetry.observed
def handler(event, context):
    for level in ("debug", "info", "warning", "error"):
        telemetry.event(level, "ours")
        getattr(logging.getLogger("botocore.parsers"), level)("of a library")
    telemetry.count("Readings", 3)
    return {}


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "-"


handler({}, Context())
"""


def resolved(value: Any, log_level: str) -> Any:
    """Return a value of the template where the parameter ``LogLevel`` has the given value."""
    if value == {"Ref": "LogLevel"}:
        return log_level
    if isinstance(value, dict) and "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        assert condition == "LogsDebug"
        return then if log_level == "DEBUG" else otherwise
    return value


def written_on_lambda(template: Expanded, log_level: str) -> list[dict[str, Any]]:
    """Return the lines that reach CloudWatch, as Lambda filters them.

    Lambda gives the level of its logging configuration to the runtime, INFO unless one is set, and
    drops the lines below it. A line without a level counts as INFO. Source: Lambda's developer
    guide, "Log-level filtering".
    """
    function = template.the("EsoFunction")
    of_lambda = resolved(function["LoggingConfig"].get("ApplicationLogLevel", "INFO"), log_level)
    asked = resolved(function["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"], log_level)
    ended = subprocess.run(
        [sys.executable, "-c", ON_LAMBDA],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers/greenstream"),
            "POWERTOOLS_SERVICE_NAME": "eso",
            "POWERTOOLS_METRICS_NAMESPACE": "GreenStream/dev",
            "POWERTOOLS_LOG_LEVEL": asked,
            "AWS_LAMBDA_LOG_FORMAT": function["LoggingConfig"]["LogFormat"],
            "AWS_LAMBDA_LOG_LEVEL": of_lambda,
            "AWS_LAMBDA_FUNCTION_NAME": "greenstream-dev-eso",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    lines: list[dict[str, Any]] = [json.loads(line) for line in ended.stdout.splitlines()]
    return [
        line for line in lines if LEVELS.index(of_lambda) <= LEVELS.index(line.get("level", "INFO"))
    ]


@pytest.mark.parametrize("log_level", LEVELS)
class TestAFunctionOnLambda:
    def test_logs_from_its_level_on_and_loses_no_metric(
        self, template: Expanded, log_level: str
    ) -> None:
        lines = written_on_lambda(template, log_level)
        ours = [line["level"] for line in lines if line.get("message") == "ours"]
        assert ours == list(LEVELS[LEVELS.index(log_level) :])
        (metrics,) = [line for line in lines if "_aws" in line]
        assert metrics["Readings"] == [3.0]

    def test_logs_no_fine_line_of_a_library_because_these_quote_secrets(
        self, template: Expanded, log_level: str
    ) -> None:
        lines = written_on_lambda(template, log_level)
        theirs = [line["level"] for line in lines if line.get("message") == "of a library"]
        assert theirs == (["ERROR"] if log_level == "ERROR" else ["WARNING", "ERROR"])


def test_every_function_has_the_same_levels(template: Expanded) -> None:
    assert template.source["Parameters"]["LogLevel"]["AllowedValues"] == list(LEVELS)
    for name in FUNCTIONS:
        function = template.the(f"{name.title()}Function")
        assert function["LoggingConfig"]["ApplicationLogLevel"] == {
            "Fn::If": ["LogsDebug", "DEBUG", "INFO"]
        }
        assert function["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == {"Ref": "LogLevel"}
    assert template.source["Conditions"]["LogsDebug"] == {
        "Fn::Equals": [{"Ref": "LogLevel"}, "DEBUG"]
    }
