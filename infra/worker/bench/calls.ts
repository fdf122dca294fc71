/**
 * Counts the router calls that 10,000 visits over 20 colos cause, and fails if there are more than
 * one per colo and TTL.
 *
 *     node bench/calls.ts [ROUTER_URL]
 *
 * Without a URL, a stub in this process answers in the router's format.
 */
import { answerAsOrigin, answerAsRouter, forwardTo, LocalWorker, serve } from "./harness.ts";

const VISITS = 10_000;
/** Colos that the router knows, because it refuses others. */
const COLOS =
  "AMS ARN ATL CDG DFW DUB EWR FRA GRU HKG IAD LAX LHR MAD MIA NRT ORD SIN SJC SYD".split(" ");
const TTL_S = 5;
const CONCURRENCY = 25;

const [router_url] = process.argv.slice(2);
const router = await serve(router_url ? forwardTo(router_url) : answerAsRouter);
const origin = await serve(answerAsOrigin);
const worker = LocalWorker.greenstream({
  ROUTER_URL: router.url + (router_url ? new URL(router_url).pathname : ""),
  ORIGINS: Object.fromEntries(["sfo", "iad", "lon"].map((pop) => [pop, origin.url])),
  TTL_S,
  ROUTER_DEADLINE_MS: 5000, // long, because this counts calls and a local router may be slow
});
await worker.start();
let failed = 0;
let next = 0;
const began_at_ms = performance.now();
await Promise.all(
  Array.from({ length: CONCURRENCY }, async () => {
    while (next < VISITS) {
      const colo = COLOS[next % COLOS.length];
      next += 1;
      const { ok } = await worker.visit({ cf: { colo, latitude: "53.35", longitude: "-6.26" } });
      if (!ok) failed += 1;
    }
  }),
);
const duration_s = (performance.now() - began_at_ms) / 1000;
const max_calls = COLOS.length * Math.ceil(duration_s / TTL_S);
await worker.stop();
router.close();
origin.close();

console.log(
  `The router ${router_url ?? "stub"} got ${router.calls} calls from ${VISITS} visits over ` +
    `${COLOS.length} colos in ${duration_s.toFixed(1)} s with a TTL of ${TTL_S} s; the limit is ` +
    `${max_calls} calls (ratio ${(router.calls / max_calls).toFixed(2)}). ${failed} visits failed.`,
);
process.exitCode = router.calls > max_calls || failed > 0 ? 1 : 0;
