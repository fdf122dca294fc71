import { KNOWN_POPS } from "./pops.ts";

/** What wrangler.jsonc, `.dev.vars` and the secrets give; objects may also come as JSON text. */
export interface Env {
  ASSETS: { fetch: typeof fetch };
  ROUTER_URL: string;
  ORIGINS: Record<string, string> | string;
  DEFAULT_POP?: string;
  MODE?: string;
  STATUS_PATH?: string;
  AWS_REGION?: string;
  AWS_ACCESS_KEY_ID?: string;
  AWS_SECRET_ACCESS_KEY?: string;
  SIGNAL?: string;
  MAX_LATENCY_MS?: number | string;
  TTL_S?: number | string;
  MAX_STALE_S?: number | string;
  ROUTER_DEADLINE_MS?: number | string;
  PAGE_DEADLINE_MS?: number | string;
  ORIGIN_TIMEOUT_MS?: number | string;
  SAMPLE_SHARE?: number | string;
  PROBE_PATH?: string;
}

export const MODES = ["proxy", "redirect", "headers"] as const;
export type Mode = (typeof MODES)[number];

/** The ranking signals that the router knows. */
export const SIGNALS: readonly string[] = ["auto", "average", "marginal", "any"];

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
}

export interface Config {
  router_url: string;
  /** Signs the calls of the router; null where its URL is open to all. */
  credentials: Credentials | null;
  /** POP to the URL that serves it, in the order given. */
  origins: ReadonlyMap<string, URL>;
  default_pop: string;
  mode: Mode;
  /** Begins and ends with a slash; null for no status page. */
  status_path: string | null;
  /** Added to every question to the router: `signal`, `max_latency_ms`. */
  preferences: Readonly<Record<string, string>>;
  ttl_ms: number;
  max_stale_ms: number;
  /** For a decision: a visit may wait for it. */
  router_deadline_ms: number;
  /** For what no visit waits for: the status page's questions, the samples' report. */
  page_deadline_ms: number;
  /** How long an origin may take to begin its answer while another could be asked. */
  origin_timeout_ms: number;
  sample_share: number;
  probe_path: string;
}

export class ConfigError extends Error {}

/**
 * Read the settings in full.
 * @throws ConfigError naming the variable at fault.
 */
export function readConfig(env: Env): Config {
  const origins = readOrigins(env.ORIGINS);
  const [first] = origins.keys();
  const default_pop = env.DEFAULT_POP || first || "";
  if (!origins.has(default_pop)) fail("DEFAULT_POP", "must be one of ORIGINS");
  const preferences: Record<string, string> = {};
  if (env.SIGNAL) {
    if (!SIGNALS.includes(env.SIGNAL)) fail("SIGNAL", SIGNALS.join(" | "));
    preferences.signal = env.SIGNAL;
  }
  if (env.MAX_LATENCY_MS !== undefined && env.MAX_LATENCY_MS !== "") {
    preferences.max_latency_ms = String(number("MAX_LATENCY_MS", env.MAX_LATENCY_MS, 0, 60_000));
  }
  return {
    router_url: readUrl("ROUTER_URL", env.ROUTER_URL).href.replace(/\/$/, ""),
    credentials: readCredentials(env),
    origins,
    default_pop,
    mode: MODES.find((mode) => mode === (env.MODE || "proxy")) ?? fail("MODE", MODES.join(" | ")),
    status_path: readStatusPath(env.STATUS_PATH ?? "/_greenstream/"),
    preferences,
    ttl_ms: 1000 * number("TTL_S", env.TTL_S ?? 30, 1, 3600),
    max_stale_ms: 1000 * number("MAX_STALE_S", env.MAX_STALE_S ?? 86_400, 0, 7 * 86_400),
    router_deadline_ms: number("ROUTER_DEADLINE_MS", env.ROUTER_DEADLINE_MS ?? 800, 1, 10_000),
    page_deadline_ms: number("PAGE_DEADLINE_MS", env.PAGE_DEADLINE_MS ?? 5000, 1, 30_000),
    origin_timeout_ms: number("ORIGIN_TIMEOUT_MS", env.ORIGIN_TIMEOUT_MS ?? 5000, 1, 100_000),
    sample_share: number("SAMPLE_SHARE", env.SAMPLE_SHARE ?? 0.01, 0, 1),
    probe_path: readPath("PROBE_PATH", env.PROBE_PATH || "/"),
  };
}

function readOrigins(given: Env["ORIGINS"]): ReadonlyMap<string, URL> {
  const table: unknown = typeof given === "string" ? parse("ORIGINS", given) : given;
  if (typeof table !== "object" || table === null) return fail("ORIGINS", "must map POPs to URLs");
  const origins = new Map<string, URL>();
  for (const [pop, url] of Object.entries(table)) {
    if (!KNOWN_POPS.has(pop)) fail("ORIGINS", `does not know the POP ${pop}`);
    origins.set(pop, readUrl(`ORIGINS.${pop}`, url));
  }
  return origins.size > 0 ? origins : fail("ORIGINS", "names no POP");
}

function readCredentials(env: Env): Credentials | null {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId && !secretAccessKey) return null;
  if (!accessKeyId || !secretAccessKey) {
    return fail("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY go together");
  }
  return {
    accessKeyId,
    secretAccessKey,
    region: env.AWS_REGION || fail("AWS_REGION", "is missing"),
  };
}

function readStatusPath(path: string): string | null {
  if (path === "") return null;
  return /^\/([\w.-]+\/)+$/.test(path) ? path : fail("STATUS_PATH", "must read like /name/");
}

function readPath(name: string, path: string): string {
  return path.startsWith("/") ? path : fail(name, "must begin with a slash");
}

function readUrl(name: string, text: unknown): URL {
  const url = typeof text === "string" ? URL.parse(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) return fail(name, "must be an http(s) URL");
  return url;
}

function number(name: string, given: number | string, low: number, high: number): number {
  const value = typeof given === "string" ? Number(given || "NaN") : given;
  return value >= low && value <= high ? value : fail(name, `must be from ${low} to ${high}`);
}

function parse(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fail(name, "is not JSON");
  }
}

function fail(name: string, why: string): never {
  throw new ConfigError(`${name}: ${why}`);
}
