#!/usr/bin/env bash
# Lambda's own log formatter rounds a record's level down, in the record itself.
#
# Guess: a level of one's own (25, "NOTICE") is written by its name, and other handlers get the record as
#   it was logged.
# Seen: with the JSON log format the runtime client sets the record's level to the multiple of ten below
#   it while it formats: 25 becomes 20 ("INFO"), 35 becomes 30 ("WARNING"), 5 becomes 0 ("NOTSET"). The change
#   stays in the record, so that a handler that comes later and wants 25 or more does not get it.
# Why it matters: the runtime's handler is the first on the root logger of each Python function. A
#   handler that was added for notices (to a topic, say) is silent on AWS and works in every test.
# Versions: awslambdaric 4.2.2.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check awslambdaric==4.2.2
"$folder/venv/bin/python" - <<'PYTHON'
import io
import json
import logging

from awslambdaric.lambda_runtime_log_utils import JsonFormatter

NOTICE = 25
logging.addLevelName(NOTICE, "NOTICE")


class Notices(logging.Handler):
    """Keeps what it gets."""

    def __init__(self):
        super().__init__(level=NOTICE)
        self.records = []

    def emit(self, record):
        self.records.append(record.getMessage())


def log(formatter, level=NOTICE):
    """Return the level that is written, and what the second handler gets."""
    written, notices = io.StringIO(), Notices()
    first = logging.StreamHandler(written)
    first.setFormatter(formatter)
    logger = logging.Logger("feed", level=1)
    logger.addHandler(first)
    logger.addHandler(notices)
    logger.log(level, "the feed is back")
    return written.getvalue(), notices.records


plain, kept = log(logging.Formatter("%(levelname)s"))
text, got = log(JsonFormatter())
level = json.loads(text)["level"]
levels = {own: json.loads(log(JsonFormatter(), own)[0])["level"] for own in (35, 5)}

print(f"plain formatter: {plain.strip()}, then {kept}; the runtime's: {level}, then {got}")
print(f"other levels: {levels}")
assert (plain.strip(), kept) == ("NOTICE", ["the feed is back"])
assert (level, got) == ("INFO", [])
assert levels == {35: "WARNING", 5: "NOTSET"}
PYTHON
