/** Runs the built Worker in workerd between HTTP servers of this process that can be made to fail. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const HOST = "127.0.0.1";
const WORKER_DIR = join(import.meta.dirname, "..");
const PASS_THROUGH = `export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(env.ORIGIN + pathname + search, request), { redirect: "manual" });
  },
};`;

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Server {
  url: string;
  handler: Handler;
  onUpgrade?: (incoming: IncomingMessage, socket: Duplex) => void;
  calls: number;
  close: () => void;
}

/** Start a server on a free port of the loopback interface. Its handler may be replaced at any time. */
export async function serve(handler: Handler): Promise<Server> {
  const http = createServer((incoming, response) => {
    server.calls += 1;
    server.handler(incoming, response);
  });
  http.on("upgrade", (incoming, socket) => server.onUpgrade?.(incoming, socket));
  await new Promise<void>((done) => http.listen(0, HOST, done));
  const { port } = http.address() as AddressInfo;
  const server: Server = {
    url: `http://${HOST}:${port}`,
    handler,
    calls: 0,
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
  return server;
}

/** Return the URL of a port on which nothing listens. */
export async function closedUrl(): Promise<string> {
  const server = await serve(() => {});
  server.close();
  return server.url;
}

/** Forward calls to a router on this machine, whose guard wants its own host in the header. */
export function forwardTo(router_url: string): Handler {
  const { host, hostname, port } = new URL(router_url);
  return (incoming, response) => {
    const { method, url } = incoming;
    const headers = { ...incoming.headers, host };
    const forwarded = request({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    incoming.pipe(forwarded);
  };
}

/** Answers like the router and chooses the first POP that was asked about. */
export const answerAsRouter: Handler = (incoming, response) => {
  const pops = new URL(incoming.url ?? "", "http://x").searchParams.get("pops")?.split(",") ?? [];
  const valid_to = new Date(Date.now() - 60_000).toISOString();
  const candidates = pops.map((pop, index) => ({
    pop,
    zone: "ZONE",
    eligible: true,
    score: 100 + index,
    latency_ms: 10 + index,
    gco2_kwh: 100 + index,
    valid_to,
  }));
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ pop: pops[0], reason: "cleanest", candidates }));
};

/** Answers like an origin, after it has read the whole request. */
export const answerAsOrigin: Handler = (incoming, response) => {
  incoming.resume().on("end", () => response.end("served"));
};

export type Env = Record<string, string | number | object>;
export interface Visit {
  ok: boolean;
  duration_ms: number;
}

/** A Worker that runs in workerd on this machine. */
export class LocalWorker {
  readonly #miniflare: Miniflare;

  constructor(script: string, bindings: Env) {
    this.#miniflare = new Miniflare(
      convertV4MiniflareOptions({
        modules: true,
        script,
        bindings: bindings as Record<string, never>,
        compatibilityDate: "2026-11-01",
        host: HOST,
        handleStructuredLogs: () => {}, // the Worker's warnings are expected
      }),
    );
  }

  /** Make GreenStream's own Worker. */
  static greenstream(bindings: Env): LocalWorker {
    return new LocalWorker(buildWorker(), {
      AWS_REGION: "eu-west-1",
      SAMPLE_SHARE: 0,
      ...bindings,
    });
  }

  /** Make a Worker that only forwards to one origin. */
  static passThrough(ORIGIN: string): LocalWorker {
    return new LocalWorker(PASS_THROUGH, { ORIGIN });
  }

  async visit(init: { method?: string; body?: string; cf?: object } = {}): Promise<Visit> {
    const began_at_ms = performance.now();
    try {
      const response = await this.#miniflare.dispatchFetch("http://www.test/a?b=1", {
        cf: { colo: "DUB", latitude: "53.35", longitude: "-6.26" },
        redirect: "manual",
        ...init,
      } as never);
      const ok = (await response.text()) === "served";
      return { ok, duration_ms: performance.now() - began_at_ms };
    } catch {
      return { ok: false, duration_ms: performance.now() - began_at_ms };
    }
  }

  start(): Promise<URL> {
    return this.#miniflare.ready;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }
}

let script: string | undefined;

/** Return the Worker's script as `wrangler deploy` would upload it. */
function buildWorker(): string {
  if (script === undefined) {
    const out = mkdtempSync(join(tmpdir(), "greenstream-worker-"));
    const wrangler = join(WORKER_DIR, "node_modules/wrangler/bin/wrangler.js");
    const args = [wrangler, "deploy", "--dry-run", "--outdir", out];
    execFileSync(process.execPath, args, { cwd: WORKER_DIR, stdio: ["ignore", "ignore", "pipe"] });
    script = readFileSync(join(out, "index.js"), "utf8");
    rmSync(out, { recursive: true });
  }
  return script;
}

/** Return the value below which the given share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
