import { describe, expect, it } from "vitest";
import {
  answering,
  DUBLIN,
  hanging,
  MapCache,
  refusing,
  routeAnswer,
  SAN_JOSE,
  World,
} from "./world.ts";

const decisionHeaders = (response: Response) =>
  Object.fromEntries(
    ["pop", "zone", "gco2", "age", "reason"].map((name) => [
      name,
      response.headers.get(`x-greenstream-${name}`),
    ]),
  );
const basis = (response: Response) =>
  /greenstream;desc=(\w+)/.exec(response.headers.get("server-timing") ?? "")?.[1];

describe("a colo's decision", () => {
  it("sends the visit to the chosen POP and says why", async () => {
    const world = new World(answering());
    const response = await world.visit("/shop?q=1");
    expect(await response.text()).toBe("served");
    expect(world.visited).toEqual(["sfo GET /shop"]);
    expect(decisionHeaders(response)).toEqual({
      pop: "sfo",
      zone: "CAISO_NORTH",
      gco2: "189.4",
      age: "600",
      reason: "cleanest",
    });
    expect(basis(response)).toBe("fresh");
  });

  it("is requested with the colo and its POPs, and not with the position of one visitor", async () => {
    const world = new World(answering(), undefined, { SIGNAL: "average", MAX_LATENCY_MS: 60 });
    await world.visit();
    const { pathname, searchParams } = new URL(world.asked[0]?.url ?? "");
    expect(pathname).toBe("/v1/route");
    expect(Object.fromEntries(searchParams)).toEqual({
      pops: "sfo,lon,ams",
      colo: "SJC",
      signal: "average",
      max_latency_ms: "60",
    });
  });

  it("has its cache entry on the site's own host, and no visitor can read it there", async () => {
    const cache = new MapCache();
    const world = new World(answering());
    world.cache = cache;
    await world.visit("/shop");
    await world.settle();
    const [key] = cache.stored.keys();
    expect(key).toMatch(/^https:\/\/www\.test\/_greenstream-cache\/decisions\/2\/SJC\?/);
    const { pathname, search } = new URL(key ?? "");
    expect((await world.visit(pathname + search)).status).toBe(404);
    expect(world.visited).toEqual(["sfo GET /shop"]);
  });

  it("is requested with the current POP when there is one", async () => {
    const world = new World(answering());
    await world.visit();
    world.pass(31);
    await world.visit();
    await world.settle();
    expect(world.asked.map(({ url }) => new URL(url).searchParams.get("current"))).toEqual([
      null,
      "sfo",
    ]);
  });

  it("is requested once however many visitors come at the same time", async () => {
    const world = new World(answering());
    const visits = await Promise.all(Array.from({ length: 200 }, () => world.visit()));
    expect(visits.map((visit) => visit.headers.get("x-greenstream-reason"))).toEqual(
      Array(200).fill("cleanest"),
    );
    expect(world.asked).toHaveLength(1);
  });

  it("is requested once per colo and TTL at any traffic", async () => {
    const world = new World(answering());
    const colos = Array.from({ length: 20 }, (_, index) => `C${String.fromCharCode(65 + index)}A`);
    const duration_s = 250;
    for (let visit = 0; visit < 10_000; visit += 1) {
      await world.visit("/", { cf: { ...SAN_JOSE, colo: colos[(visit * 7) % 20] } });
      world.pass(duration_s / 10_000);
      if (visit % 20 === 0) await world.settle(); // every half second of the test's clock
    }
    expect(world.visited).toHaveLength(10_000);
    expect(world.asked.length).toBeLessThanOrEqual(20 * Math.ceil(duration_s / 30));
    expect(world.asked.length).toBeGreaterThan(20);
  });

  it("is shared between the colo's isolates", async () => {
    const world = new World(answering());
    await world.visit();
    await world.settle();
    for (let count = 0; count < 5; count += 1) {
      expect(basis(await world.visit("/", {}, world.isolate()))).toBe("fresh");
    }
    expect(world.asked).toHaveLength(1);
  });

  it("is not requested by a second isolate while the first one requests it", async () => {
    const world = new World(answering());
    const other = world.isolate();
    await world.visit();
    await world.visit("/", {}, other);
    await world.settle();
    world.pass(31);
    await Promise.all([world.visit(), new Promise((done) => setTimeout(done, 1))]);
    await world.visit("/", {}, other);
    await world.settle();
    expect(world.asked).toHaveLength(2);
  });

  it("is not shared between colos", async () => {
    const world = new World(answering());
    await world.visit("/", { cf: SAN_JOSE });
    await world.visit("/", { cf: DUBLIN });
    expect(world.asked.map(({ url }) => new URL(url).searchParams.get("colo"))).toEqual([
      "SJC",
      "DUB",
    ]);
  });

  it("is requested with the visitor's rough position when the router does not know the colo", async () => {
    const refused = { status: 400, errors: [{ field: "colo", detail: "does not know QQQ" }] };
    const world = new World((request) => {
      const knowsColo = !new URL(request.url).searchParams.has("colo");
      return knowsColo ? Response.json(routeAnswer()) : Response.json(refused, { status: 400 });
    });
    const response = await world.visit("/", { cf: { ...SAN_JOSE, colo: "QQQ" } });
    expect([basis(response), decisionHeaders(response).pop]).toEqual(["fresh", "sfo"]);
    expect(world.asked.map(({ url }) => new URL(url).search)).toEqual([
      "?pops=sfo%2Clon%2Cams&colo=QQQ",
      "?pops=sfo%2Clon%2Cams&lat=37.3&lon=-121.9",
    ]);
  });

  it.each([
    ["another field", { status: 400, errors: [{ field: "pops", detail: "does not know sfo" }] }],
    ["no field", { status: 400 }],
    ["an answer that is no problem document", "bad request"],
  ])("is requested once when the router refuses %s", async (_, refused) => {
    const world = new World(() => Response.json(refused, { status: 400 }));
    expect(basis(await world.visit())).toBe("nearest");
    expect(world.asked).toHaveLength(1);
  });

  it("is still used after its TTL while a new one is fetched in the background", async () => {
    const world = new World(answering());
    await world.visit();
    world.pass(31);
    world.router = answering(routeAnswer({ pop: "lon" }));
    const stale = await world.visit();
    await world.settle();
    const renewed = await world.visit();
    expect([basis(stale), decisionHeaders(stale).pop]).toEqual(["stale", "sfo"]);
    expect([basis(renewed), decisionHeaders(renewed).pop]).toEqual(["fresh", "lon"]);
  });

  it("gives the age of the intensity at the visit, not at the decision", async () => {
    const world = new World(answering());
    await world.visit();
    world.pass(20);
    expect(decisionHeaders(await world.visit()).age).toBe("620");
  });

  it("is remembered when the cache fails", async () => {
    const world = new World(answering());
    const failing = async () => {
      throw new Error("no cache");
    };
    world.cache = { match: failing, put: failing };
    await world.visit();
    expect(basis(await world.visit())).toBe("fresh");
    expect(world.asked).toHaveLength(1);
  });
});

