import { readConfig, type Variables } from "../../src/core/config.ts";
import { placeOf } from "../../src/core/place.ts";
import type { Assets, Ports } from "../../src/core/ports.ts";
import { GreenWorker } from "../../src/core/worker.ts";

type Visit = Omit<RequestInit, "cf"> & { cf?: Parameters<typeof placeOf>[0]; duplex?: "half" };
type Settings = Partial<Variables> & { ASSETS?: Assets };
type Answer = (request: Request, signal: AbortSignal) => Response | Promise<Response>;

export const ORIGINS = {
  sfo: "https://sfo.test",
  lon: "https://lon.test",
  ams: "https://ams.test",
};
export const SAN_JOSE = { colo: "SJC", latitude: "37.34", longitude: "-121.89" };
export const DUBLIN = { colo: "DUB", latitude: "53.35", longitude: "-6.26" };
/** Deadlines that are short enough for tests to wait for. */
export const SHORT_MS = 25;

/** A cache that stores everything, like the cache of one colo without expiry. */
export class MapCache {
  readonly stored = new Map<string, { text: string; init: ResponseInit }>();

  async match(key: string): Promise<Response | undefined> {
    const entry = this.stored.get(key);
    return entry && new Response(entry.text, entry.init);
  }

  async put(key: string, response: Response): Promise<void> {
    const { status, headers } = response;
    this.stored.set(key, { text: await response.text(), init: { status, headers } });
  }
}

/** The Worker with a clock, cache, router and origins that the test controls. */
export class World {
  now_ms = Date.parse("2026-11-22T12:00:00Z");
  random = 0.5;
  cache: Ports["cache"] = new MapCache();
  /** The requests that the router received, in order. */
  readonly asked: Request[] = [];
  /** The requests that the origins received, in order, as "pop METHOD path". */
  readonly visited: string[] = [];
  readonly #pending: Promise<unknown>[] = [];
  /** What the platform does with websockets, and how many calls it lets an address make. */
  platform: Pick<Ports, "websocket" | "mayCallApi"> = {
    websocket: () => null,
    mayCallApi: async () => true,
  };
  readonly #settings: Settings;
  worker: GreenWorker;

  constructor(
    public router: Answer,
    public origin: Answer = () => new Response("served"),
    settings: Settings = {},
  ) {
    this.#settings = settings;
    this.worker = this.isolate();
  }

  /** Make another isolate of the Worker, which shares only the colo's cache with the first. */
  isolate(): GreenWorker {
    const { ASSETS: assets = { fetch: async () => new Response("a file") }, ...variables } =
      this.#settings;
    const config = readConfig({
      ROUTER_URL: "https://router.test/",
      ORIGINS,
      DEFAULT_POP: "lon",
      ROUTER_DEADLINE_MS: SHORT_MS,
      PAGE_DEADLINE_MS: SHORT_MS,
      ORIGIN_TIMEOUT_MS: SHORT_MS,
      SAMPLE_SHARE: 0,
      ...variables,
    });
    return new GreenWorker(config, assets, {
      fetch: (request, init) => this.#fetch(request, init?.signal ?? new AbortController().signal),
      now_ms: () => this.now_ms,
      random: () => this.random,
      cache: {
        match: (key) => this.cache.match(key),
        put: (key, response) => this.cache.put(key, response),
      },
      websocket: (response, headers) => this.platform.websocket(response, headers),
      mayCallApi: (address) => this.platform.mayCallApi(address),
    });
  }

  async visit(
    path = "/",
    { cf = SAN_JOSE, ...init }: Visit = {},
    worker = this.worker,
  ): Promise<Response> {
    const request = new Request(`https://www.test${path}`, init);
    return worker.handle(request, placeOf(cf), (work) => this.#pending.push(work));
  }

  /** Wait for the background work that continues after visits have been answered. */
  async settle(): Promise<void> {
    while (this.#pending.length > 0) await this.#pending.shift();
  }

  /** Move the clock forward. */
  pass(seconds: number): void {
    this.now_ms += 1000 * seconds;
  }

  async #fetch(request: Request, signal: AbortSignal): Promise<Response> {
    const { hostname, pathname } = new URL(request.url);
    if (hostname === "router.test") {
      this.asked.push(request);
      return this.router(request, signal);
    }
    this.visited.push(`${hostname.replace(".test", "")} ${request.method} ${pathname}`);
    return this.origin(request, signal);
  }
}

/** An answer of the router about the POPs of ORIGINS, with the fields that the Worker reads. */
export function routeAnswer(changes: object = {}) {
  const row = (pop: string, zone: string, gco2_kwh: number, latency_ms: number) => ({
    pop,
    zone,
    eligible: latency_ms <= 80,
    exclusion: latency_ms <= 80 ? null : "outside_limit",
    score: gco2_kwh + 0.02 * latency_ms,
    latency_ms,
    latency_source: "distance",
    gco2_kwh,
    expected_gco2_kwh: gco2_kwh,
    adj_carbon_gco2_kwh: gco2_kwh,
    rung: "live",
    valid_from: "2026-11-22T11:30:00Z",
    valid_to: "2026-11-22T11:50:00Z",
  });
  return {
    as_of: "2026-11-22T12:00:00Z",
    freshness: "live",
    figures: { live: 3, fallback: 0, none: 0 },
    pop: "sfo",
    zone: "CAISO_NORTH",
    reason: "cleanest",
    candidates: [
      row("ams", "ENTSOE_NL", 90, 150),
      row("lon", "GBR-13", 120.5, 140),
      row("sfo", "CAISO_NORTH", 189.4, 4),
    ],
    ...changes,
  };
}

export const answering =
  (body: object = routeAnswer()): Answer =>
  () =>
    Response.json(body);

export const hanging: Answer = (_request, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });

export const refusing: Answer = () => {
  throw new TypeError("connection refused");
};
