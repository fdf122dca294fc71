/**
 * What visitors notice of failures: visits lost that a direct request would have served, and
 * the latency added over a pass-through Worker in the same runtime, asked in turn with ours.
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
  const ours_ms: number[] = [];
  const floor_ms: number[] = [];
  for (let count = 0; count < VISITS; count += 1) {
    // What has a body must come through as well where only the router fails.
    const post = count % 10 === 9 && !origin ? { method: "POST", body: "x".repeat(1000) } : {};
    const ours = await worker.visit(post);
    const theirs = await direct.visit(post);
    if (theirs.ok && !ours.ok) lost += 1;
    ours_ms.push(ours.ms);
    floor_ms.push(theirs.ms);
    if (count % 100 === 99) await new Promise((done) => setTimeout(done, 1100)); // the ttl passes
  }
  const [first_ms = Number.NaN] = ours_ms;
  const compared = [0.5, 0.99].map((share) => {
    const [ours, floor] = [quantile(ours_ms, share), quantile(floor_ms, share)];
    return `p${100 * share} ${ms(ours - floor)} (floor ${ms(floor)})`;
  });
  console.log(
    `${name.padEnd(40)} lost ${lost} of ${VISITS}   added ms: ${compared.join("  ")}   ` +
      `first visit ${ms(first_ms - quantile(floor_ms, 0.5))}`,
  );
  await Promise.all([worker.stop(), direct.stop()]);
  for (const server of [router_server, healthy, chosen]) server.close();
  return lost;
}

const ms = (value: number) => value.toFixed(1).padStart(6);

let lost = 0;
for (const each of cases) lost += await measure(each);
console.log(`visits lost that a direct request would have served: ${lost}`);
process.exitCode = lost > 0 ? 1 : 0;