const FAILURES = {
  "refuses the connection": refusing,
  hangs: hanging,
  "answers 500": () => new Response("oops", { status: 500 }),
  "answers 403": () => Response.json({ Message: "Forbidden" }, { status: 403 }),
  "answers 302": () => Response.redirect("https://elsewhere.test/", 302),
  "answers garbage": () => new Response("<html>"),
  "answers another shape": () => Response.json({ pop: 7 }),
  "answers half a body": () => new Response(JSON.stringify(routeAnswer()).slice(0, 300)),
  "resets the connection": () =>
    new Response(new ReadableStream({ start: (stream) => stream.error(new Error("reset")) })),
  "stops in the middle of its answer": () =>
    new Response(
      new ReadableStream({
        start: (stream) => stream.enqueue(new TextEncoder().encode('{"pop":')),
      }),
    ),
  "sends an answer without end": () =>
    new Response(
      new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(100_000).fill(32)) }),
    ),
};

describe.each(Object.entries(FAILURES))("when the router %s", (_name, failure) => {
  it("the visitor is sent to the nearest POP", async () => {
    const world = new World(failure);
    const response = await world.visit("/", { cf: DUBLIN });
    expect(response.status).toBe(200);
    expect(decisionHeaders(response)).toEqual({
      pop: "lon",
      zone: null,
      gco2: null,
      age: null,
      reason: "nearest_no_decision",
    });
  });

  it("the colo's place stands for a visitor whose own is unknown", async () => {
    const world = new World(failure);
    const response = await world.visit("/", { cf: { colo: "DUB" } });
    expect([basis(response), decisionHeaders(response).pop]).toEqual(["nearest", "lon"]);
  });

  it("the last decision is used for a day, and then the nearest POP", async () => {
    const world = new World(answering());
    await world.visit("/", { cf: DUBLIN });
    world.router = failure;
    world.pass(86_000);
    const stale = await world.visit("/", { cf: DUBLIN });
    await world.settle();
    world.pass(500);
    const expired = await world.visit("/", { cf: DUBLIN });
    await world.settle();
    expect([basis(stale), decisionHeaders(stale).pop]).toEqual(["stale", "sfo"]);
    expect([basis(expired), decisionHeaders(expired).pop]).toEqual(["nearest", "lon"]);
  });

  it("it is asked no more often than when it works", async () => {
    const world = new World(failure);
    for (let second = 0; second < 60; second += 1) {
      expect((await world.visit()).status).toBe(200);
      await world.settle();
      world.pass(1);
    }
    expect(world.asked).toHaveLength(2);
  });

  it("its decision is used as soon as it answers again", async () => {
    const world = new World(failure);
    await world.visit();
    await world.settle();
    world.router = answering();
    world.pass(31);
    await world.visit();
    await world.settle();
    expect(basis(await world.visit())).toBe("fresh");
  });
});

