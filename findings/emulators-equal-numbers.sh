#!/usr/bin/env bash
# Two emulators of DynamoDB do not agree with AWS, nor with each other, which numbers are equal.
#
# Guess: both store a number without needless zeros, as AWS says of itself (developer guide, data types),
#   and compare by value. So 1764374400 and 1764374400.0 are the same key, and the set {1} has 1.0.
# Seen: moto keeps numbers as they are written: 1.10 is read back as 1.10, and adding 1.0 to the set {1}
#   makes the set {1, 1.0}. ministack trims, and refuses that addition. Its conditional put takes the key with
#   ".0" for one that exists, and its query finds the item, but its GetItem does not, and its UpdateItem makes
#   a second item.
# Why it matters: a stamp in seconds is a usual sort key, and Decimal(str(time)) has a ".0" where an integer
#   has none. A test of "stored once" passes or fails by the emulator and the call.
# Versions: moto 5.2.5, ministack 1.5.33, boto3 1.44.5.
set -euo pipefail

folder=$(mktemp -d)
emulator=""
trap '[[ -z $emulator ]] || kill "$emulator" || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/moto"
"$folder/moto/bin/pip" install -qq --disable-pip-version-check "moto[dynamodb]==5.2.5" boto3==1.44.5
python3 -m venv "$folder/ministack"
"$folder/ministack/bin/pip" install -qq --disable-pip-version-check ministack==1.5.33
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(cd "$folder" && HOME=$folder BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT=$port SFTP_ENABLED=0 \
    IOT_MTLS_ENABLED=0 exec "$folder/ministack/bin/ministack") >"$folder/log" 2>&1 &
emulator=$!
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=eu-west-1
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
"$folder/moto/bin/python" - "$port" <<'PYTHON'
import socket
import sys
import time

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

PORT = int(sys.argv[1])
KEYS = [("pk", "HASH", "S"), ("sk", "RANGE", "N")]


def key(number):
    return {"pk": {"S": "GB"}, "sk": {"N": number}}


def done(call, **how):
    try:
        return call(TableName="readings", **how)
    except ClientError as error:
        return error.response["Error"]["Code"]


def ask(**how):
    """Return what an emulator does with equal numbers that are written in two ways."""
    client = boto3.client("dynamodb", **how)
    client.create_table(
        TableName="readings",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind, _ in KEYS],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, _, t in KEYS],
        BillingMode="PAY_PER_REQUEST",
    )
    first = {**key("1764374400"), "g": {"N": "1.10"}, "hours": {"NS": ["1"]}}
    client.put_item(TableName="readings", Item=first)

    seen = {"stored": client.get_item(TableName="readings", Key=key("1764374400"))["Item"]["g"]["N"]}
    seen["put"] = done(
        client.put_item,
        Item=key("1764374400.0"),
        ConditionExpression="attribute_not_exists(pk)",
    )
    equal = done(
        client.query,
        KeyConditionExpression="pk = :pk AND sk = :sk",
        ExpressionAttributeValues={":pk": {"S": "GB"}, ":sk": {"N": "1764374400.0"}},
    )
    seen["query"] = equal["Count"]
    seen["get"] = "Item" in client.get_item(TableName="readings", Key=key("1764374400.0"))
    added = done(
        client.update_item,
        Key=key("1764374400"),
        UpdateExpression="ADD hours :hours",
        ExpressionAttributeValues={":hours": {"NS": ["1.0"]}},
        ReturnValues="ALL_NEW",
    )
    seen["set"] = added if isinstance(added, str) else added["Attributes"]["hours"]["NS"]
    done(
        client.update_item,
        Key=key("1764374400.0"),
        UpdateExpression="SET g = :g",
        ExpressionAttributeValues={":g": {"N": "2"}},
    )
    seen["items"] = client.scan(TableName="readings")["Count"]
    return seen


until = time.monotonic() + 120
while True:
    with socket.socket() as probe:
        if not probe.connect_ex(("127.0.0.1", PORT)):
            break
    assert time.monotonic() < until, "ministack does not answer"
    time.sleep(0.5)
with mock_aws():
    moto = ask()
ministack = ask(endpoint_url=f"http://127.0.0.1:{PORT}")
print(f"moto: {moto}")
print(f"ministack: {ministack}")
taken = "ConditionalCheckFailedException"
assert moto == {
    "stored": "1.10", "put": taken, "query": 1, "get": True, "set": ["1", "1.0"], "items": 1
}
assert ministack == {
    "stored": "1.1", "put": taken, "query": 1, "get": False, "set": "ValidationException", "items": 2
}
PYTHON
