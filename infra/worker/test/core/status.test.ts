import { describe, expect, it } from "vitest";
import { hanging, MapCache, refusing, World } from "./world.ts";

const json = (request: Request) => Response.json({ asked: new URL(request.url).pathname });

describe("the status page", () => {
  it("serves its files below its path with a strict policy and sends nothing to the origins", async () => {
    const files: string[] = [];
    const ASSETS = {
      fetch: async (input: RequestInfo | URL) => {
        files.push(new URL(new Request(input).url).pathname);
        return new Response("a file");
      },
    };
    const world = new World(json, undefined, { ASSETS });
    const page = await world.visit("/_greenstream/");
    await world.visit("/_greenstream/app.js");
    expect(files).toEqual(["/", "/app.js"]);
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'/,
    );
    expect(world.visited).toEqual([]);
  });

  it.each([
    ["a file", "GET", ""],
    ["an answer", "GET", "api/v1/zones"],
    ["a refusal of a path", "GET", "api/v1/latency"],
    ["a refusal of a method", "POST", ""],
  ])("sends %s with that policy and forbids type sniffing", async (_name, method, path) => {
    const ASSETS = { fetch: async () => new Response("a file") };
    const world = new World(json, undefined, { ASSETS });
    const { headers } = await world.visit(`/_greenstream/${path}`, { method });
    const policy = headers.get("content-security-policy")?.split("; ") ?? [];
    for (const directive of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]) {
      expect(policy).toContain(directive);
    }
    expect(policy.join()).not.toContain("unsafe");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("redirects when the last slash is missing", async () => {
    const response = await new World(json).visit("/_greenstream");
    expect(response.headers.get("location")).toBe("https://www.test/_greenstream/");
  });

  it("keeps the question of the page's address when the last slash is missing", async () => {
    const response = await new World(json).visit("/_greenstream?from=London&pops=lon,ams");
    expect(response.status).toBe(308);
    expect(response.headers.get("location")).toBe(
      "https://www.test/_greenstream/?from=London&pops=lon,ams",
    );
  });

  it("leaves all other paths to the site", async () => {
    const world = new World(json);
    await world.visit("/app.js");
    await world.visit("/_greenstreams/");
    expect(world.visited).toEqual(["sfo GET /app.js", "sfo GET /_greenstreams/"]);
  });

  it("can be turned off", async () => {
    const world = new World(json, undefined, { STATUS_PATH: "" });
    await world.visit("/_greenstream/");
    expect(world.visited).toEqual(["sfo GET /_greenstream/"]);
  });

  it.each(["POST", "DELETE"])("refuses %s", async (method) => {
    expect((await new World(json).visit("/_greenstream/", { method })).status).toBe(405);
  });
});

