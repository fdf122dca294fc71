import { describe, expect, it } from "vitest";
import { answering, hanging, ORIGINS, refusing, routeAnswer, SHORT_MS, World } from "./world.ts";

const failingOnlyAt =
  (pop: string, failure: () => Response | Promise<Response>) => (request: Request) =>
    new URL(request.url).hostname === `${pop}.test` ? failure() : new Response("served");

describe("the visitor's request", () => {
  it("reaches the origin with its method, path, query, headers and body untouched", async () => {
    let received: Request | undefined;
    const world = new World(answering(), (request) => {
      received = request;
      return new Response(null, { status: 204 });
    });
    const headers = {
      accept: "text/html;q=0.9",
      authorization: "Bearer visitor",
      cookie: "a=1; b=2",
      "x-request-id": "7",
    };
    const body = "name=value&name=other";
    const response = await world.visit("/a%20b/?q=1&q=2&e=", { method: "PATCH", headers, body });
    expect(response.status).toBe(204);
    expect(received?.url).toBe("https://sfo.test/a%20b/?q=1&q=2&e=");
    expect(received?.method).toBe("PATCH");
    expect(await received?.text()).toBe(body);
    expect(Object.fromEntries(received?.headers ?? [])).toEqual({
      ...headers,
      "content-type": "text/plain;charset=UTF-8",
      "x-forwarded-host": "www.test",
    });
  });

  it("is sent below the origin's own path", async () => {
    const world = new World(answering(), undefined, {
      ORIGINS: { ...ORIGINS, sfo: "https://sfo.test/base/" },
    });
    await world.visit("/a");
    expect(world.visited).toEqual(["sfo GET /base/a"]);
  });

  it("leaves the origin's own path only if the origin decodes an encoded slash", async () => {
    const world = new World(answering(), undefined, {
      ORIGINS: { ...ORIGINS, sfo: "https://sfo.test/base/" },
    });
    for (const path of ["/../a", "/%2e%2e/a", "/b/..\\..\\a"]) await world.visit(path);
    await world.visit("/..%2fa%5c..");
    expect(world.visited).toEqual([
      ...Array(3).fill("sfo GET /base/a"),
      "sfo GET /base/..%2fa%5c..",
    ]);
  });

  it("cannot reach another host through its path", async () => {
    const world = new World(answering());
    await world.visit("//elsewhere.test/a");
    expect(world.visited).toEqual(["sfo GET //elsewhere.test/a"]);
  });

  it("loses its hop-by-hop headers, and so does the answer", async () => {
    let received: Headers | undefined;
    const world = new World(answering(), (request) => {
      received = request.headers;
      return new Response("ok", { headers: { "keep-alive": "timeout=5", "x-kept": "1" } });
    });
    const response = await world.visit("/", {
      headers: {
        connection: "close, x-hop, x.hop",
        "x-hop": "1",
        "x.hop": "1",
        te: "trailers",
        "proxy-authorization": "Basic x",
        "x-kept": "1",
      },
    });
    expect([...(received?.keys() ?? [])]).toEqual(["x-forwarded-host", "x-kept"]);
    expect(response.headers.get("keep-alive")).toBeNull();
    expect(response.headers.get("x-kept")).toBe("1");
  });

  it("gets the application's redirects unchanged", async () => {
    const world = new World(answering(), () => Response.redirect("https://sfo.test/b", 302));
    const response = await world.visit("/");
    expect([response.status, response.headers.get("location")]).toEqual([
      302,
      "https://sfo.test/b",
    ]);
  });

  it("gets every cookie and the origin's own Server-Timing", async () => {
    const world = new World(answering(), () => {
      const headers = new Headers({ "server-timing": "db;dur=5" });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      return new Response("ok", { headers });
    });
    const { headers } = await world.visit("/");
    expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(headers.get("server-timing")).toMatch(
      /^db;dur=5, greenstream;desc=fresh;dur=\d+, origin;/,
    );
  });

  it.each(["proxy", "headers"])(
    "brings no x-greenstream headers of its own to an origin, in the mode %s",
    async (MODE) => {
      let received: Headers | undefined;
      const origin = (request: Request) => {
        received = request.headers;
        return new Response("ok");
      };
      const world = new World(answering(), origin, { MODE });
      const forged = {
        "x-greenstream-pop": "FORGED",
        "X-GreenStream-Admin": "1",
        X_GreenStream_Pop: "FORGED", // a CGI or WSGI application reads it as X-GreenStream-Pop
        "x-kept": "1",
      };
      await world.visit("/", { headers: forged });
      expect(received?.get("x-kept")).toBe("1");
      expect(received?.get("x-greenstream-admin")).toBeNull();
      expect(received?.get("x_greenstream_pop")).toBeNull();
      expect(received?.get("x-greenstream-pop")).toBe(MODE === "headers" ? "sfo" : null);
    },
  );

  it("gets no x-greenstream headers of the origin's making", async () => {
    const forged = { "x-greenstream-zone": "FORGED", "x-greenstream-pop": "FORGED" };
    const world = new World(refusing, () => new Response("ok", { headers: forged }));
    const { headers } = await world.visit("/");
    expect(headers.get("x-greenstream-pop")).toBe("sfo");
    expect(headers.get("x-greenstream-zone")).toBeNull();
  });

  it("is streamed in both directions", async () => {
    const world = new World(answering(), (request) => new Response(request.body));
    const { readable, writable } = new TransformStream<Uint8Array>();
    const writer = writable.getWriter();
    const response = await world.visit("/", { method: "POST", body: readable, duplex: "half" });
    const reader = response.body?.getReader();
    for (const word of ["one", "two"]) {
      const written = writer.write(new TextEncoder().encode(word));
      expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(word);
      await written;
    }
    await writer.close();
    expect((await reader?.read())?.done).toBe(true);
  });
});

