/**
 * Compares what origins and clients receive through the Worker with what they receive through a
 * Worker that only forwards. It prints each difference and exits with 1 if there is one, except in
 * the headers that the Worker adds.
 */
import { createHash } from "node:crypto";
import { type IncomingHttpHeaders, type RequestOptions, request } from "node:http";
import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";
import { answerAsRouter, type Handler, LocalWorker, serve } from "./harness.ts";

const GZIPPED = gzipSync("the same words ".repeat(100));
const ADDED_HEADERS = /^(x-greenstream-.*|x-forwarded-host|server-timing|date)$/;

let received: object[] = [];
const origin = await serve((incoming, response) => {
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => {
    const { method, url, headers } = incoming;
    received.push({
      method,
      url,
      headers: comparable(headers),
      body: Buffer.concat(chunks).toString(),
    });
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

function comparable(headers: IncomingHttpHeaders): [string, unknown][] {
  return Object.entries(headers)
    .filter(([name]) => !ADDED_HEADERS.test(name))
    .sort(([a], [b]) => a.localeCompare(b));
}

function exchange(url: URL, options: RequestOptions, body?: string): Promise<object> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const bytes = Buffer.concat(chunks).toString("base64");
        resolve({
          status: response.statusCode,
          headers: comparable(response.headers),
          bytes,
        });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Open a websocket and return the first message. */
function firstMessage(url: URL): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(new URL("/socket?q=1", url.href.replace("http", "ws")));
    socket.addEventListener("error", () => reject(new Error("The websocket failed.")));
    socket.addEventListener("message", ({ data }) => {
      resolve(data);
      socket.close();
    });
  });
}

/** Make every exchange through a Worker and return what client and origin received. */
async function exchangeAll(worker: LocalWorker): Promise<string[]> {
  const url = await worker.start();
  const exchanges: string[] = [];
  for (const [path, options, body] of CASES) {
    received = [];
    const response = await exchange(new URL(path, url), options, body);
    exchanges.push(JSON.stringify({ response, received }));
  }
  received = [];
  const response = await firstMessage(url);
  exchanges.push(JSON.stringify({ response, received }));
  await worker.stop();
  return exchanges;
}

const router = await serve(answerAsRouter);
const expected = await exchangeAll(LocalWorker.passThrough(origin.url));
const actual = await exchangeAll(
  LocalWorker.greenstream({ ROUTER_URL: router.url, ORIGINS: { sfo: origin.url } }),
);
router.close();
origin.close();
const differences = expected.flatMap((exchanged, index) =>
  exchanged === actual[index] ? [] : [`forwarded: ${exchanged}\nWorker:    ${actual[index]}`],
);
for (const difference of differences) console.log(difference);
console.log(
  `${expected.length} exchanges were compared with those of a pass-through Worker; ` +
    `${differences.length} differ.`,
);
process.exitCode = differences.length > 0 ? 1 : 0;
