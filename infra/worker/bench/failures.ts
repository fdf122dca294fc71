/**
 * What visitors notice of failures: visits lost that a direct request would have served, and
 * the latency added over a pass-through Worker in the same runtime, each pair in turn.
 */
import { Edge, type Handler, quantile, refused, routing, serve, serving } from "./rig.ts";

const VISITS = 300;
const ORIGIN_TIMEOUT_MS = 500;
const KEY = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };

interface Case {
  name: string;
  router?: Handler | "refused";
  origin?: Handler | "refused";
  /** Whether a decision is known before the failure sets in. */
  warm?: boolean;
}

const status =
  (code: number, body: string): Handler =>
  (_, response) => {
    response.writeHead(code, { "content-type": "application/json" });
    response.end(body);
  };
const halfBody: Handler = (_, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "2000" });
  response.write('{"pop":"sfo","reason":"cleanest","candidates":[{"pop":');
  setTimeout(() => response.destroy(), 20);
};
const hang: Handler = () => {};
const reset: Handler = (incoming) => incoming.socket.resetAndDestroy();
const expired = status(403, '{"message":"Signature expired: 20261122T120000Z is now earlier"}');

const router_failures: [string, Handler | "refused"][] = [
  ["refused", "refused"],
  ["hanging", hang],
  ["reset", reset],
  ["500", status(500, '{"title":"Internal Server Error"}')],
  ["403", status(403, '{"Message":"Forbidden"}')],
  ["403, clocks apart", expired],
  ["garbage", status(200, "<html>not JSON")],
  ["half a body", halfBody],
];
const cases: Case[] = [
  { name: "nothing fails (cache hit)", warm: true },
  ...router_failures.flatMap(([name, router]) =>
    [true, false].map((warm) => ({
      name: `router ${name}, ${warm ? "decision known" : "nothing known"}`,
      router,
      warm,
    })),
  ),
  { name: "chosen origin down", origin: "refused", warm: true },
  { name: "chosen origin slow", origin: hang, warm: true },
  { name: "chosen origin resetting", origin: reset, warm: true },
  { name: "chosen origin 503", origin: status(503, "busy"), warm: true },
];

async function measure({ name, router, origin, warm }: Case): Promise<number> {
  const closed = await refused();
  const router_server = await serve(routing);
  const healthy = await serve(serving);
  const chosen = await serve(serving);
  const worker = Edge.worker({
    // Where nobody listens there was never a decision: only the cold case may use that address.
    ROUTER_URL: router === "refused" && !warm ? closed : router_server.url,
    ORIGINS: { sfo: origin === "refused" ? closed : chosen.url, lon: healthy.url },
    TTL_S: 1,
    ORIGIN_TIMEOUT_MS,
    ...KEY,
  });
  const direct = Edge.passThrough(healthy.url);
  await Promise.all([worker.start(), direct.start()]);
  await direct.visit();
  if (warm) for (let count = 0; count < 20; count += 1) await worker.visit();
  if (router === "refused") router_server.close();
  else if (router) router_server.handler = router;
  if (typeof origin === "function") chosen.handler = origin;

  let lost = 0;
  const added: number[] = [];
  let first_ms = 0;
  for (let count = 0; count < VISITS; count += 1) {
    // What has a body must come through as well where only the router fails.
    const post = count % 10 === 9 && !origin ? { method: "POST", body: "x".repeat(1000) } : {};
    const ours = await worker.visit(post);
    const theirs = await direct.visit(post);
    if (theirs.ok && !ours.ok) lost += 1;
    if (count === 0) first_ms = ours.ms;
    added.push(ours.ms - theirs.ms);
    if (count % 100 === 99) await new Promise((done) => setTimeout(done, 1100)); // the ttl passes
  }
  added.sort((a, b) => a - b);
  const ms = (value: number) => value.toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(40)} lost ${String(lost).padStart(3)} of ${VISITS}   added ms: ` +
      `p50 ${ms(quantile(added, 0.5))}  p99 ${ms(quantile(added, 0.99))}   first visit ${ms(first_ms)}`,
  );
  await Promise.all([worker.stop(), direct.stop()]);
  for (const server of [router_server, healthy, chosen]) server.close();
  return lost;
}

let lost = 0;
for (const each of cases) lost += await measure(each);
console.log(`visits lost that a direct request would have served: ${lost}`);
process.exitCode = lost > 0 ? 1 : 0;