const FAILURES = {
  "cannot be reached": () => refusing(new Request("https://x.test"), new AbortController().signal),
  "answers 500": () => new Response("broken", { status: 500 }),
  "answers 503": () => new Response("busy", { status: 503 }),
  "answers a status that HTTP does not have": () => withStatus(600),
  "answers the status of a preliminary answer": () => withStatus(103),
  "switches protocols without being asked": () => withStatus(101),
};

/** A response with a status that cannot be constructed, but that an origin may send. */
function withStatus(status: number): Response {
  return new Proxy(new Response("odd"), {
    get: (response, name) => (name === "status" ? status : Reflect.get(response, name, response)),
  });
}

describe.each(Object.entries(FAILURES))("when the chosen origin %s", (_name, failure) => {
  it.each(["GET", "HEAD", "OPTIONS"])("%s goes to the next candidate", async (method) => {
    const world = new World(answering(), failingOnlyAt("sfo", failure));
    const response = await world.visit("/", { method });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-greenstream-pop")).toBe("lon");
    expect(response.headers.get("x-greenstream-gco2")).toBe("120.5");
    expect(response.headers.get("x-greenstream-reason")).toBe("failover");
  });

  it.each([
    ["a length of 0", { "content-length": "0" }],
    ["a length of 0 in two digits", { "content-length": "00" }],
    ["chunks, but none with a byte", { "transfer-encoding": "chunked" }],
  ])("a request whose body has %s goes there too", async (_kind, headers) => {
    const world = new World(answering(), failingOnlyAt("sfo", failure));
    const response = await world.visit("/", { method: "OPTIONS", body: "", headers });
    expect(response.status).toBe(200);
    expect(world.visited).toEqual(["sfo OPTIONS /", "lon OPTIONS /"]);
  });

  it.each(["POST", "PUT", "PATCH", "DELETE"])(
    "%s without a body is not sent twice",
    async (method) => {
      for (const init of [{}, { body: "", headers: { "content-length": "0" } }]) {
        const world = new World(answering(), failingOnlyAt("sfo", failure));
        const response = await world.visit("/", { method, ...init });
        expect(response.status).toBeGreaterThanOrEqual(500);
        expect(world.visited).toEqual([`sfo ${method} /`]);
      }
    },
  );

  it.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "%s with a body is not sent twice",
    async (method) => {
      const world = new World(answering(), failingOnlyAt("sfo", failure));
      const response = await world.visit("/", { method, body: "pay 10" });
      expect(response.status).toBeGreaterThanOrEqual(500);
      expect(world.visited).toEqual([`sfo ${method} /`]);
    },
  );
});

