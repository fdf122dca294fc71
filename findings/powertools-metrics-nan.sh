#!/usr/bin/env bash
# Powertools writes a metric that is not a number, and the line of all metrics is no JSON any more.
#
# Guess: add_metric refuses NaN and Infinity with MetricValueError, as it refuses a text.
# Seen: both are taken and written as NaN and Infinity into the line of the embedded metric format. JSON
#   has neither, so that a strict reader refuses the whole line, with the metrics beside it. The same
#   number in a log field is written as NaN by Powertools' logger too.
# Why it matters: the mean age of no readings, or a share of zero requests, is the usual way to a NaN. The
#   other metrics of that line are then lost to a strict reader, just when a feed is down.
# Versions: aws-lambda-powertools 3.37.0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check aws-lambda-powertools==3.37.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import json
import math
from contextlib import redirect_stdout

from aws_lambda_powertools import Logger, Metrics


def written(value):
    """Return the line that Powertools writes for two metrics, of which one has that value."""
    metrics = Metrics(namespace="router", service="collector")
    metrics.add_metric(name="Collected", unit="Count", value=1)
    try:
        metrics.add_metric(name="MeanAge", unit="Seconds", value=value)
    except Exception as error:  # the kind of error is what is looked at
        return type(error).__name__
    lines = io.StringIO()
    with redirect_stdout(lines):
        metrics.flush_metrics()
    return lines.getvalue()


def strict(line):
    """Read the line as JSON without the words that Python adds to it."""

    def refuse(word):
        raise ValueError(word)

    try:
        return json.loads(line, parse_constant=refuse)["Collected"]
    except ValueError as error:
        return f"refused for {error}"


log = io.StringIO()
Logger(service="collector", stream=log).info("collected", extra={"mean_age_s": math.nan})
readings = {value: strict(written(value)) for value in (5.0, math.nan, math.inf)}

print(f"a text: {written('5')}; the metric beside it: {readings}; a log line: {strict(log.getvalue())}")
assert written("5") == "MetricValueError"
assert readings[5.0] == [1.0]
assert readings[math.inf] == "refused for Infinity"
assert list(readings.values())[1] == "refused for NaN"
assert strict(log.getvalue()) == "refused for NaN"
PYTHON
