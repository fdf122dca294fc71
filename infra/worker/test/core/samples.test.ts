import { describe, expect, it } from "vitest";
import { answering, hanging, SAN_JOSE, World } from "./world.ts";

const accepting = (request: Request) =>
  request.method === "POST"
    ? new Response(null, { status: 202 })
    : answering()(request, request.signal);
const sampling = { SAMPLE_SHARE: 0.6, PROBE_PATH: "/ping" };

async function reports(world: World): Promise<unknown[]> {
  const posts = world.asked.filter(({ method }) => method === "POST");
  return Promise.all(posts.map((post) => post.json()));
}

describe("a sampled visit", () => {
  it("is answered before any origin is probed", async () => {
    const world = new World(accepting, undefined, sampling);
    await world.visit("/");
    expect(world.visited[0]).toBe("sfo GET /");
    await world.settle();
    expect(world.visited.filter((visit) => visit.endsWith("HEAD /ping"))).toHaveLength(6);
  });

  it("reports each POP's second round trip in one batch", async () => {
    const world: World = new World(
      accepting,
      async (request) => {
        if (request.method === "HEAD") world.now_ms += 5;
        return new Response(null);
      },
      { ...sampling, ORIGINS: { lon: "https://lon.test" } },
    );
    world.router = (request) =>
      request.method === "POST"
        ? new Response(null, { status: 202 })
        : hanging(request, request.signal);
    await world.visit("/");
    await world.settle();
    const post = world.asked.find(({ method }) => method === "POST");
    expect(new URL(post?.url ?? "").pathname).toBe("/v1/latency");
    expect(await reports(world)).toEqual([{ samples: [{ colo: "SJC", pop: "lon", rtt_ms: 5 }] }]);
  });

  it("reports at least 1 ms and probes below the origin's own path", async () => {
    const world = new World(accepting, undefined, {
      ...sampling,
      ORIGINS: { lon: "https://lon.test/base" },
    });
    await world.visit("/");
    await world.settle();
    expect(world.visited.at(-1)).toBe("lon HEAD /base/ping");
    expect(await reports(world)).toEqual([{ samples: [{ colo: "SJC", pop: "lon", rtt_ms: 1 }] }]);
  });

  it("leaves out origins that fail or hang", async () => {
    const world = new World(
      accepting,
      (request) => {
        const { hostname } = new URL(request.url);
        if (hostname === "lon.test") throw new TypeError("refused");
        return new Response(null, { status: hostname === "ams.test" ? 503 : 200 });
      },
      sampling,
    );
    await world.visit("/");
    await world.settle();
    expect(await reports(world)).toEqual([{ samples: [expect.objectContaining({ pop: "sfo" })] }]);
  });

  it("is drawn from the configured share of visits", async () => {
    const world = new World(accepting, undefined, sampling);
    world.random = 0.6;
    await world.visit("/");
    await world.settle();
    expect(await reports(world)).toEqual([]);
  });

  it("starts one round a minute in a colo at any traffic and number of isolates", async () => {
    const world = new World(accepting, undefined, sampling);
    const workers = [world.worker, world.isolate(), world.isolate()];
    for (let second = 0; second < 180; second += 1) {
      await world.visit("/", {}, workers[second % 3]);
      await world.settle();
      world.pass(1);
    }
    expect(await reports(world)).toHaveLength(3);
  });

  it("measures nothing when the colo is unknown", async () => {
    const world = new World(accepting, undefined, sampling);
    await world.visit("/", { cf: {} });
    await world.settle();
    expect(await reports(world)).toEqual([]);
  });

  it("probes six POPs in a round and the others in the next rounds", async () => {
    const pops = ["sfo", "lax", "iad", "nyc", "lon", "ams", "fra", "cdg"];
    const ORIGINS = Object.fromEntries(pops.map((pop) => [pop, `https://${pop}.test`]));
    const world = new World(accepting, undefined, { ...sampling, ORIGINS });
    for (let round = 0; round < 2; round += 1) {
      await world.visit("/", { cf: SAN_JOSE });
      await world.settle();
      world.pass(60);
    }
    const probed = world.visited
      .filter((visit) => visit.includes("HEAD"))
      .map((visit) => visit.slice(0, 3));
    expect(new Set(probed)).toEqual(new Set(pops));
    expect(probed).toHaveLength(2 * 2 * 6);
  });
});