describe("origins", () => {
  it("that take too long are replaced by the next candidate", async () => {
    const world = new World(answering(), (request, signal) =>
      new URL(request.url).hostname === "sfo.test" ? hanging(request, signal) : new Response("ok"),
    );
    expect((await world.visit("/")).headers.get("x-greenstream-pop")).toBe("lon");
  });

  it("get the whole of a body that came in chunks", async () => {
    const world = new World(answering(), async (request) => new Response(await request.text()));
    const body = new ReadableStream({
      start: (stream) => {
        for (const word of ["", "one ", "two"]) stream.enqueue(new TextEncoder().encode(word));
        stream.close();
      },
    });
    const response = await world.visit("/", { method: "OPTIONS", body, duplex: "half" });
    expect(await response.text()).toBe("one two");
  });

  it("may take any time for a request that cannot be repeated", async () => {
    const world = new World(answering(), async () => {
      await new Promise((done) => setTimeout(done, 100)); // four times ORIGIN_TIMEOUT_MS
      return new Response("at last");
    });
    const response = await world.visit("/", { method: "POST", body: "long work" });
    expect(await response.text()).toBe("at last");
  });

  it("have a longer limit when they are the last candidate", async () => {
    const answer = routeAnswer();
    const world = new World(answering(), async (request, signal) => {
      if (new URL(request.url).hostname === "sfo.test") return hanging(request, signal);
      await new Promise((done) => setTimeout(done, 100)); // four times ORIGIN_TIMEOUT_MS
      return new Response("at last");
    });
    world.router = answering({ ...answer, candidates: answer.candidates.slice(1) });
    expect(await (await world.visit("/")).text()).toBe("at last");
    expect(world.visited).toEqual(["sfo GET /", "lon GET /"]);
  });

  it("that all hang: the visitor gets a 504 when the last one's limit is over", async () => {
    const world = new World(answering(), hanging, { LAST_ORIGIN_TIMEOUT_MS: SHORT_MS });
    const response = await world.visit("/");
    expect([response.status, response.headers.get("content-type")]).toEqual([
      504,
      "application/problem+json",
    ]);
    expect(world.visited).toHaveLength(3);
  });

  it("that all fail: the visitor gets the first one's own answer", async () => {
    const world = new World(answering(), (request) =>
      new URL(request.url).hostname === "sfo.test"
        ? new Response("the application's error", { status: 500 })
        : refusing(request, request.signal),
    );
    const response = await world.visit("/");
    expect([response.status, await response.text()]).toEqual([500, "the application's error"]);
    expect(response.headers.get("x-greenstream-pop")).toBe("sfo");
  });

  it("that all fail, with the first unreachable: the visitor gets another one's own answer", async () => {
    const world = new World(answering(), (request) =>
      new URL(request.url).hostname === "lon.test"
        ? new Response("the application's error", { status: 500 })
        : refusing(request, request.signal),
    );
    const response = await world.visit("/");
    expect([response.status, await response.text()]).toEqual([500, "the application's error"]);
    expect(response.headers.get("x-greenstream-pop")).toBe("lon");
  });

  it("that are all unreachable: the visitor gets problem details", async () => {
    const world = new World(answering(), refusing);
    const response = await world.visit("/");
    expect([response.status, response.headers.get("content-type")]).toEqual([
      502,
      "application/problem+json",
    ]);
  });

  it("that are unreachable are tried last for ten seconds, also for requests with a body", async () => {
    const world = new World(answering(), failingOnlyAt("sfo", FAILURES["cannot be reached"]));
    await world.visit("/");
    const response = await world.visit("/", { method: "POST", body: "pay 10" });
    expect(response.status).toBe(200);
    world.pass(11);
    await world.visit("/");
    expect(world.visited).toEqual([
      "sfo GET /",
      "lon GET /",
      "lon POST /",
      "sfo GET /",
      "lon GET /",
    ]);
  });

  it("that were unreachable are tried first again as soon as they answer", async () => {
    const world = new World(answering(), failingOnlyAt("sfo", FAILURES["cannot be reached"]));
    await world.visit("/");
    world.origin = (request) =>
      new Response(null, { status: new URL(request.url).hostname === "sfo.test" ? 200 : 500 });
    await world.visit("/");
    await world.visit("/");
    const attempts = [["sfo", "lon"], ["lon", "ams", "sfo"], ["sfo"]];
    expect(world.visited).toEqual(attempts.flat().map((pop) => `${pop} GET /`));
  });

  it("that answer 500 are not tried last, because the request may be the cause", async () => {
    const world = new World(answering(), failingOnlyAt("sfo", FAILURES["answers 500"]));
    await world.visit("/");
    await world.visit("/");
    expect(world.visited).toEqual(["sfo GET /", "lon GET /", "sfo GET /", "lon GET /"]);
  });
});