describe("the clock of an isolate", () => {
  it("may be set back without losing the decision or asking at each visit", async () => {
    const world = new World(answering());
    await world.visit();
    world.pass(-3600);
    for (let count = 0; count < 5; count += 1) {
      expect(decisionHeaders(await world.visit()).pop).toBe("sfo");
      await world.settle();
    }
    expect(world.asked.length).toBeLessThanOrEqual(2);
  });

  it("may be ahead without stopping the other isolates from asking", async () => {
    const world = new World(answering());
    await world.visit();
    await world.settle();
    world.pass(-3600);
    await world.visit("/", {}, world.isolate());
    await world.settle();
    expect(world.asked).toHaveLength(2);
  });
});

describe("a visitor whose place is unknown", () => {
  it("is sent to the default POP when there is no decision", async () => {
    const world = new World(refusing);
    const response = await world.visit("/", { cf: {} });
    expect([decisionHeaders(response).pop, decisionHeaders(response).reason]).toEqual([
      "lon",
      "default_no_decision",
    ]);
  });

  it("gets a decision that is requested without a place", async () => {
    const world = new World(answering());
    await world.visit("/", { cf: { latitude: "", longitude: "" } });
    const { searchParams } = new URL(world.asked[0]?.url ?? "");
    expect([...searchParams.keys()]).toEqual(["pops"]);
  });
});

describe("a visitor who leaves before the router answers", () => {
  it("does not stop later visitors from asking the router", async () => {
    const world = new World(() => new Promise(() => {}));
    world.cache = { match: () => new MapCache().match(""), put: () => new Promise(() => {}) };
    await world.visit();
    world.router = answering();
    world.cache = new MapCache();
    world.pass(40);
    await world.visit();
    expect(basis(await world.visit())).toBe("fresh");
  });
});
