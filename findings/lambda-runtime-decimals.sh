#!/usr/bin/env bash
# Lambda's Python runtime writes a Decimal as a number with all its digits, which json.dumps refuses.
#
# Guess: a handler that returns a Decimal of DynamoDB fails with Runtime.MarshalError.
# Seen: it is written digit by digit as a bare number: 1.10 keeps its zero, 1E+3 its exponent, and 37
#   digits stay. Decimal("Infinity") becomes Infinity, which is no JSON. As the key of an object a
#   Decimal is refused (FaultException). The standard json.dumps raises TypeError for all.
# Why it matters: DynamoDB gives each stored figure as a Decimal. A test that dumps the handler's answer
#   refuses what the runtime accepts, and a JavaScript client reads 37 digits as 17. An infinite figure
#   makes an answer that is no JSON.
# Versions: awslambdaric 4.2.2.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check awslambdaric==4.2.2
"$folder/venv/bin/python" - <<'PYTHON'
import json
from decimal import Decimal

from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

DIGITS = "0.1234567890123456789012345678901234567"


def written(value, by=lambda value: LambdaMarshaller().marshal_response(value)[0]):
    try:
        return by(value)
    except Exception as error:  # the kind of error is what is looked at
        return type(error).__name__


figures = {text: written({"mw": Decimal(text)}) for text in ("1.10", "1E+3", DIGITS, "Infinity")}
for text, body in figures.items():
    print(f"{text} is written {body}")
print(f"as a key: {written({Decimal('1.5'): 1})}; json.dumps: {written(Decimal('1.10'), json.dumps)}")
assert figures == {text: f'{{"mw": {text}}}' for text in figures}
assert written({Decimal("1.5"): 1}) == "FaultException"
assert written(Decimal("1.10"), json.dumps) == "TypeError"
PYTHON
