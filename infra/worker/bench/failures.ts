/**
 * Measures what visitors notice when the router or an origin fails: the visits that fail although
 * a direct request succeeds, and the latency that the Worker adds. Each visit is followed by the
 * same visit through a Worker in the same runtime that only forwards.
 */
import {
  answerAsOrigin,
  answerAsRouter,
  closedUrl,
  type Handler,
  LocalWorker,
  quantile,
  serve,
} from "./harness.ts";

const VISITS = 300;
const ORIGIN_TIMEOUT_MS = 500;
const KEY = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };

interface Case {
  name: string;
  router?: Handler | "refused";
  origin?: Handler | "refused";
  /** Whether the Worker has a decision before the failure begins. */
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
  ["403, signature expired", expired],
  ["garbage", status(200, "<html>not JSON")],
  ["half a body", halfBody],
];
const cases: Case[] = [
  { name: "nothing fails (cache hit)", warm: true },
  ...router_failures.flatMap(([name, router]) =>
    [true, false].map((warm) => ({
      name: `router ${name}, ${warm ? "decision known" : "no decision"}`,
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
  const closed_url = await closedUrl();
  const router_server = await serve(answerAsRouter);
  const healthy = await serve(answerAsOrigin);
  const chosen = await serve(answerAsOrigin);
  const worker = LocalWorker.greenstream({
    // With `warm` the router must answer first, so it is closed later instead.
    ROUTER_URL: router === "refused" && !warm ? closed_url : router_server.url,
    ORIGINS: { sfo: origin === "refused" ? closed_url : chosen.url, lon: healthy.url },
    TTL_S: 1,
    ORIGIN_TIMEOUT_MS,
    ...KEY,
  });
  const direct = LocalWorker.passThrough(healthy.url);
  await Promise.all([worker.start(), direct.start()]);
  await direct.visit();
  if (warm) for (let count = 0; count < 20; count += 1) await worker.visit();
  if (router === "refused") router_server.close();
  else if (router) router_server.handler = router;
  if (typeof origin === "function") chosen.handler = origin;

  let lost = 0;
  const worker_ms: number[] = [];
  const direct_ms: number[] = [];
  for (let count = 0; count < VISITS; count += 1) {
    // Requests with a body must succeed too when only the router fails.
    const post = count % 10 === 9 && !origin ? { method: "POST", body: "x".repeat(1000) } : {};
    const through_worker = await worker.visit(post);
    const without = await direct.visit(post);
    if (without.ok && !through_worker.ok) lost += 1;
    worker_ms.push(through_worker.duration_ms);
    direct_ms.push(without.duration_ms);
    if (count % 100 === 99) await new Promise((done) => setTimeout(done, 1100)); // longer than the TTL
  }
  const [first_ms = Number.NaN] = worker_ms;
  const quantiles = [0.5, 0.99].map((share) => {
    const direct_share_ms = quantile(direct_ms, share);
    const added_ms = quantile(worker_ms, share) - direct_share_ms;
    return `p${100 * share} ${format(added_ms)} (direct ${format(direct_share_ms)})`;
  });
  console.log(
    `${name.padEnd(40)} lost ${lost} of ${VISITS}   added ms: ${quantiles.join("  ")}   ` +
      `first visit ${format(first_ms - quantile(direct_ms, 0.5))}`,
  );
  await Promise.all([worker.stop(), direct.stop()]);
  for (const server of [router_server, healthy, chosen]) server.close();
  return lost;
}

const format = (duration_ms: number) => duration_ms.toFixed(1).padStart(6);

let lost = 0;
for (const failure of cases) lost += await measure(failure);
console.log(`${lost} visits failed although a direct request succeeded.`);
process.exitCode = lost > 0 ? 1 : 0;
