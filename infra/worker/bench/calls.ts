/**
 * How many calls of the router 10,000 visits over 20 colos cause.
 * node bench/calls.ts [router URL, else one that answers in the router's form]
 */
import { Edge, passOn, routing, serve, serving } from "./rig.ts";

const VISITS = 10_000;
const COLOS = 20;
const TTL_S = 5;
const AT_ONCE = 25;

const [router_url] = process.argv.slice(2);
const router = await serve(router_url ? passOn(router_url) : routing);
const origin = await serve(serving);
const edge = Edge.worker({
  ROUTER_URL: router.url + (router_url ? new URL(router_url).pathname : ""),
  ORIGINS: Object.fromEntries(["sfo", "iad", "lon"].map((pop) => [pop, origin.url])),
  TTL_S,
  ROUTER_DEADLINE_MS: 5000, // a local router on two busy cores; the count is the matter here
});
await edge.start();
const colos = Array.from({ length: COLOS }, (_, index) => `C${String.fromCharCode(65 + index)}X`);
let failed = 0;
let next = 0;
const began = performance.now();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (next < VISITS) {
      const colo = colos[next % COLOS];
      next += 1;
      const { ok } = await edge.visit({ cf: { colo, latitude: "53.35", longitude: "-6.26" } });
      if (!ok) failed += 1;
    }
  }),
);
const duration_s = (performance.now() - began) / 1000;
const bound = COLOS * Math.ceil(duration_s / TTL_S);
await edge.stop();
router.close();
origin.close();

console.log(
  `router ${router_url ?? "in the bench"}: ${VISITS} visits over ${COLOS} colos in ` +
    `${duration_s.toFixed(1)} s, ttl ${TTL_S} s: ${router.calls} router calls, at most ` +
    `${bound} allowed (${(router.calls / bound).toFixed(2)}), ${failed} visits failed`,
);
process.exitCode = router.calls > bound || failed > 0 ? 1 : 0;