describe("the page's API", () => {
  it("forwards the router's GET routes, once in ten seconds", async () => {
    const world = new World(json);
    for (const query of ["?b=1&a=2", "?a=2&b=1"]) {
      const response = await world.visit(`/_greenstream/api/v1/zones${query}`);
      await world.settle();
      expect(await response.json()).toEqual({ asked: "/v1/zones" });
    }
    expect(world.asked.map(({ url }) => url)).toEqual(["https://router.test/v1/zones?a=2&b=1"]);
  });

  it.each([
    "v1/route",
    "v1/window",
    "v1/zones",
    "v1/zones/CAISO_NORTH",
    "v1/places",
    "v1/pops",
    "v1/providers",
    "v1/policy",
    "v1/health",
    "openapi.json",
  ])("forwards %s", async (path) => {
    const response = await new World(json).visit(`/_greenstream/api/${path}`);
    expect(await response.json()).toEqual({ asked: `/${path}` });
  });

  it.each([
    ["forwards an answer as large as two days of a five-minute feed", 1_999_000, 200],
    ["refuses an answer larger than any of the router's", 2_001_000, 504],
  ])("%s", async (_name, length, status) => {
    const long = { PAGE_DEADLINE_MS: 10_000 };
    const world = new World(() => Response.json("x".repeat(length)), undefined, long);
    const response = await world.visit("/_greenstream/api/v1/zones/CAISO_NORTH?history_h=48");
    expect(response.status).toBe(status);
  });

  it("forwards the router's refusals", async () => {
    const problem = { title: "Bad Request" };
    const world = new World(() =>
      Response.json(problem, {
        status: 400,
        headers: { "content-type": "application/problem+json" },
      }),
    );
    const response = await world.visit("/_greenstream/api/v1/route?lat=x");
    expect([response.status, await response.json()]).toEqual([400, problem]);
  });

  it.each([
    "/_greenstream/api/v1/latency",
    "/_greenstream/api/v1/zones/../../x",
    "/_greenstream/api/v1/zones/a%2F..%2Fb",
    "/_greenstream/api/",
  ])("does not forward %s", async (path) => {
    const world = new World(json);
    expect((await world.visit(path)).status).toBe(404);
    expect(world.asked).toEqual([]);
  });

  it.each([
    ["does not answer", hanging, 504],
    ["refuses the connection", refusing, 504],
    ["answers 500", () => new Response("secret trace", { status: 500 }), 502],
    ["answers 403", () => Response.json({ Message: "Forbidden" }, { status: 403 }), 502],
    [
      "is not reached, because AWS has too many calls",
      () => Response.json({ Reason: "secret" }, { status: 429 }),
      502,
    ],
    ["redirects", () => Response.json("secret", { status: 302 }), 502],
    [
      "answers without a body",
      () => new Response(null, { status: 204, headers: { "content-type": "application/json" } }),
      502,
    ],
    [
      "sends an HTML page",
      () => new Response("<script>", { headers: { "content-type": "text/html" } }),
      502,
    ],
  ])("answers with problem details when the router %s", async (_name, router, status) => {
    const response = await new World(router).visit("/_greenstream/api/v1/zones");
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.text()).not.toMatch(/secret|script|Forbidden/);
  });

  it("refuses a query that is longer than any of the page's", async () => {
    const world = new World(json);
    const response = await world.visit(`/_greenstream/api/v1/route?pops=${"a".repeat(8000)}`);
    expect(response.status).toBe(414);
    expect(world.asked).toEqual([]);
  });

  it.each([
    ["?q=a b&p=*", "?p=%2A&q=a%20b"],
    ["?a=%FF", "?a=%EF%BF%BD"],
    ["?b=(1)&a=~x!'", "?a=~x%21%27&b=%281%29"],
    ["?a", "?a="],
    ["?a=2&a=1", "?a=1&a=2"],
  ])("writes the query %s as %s, which is how AWS signs it", async (given, sent) => {
    const world = new World(json);
    await world.visit(`/_greenstream/api/v1/zones${given}`);
    expect(world.asked[0]?.url).toBe(`https://router.test/v1/zones${sent}`);
  });

  it.each(["?=x", "?a=1&=", "?=&b=2"])("refuses %s, whose parameter has no name", async (query) => {
    const world = new World(json);
    const response = await world.visit(`/_greenstream/api/v1/zones${query}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      400,
      "application/problem+json",
    ]);
    expect(world.asked).toEqual([]);
  });

  it("has its cache entries on the site's own host", async () => {
    const cache = new MapCache();
    const world = new World(json);
    world.cache = cache;
    await world.visit("/_greenstream/api/v1/zones?a=1");
    await world.settle();
    expect([...cache.stored.keys()]).toEqual([
      "https://www.test/_greenstream-cache/api/v1/zones?a=1",
    ]);
  });

  it("lets one address exhaust only its own calls", async () => {
    const world = new World(json);
    const counted: string[] = [];
    world.platform.mayCallApi = async (address) => {
      counted.push(address);
      return address !== "192.0.2.1";
    };
    const call = (address: string, lat: number) =>
      world.visit(`/_greenstream/api/v1/route?lat=${lat}`, {
        headers: { "cf-connecting-ip": address },
      });
    expect((await call("192.0.2.1", 1)).status).toBe(429);
    expect((await call("192.0.2.2", 2)).status).toBe(200);
    await world.settle();
    expect((await call("192.0.2.1", 2)).status).toBe(200); // from the cache, so it is not counted
    expect(counted).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("limits the router calls that strangers can cause", async () => {
    const world = new World(json);
    const statuses: number[] = [];
    for (let lat = 0; lat < 310; lat += 1) {
      statuses.push((await world.visit(`/_greenstream/api/v1/route?lat=${lat}`)).status);
    }
    expect(statuses.filter((status) => status === 429)).toHaveLength(10);
    expect(world.asked).toHaveLength(300);
    world.pass(60);
    expect((await world.visit("/_greenstream/api/v1/route?lat=999")).status).toBe(200);
  });
});