describe("an origin with a path of its own", () => {
  const answerOf = async (headers: [string, string][], origin = "https://sfo.test/base") => {
    const world = new World(answering(), () => new Response(null, { status: 302, headers }), {
      ORIGINS: { ...ORIGINS, sfo: origin },
    });
    return (await world.visit("/shop")).headers;
  };

  it.each([
    ["https://sfo.test/base/cart?q=1#top", "https://www.test/cart?q=1#top"],
    ["https://sfo.test/base", "https://www.test/"],
    ["https://www.test/base/cart", "https://www.test/cart"],
    ["/base/cart", "/cart"],
    ["/base", "/"],
    ["/base//elsewhere.test/", "https://www.test//elsewhere.test/"],
    ["//SFO.test:443/base/cart", "/cart"],
    ["\\\\sfo.test\\base\\cart", "/cart"],
  ])("keeps its visitors on the site: a redirect to %s leads to %s", async (given, seen) => {
    expect((await answerOf([["location", given]])).get("location")).toBe(seen);
    expect((await answerOf([["content-location", given]])).get("content-location")).toBe(seen);
    const slash = await answerOf([["location", given]], "https://sfo.test/base/");
    expect(slash.get("location")).toBe(seen);
  });

  it.each([
    "https://elsewhere.test/base/cart",
    "https://sfo.test/basement",
    "/login",
    "cart",
    "../cart",
    "?page=2",
    "mailto:us@sfo.test",
    "",
  ])("leaves a redirect to %s as it is", async (given) => {
    expect((await answerOf([["location", given]])).get("location")).toBe(given);
  });

  it.each([
    ["refresh", "5; url=/base/cart", "5; url=/cart"],
    ["refresh", "0;URL='https://sfo.test/base'", "0;URL='https://www.test/'"],
    ["refresh", "5", "5"],
    ["refresh", "5; url=/login", "5; url=/login"],
    [
      "link",
      '</base/a.css>; rel=preload, <https://sfo.test/base/?p=2>; rel="next", </b>; rel=up',
      '</a.css>; rel=preload, <https://www.test/?p=2>; rel="next", </b>; rel=up',
    ],
  ])("keeps its visitors on the site: its %s of %s becomes %s", async (name, given, seen) => {
    expect((await answerOf([[name, given]])).get(name)).toBe(seen);
  });

  it("sets cookies for the paths of the site", async () => {
    const headers = await answerOf([
      ["set-cookie", "a=1; Path=/base/shop; HttpOnly"],
      ["set-cookie", "b=2; path=/base"],
      ["set-cookie", "c=3; Path=/basement"],
      ["set-cookie", "d=/base; Secure"],
      ["set-cookie", "e=5; Path=/; path = /base/shop"], // the last one counts
    ]);
    expect(headers.getSetCookie()).toEqual([
      "a=1; Path=/shop; HttpOnly",
      "b=2; path=/",
      "c=3; Path=/basement",
      "d=/base; Secure",
      "e=5; Path=/; path = /shop",
    ]);
  });
});

describe("redirect mode", () => {
  it("redirects the visitor to the POP and keeps the method", async () => {
    const world = new World(answering(), undefined, { MODE: "redirect" });
    const response = await world.visit("/shop?q=1", { method: "POST", body: "x" });
    expect([response.status, response.headers.get("location")]).toEqual([
      307,
      "https://sfo.test/shop?q=1",
    ]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-greenstream-gco2")).toBe("189.4");
    expect(world.visited).toEqual([]);
  });

  it("still forwards websockets, which clients cannot follow through a redirect", async () => {
    const world = new World(answering(), undefined, { MODE: "redirect" });
    await world.visit("/", { headers: { upgrade: "websocket" } });
    expect(world.visited).toEqual(["sfo GET /"]);
  });

  it("redirects a visitor whose client offers HTTP/2", async () => {
    const world = new World(answering(), undefined, { MODE: "redirect" });
    const response = await world.visit("/", { headers: { upgrade: "h2c" } });
    expect(response.status).toBe(307);
    expect(world.visited).toEqual([]);
  });
});

describe("headers mode", () => {
  it("leaves the destination unchanged and adds the decision to request and answer", async () => {
    let received: Request | undefined;
    const world = new World(
      answering(),
      (request) => {
        received = request;
        return new Response("own origin");
      },
      { MODE: "headers" },
    );
    const response = await world.visit("/a");
    expect(received?.url).toBe("https://www.test/a");
    for (const headers of [received?.headers, response.headers]) {
      expect(headers?.get("x-greenstream-pop")).toBe("sfo");
      expect(headers?.get("x-greenstream-gco2")).toBe("189.4");
    }
  });

  it.each([
    ["cannot be reached", refusing],
    ["answers a status that HTTP does not have", () => withStatus(999)],
  ])("gives the visitor a 502 when the site's own origin %s", async (_name, origin) => {
    const world = new World(answering(), origin, { MODE: "headers" });
    const response = await world.visit("/a");
    expect(response.status).toBe(502);
    expect(response.headers.get("x-greenstream-pop")).toBe("sfo");
  });
});
