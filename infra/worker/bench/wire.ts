/**
 * What an origin receives and a client gets through the Worker, byte for byte beside what they
 * do through a Worker that only passes on. Exits with 1 on any difference that is not ours.
 */
import { createHash } from "node:crypto";
import { type IncomingHttpHeaders, type RequestOptions, request } from "node:http";
import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";
import { Edge, type Handler, routing, serve } from "./rig.ts";

const GZIPPED = gzipSync("the same words ".repeat(100));
const OURS = /^(x-greenstream-.*|x-forwarded-host|server-timing|date)$/;

let received: object[] = [];
const origin = await serve((incoming, response) => {
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => {
    const { method, url, headers } = incoming;
    received.push({ method, url, headers: kept(headers), body: Buffer.concat(chunks).toString() });
    answer(incoming, response);
  });
});
const answer: Handler = ({ url }, response) => {
  if (url?.startsWith("/gzip")) {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": GZIPPED.length });
    response.end(GZIPPED);
  } else if (url?.startsWith("/unchanged")) {
    response.writeHead(304, { etag: '"x"' }).end();
  } else if (url?.startsWith("/cookies")) {
    response.writeHead(302, { location: "/next", "set-cookie": ["a=1", "b=2"] }).end();
  } else if (url?.startsWith("/stream")) {
    response.write("one");
    setTimeout(() => response.end("two"), 50);
  } else {
    response.writeHead(404, { "content-length": 7, "x-app": "1" }).end("nothing");
  }
};
origin.onUpgrade = (incoming, socket: Duplex) => {
  received.push({ upgrade: incoming.headers.upgrade, url: incoming.url });
  const key = `${incoming.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n\x81\x05hello`,
    "latin1",
  );
};

const CASES: [string, RequestOptions, string?][] = [
  ["/a%20b?q=1&q=2&empty=", { headers: { cookie: "a=1; b=2", "x-odd": "caf\u00e9" } }],
  ["/gzip", { headers: { "accept-encoding": "gzip" } }],
  ["/unchanged", { headers: { "if-none-match": '"x"' } }],
  ["/cookies", {}],
  ["/stream", {}],
  ["/", { method: "HEAD" }],
  ["/", { method: "OPTIONS", headers: { origin: "https://other.test" } }],
  ["/", { method: "POST", headers: { "content-length": 5 } }, "12345"],
  ["/", { method: "PUT", headers: { "transfer-encoding": "chunked" } }, "12345"],
  ["/", { method: "DELETE" }],
  ["/range", { headers: { range: "bytes=0-1", "if-range": '"x"' } }],
];

function kept(headers: IncomingHttpHeaders): [string, unknown][] {
  return Object.entries(headers)
    .filter(([name]) => !OURS.test(name))
    .sort(([a], [b]) => a.localeCompare(b));
}

function exchange(url: URL, options: RequestOptions, body?: string): Promise<object> {
  return new Promise((done, fail) => {
    const sent = request(url, options, (got) => {
      const chunks: Buffer[] = [];
      got.on("data", (chunk: Buffer) => chunks.push(chunk));
      got.on("end", () => {
        const bytes = Buffer.concat(chunks).toString("base64");
        done({ status: got.statusCode, headers: kept(got.headers), bytes });
      });
    });
    sent.on("error", fail);
    sent.end(body);
  });
}

function greeting(url: URL): Promise<unknown> {
  return new Promise((done, fail) => {
    const socket = new WebSocket(new URL("/socket?q=1", url.href.replace("http", "ws")));
    socket.addEventListener("error", () => fail(new Error("no websocket")));
    socket.addEventListener("message", ({ data }) => {
      done(data);
      socket.close();
    });
  });
}

async function through(edge: Edge): Promise<string[]> {
  const url = await edge.start();
  const seen: string[] = [];
  for (const [path, options, body] of CASES) {
    received = [];
    const got = await exchange(new URL(path, url), options, body);
    seen.push(JSON.stringify({ got, received }));
  }
  received = [];
  const got = await greeting(url);
  seen.push(JSON.stringify({ got, received }));
  await edge.stop();
  return seen;
}

const router = await serve(routing);
const plain = await through(Edge.passThrough(origin.url));
const ours = await through(Edge.worker({ ROUTER_URL: router.url, ORIGINS: { sfo: origin.url } }));
router.close();
origin.close();
const differing = plain.flatMap((exchanged, index) =>
  exchanged === ours[index] ? [] : [`passed on: ${exchanged}\nours:      ${ours[index]}`],
);
for (const difference of differing) console.log(difference);
console.log(`${plain.length} exchanges, ${differing.length} unlike those of a pass-through Worker`);
process.exitCode = differing.length > 0 ? 1 : 0;
