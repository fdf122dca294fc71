import { countriesNamed, KNOWN_POPS, popNamed } from "./pops.ts";
import { CACHE_PATH } from "./ports.ts";

/**
 * The variables from wrangler.jsonc, `.dev.vars` and the secrets. An object may also be given as
 * JSON text, and a number as decimal text.
 */
export interface Variables {
  ROUTER_URL: string;
  ORIGINS: Record<string, string> | string;
  DEFAULT_POP?: string;
  ALLOW?: string;
  DENY?: string;
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
  LAST_ORIGIN_TIMEOUT_MS?: number | string;
  SAMPLE_SHARE?: number | string;
  PROBE_PATH?: string;
}

export const MODES = ["proxy", "redirect", "headers"] as const;
export type Mode = (typeof MODES)[number];

/** The ranking signals that the router accepts. */
export const SIGNALS: readonly string[] = ["auto", "average", "marginal", "any"];

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
}

export interface Config {
  router_url: string;
  /** The key that signs calls to the router, or null if the router accepts unsigned calls. */
  credentials: Credentials | null;
  /** Each POP and the URL of its origin, in the order of the settings. */
  origins: ReadonlyMap<string, URL>;
  default_pop: string;
  mode: Mode;
  /** The status page's path, with a slash at both ends, or null if there is no status page. */
  status_path: string | null;
  /** Parameters that are added to every request for a decision: `signal`, `max_latency_ms`. */
  preferences: Readonly<Record<string, string>>;
  ttl_ms: number;
  max_stale_ms: number;
  /** How long a visit may wait for the router's decision. */
  router_deadline_ms: number;
  /** How long the router may take for the status page and for reports of round trips. */
  page_deadline_ms: number;
  /** How long an origin may take to begin its answer while another origin is left to try. */
  origin_timeout_ms: number;
  /** The same for the last origin that is left, and for the only one. */
  last_origin_timeout_ms: number;
  sample_share: number;
  probe_path: string;
}

export class ConfigError extends Error {}

/**
 * Read and check all settings.
 * @throws ConfigError when a variable is missing or invalid. Its message begins with the name.
 */
export function readConfig(env: Variables): Config {
  const origins = permitted(readOrigins(env.ORIGINS), env);
  const [first_pop] = origins.keys();
  const default_pop = popNamed(readText("DEFAULT_POP", env) || first_pop || "") ?? "";
  if (!origins.has(default_pop)) {
    fail("DEFAULT_POP", "must be one of the POPs in ORIGINS that ALLOW and DENY leave");
  }
  const preferences: Record<string, string> = {};
  const signal = readText("SIGNAL", env);
  if (signal !== "") {
    if (!SIGNALS.includes(signal)) fail("SIGNAL", mustBeOneOf(SIGNALS));
    preferences.signal = signal;
  }
  if (env.MAX_LATENCY_MS !== undefined && env.MAX_LATENCY_MS !== "") {
    preferences.max_latency_ms = String(
      readNumber("MAX_LATENCY_MS", env.MAX_LATENCY_MS, 0, 60_000),
    );
  }
  const ttl_s = readNumber("TTL_S", env.TTL_S ?? 30, 1, 3600);
  const max_stale_s = readNumber("MAX_STALE_S", env.MAX_STALE_S ?? 86_400, 0, 7 * 86_400);
  // A decision that may not be used until the next one is asked for leaves visits without any.
  if (max_stale_s < ttl_s) fail("MAX_STALE_S", `must be at least TTL_S, which is ${ttl_s}`);
  return {
    router_url: readUrl("ROUTER_URL", env.ROUTER_URL).href.replace(/\/$/, ""),
    credentials: readCredentials(env),
    origins,
    default_pop,
    mode:
      MODES.find((mode) => mode === (readText("MODE", env) || "proxy")) ??
      fail("MODE", mustBeOneOf(MODES)),
    status_path: readStatusPath(env),
    preferences,
    ttl_ms: 1000 * ttl_s,
    max_stale_ms: 1000 * max_stale_s,
    router_deadline_ms: readNumber("ROUTER_DEADLINE_MS", env.ROUTER_DEADLINE_MS ?? 800, 1, 10_000),
    page_deadline_ms: readNumber("PAGE_DEADLINE_MS", env.PAGE_DEADLINE_MS ?? 5000, 1, 30_000),
    origin_timeout_ms: readNumber("ORIGIN_TIMEOUT_MS", env.ORIGIN_TIMEOUT_MS ?? 5000, 1, 100_000),
    last_origin_timeout_ms: readNumber(
      "LAST_ORIGIN_TIMEOUT_MS",
      env.LAST_ORIGIN_TIMEOUT_MS ?? 60_000,
      1,
      100_000,
    ),
    sample_share: readNumber("SAMPLE_SHARE", env.SAMPLE_SHARE ?? 0.01, 0, 1),
    probe_path: readProbePath(env),
  };
}

function readOrigins(given: Variables["ORIGINS"]): ReadonlyMap<string, URL> {
  const table: unknown = typeof given === "string" ? parseJson("ORIGINS", given) : given;
  if (typeof table !== "object" || table === null) {
    return fail("ORIGINS", "must be an object that maps POPs to URLs");
  }
  const origins = new Map<string, URL>();
  for (const [name, url] of Object.entries(table)) {
    const pop = popNamed(name);
    if (pop === null) return fail("ORIGINS", `contains ${name}, which is not a known place`);
    if (origins.has(pop)) fail("ORIGINS", `contains ${pop} more than once`);
    origins.set(pop, readUrl(`ORIGINS.${name}`, url));
  }
  return origins.size > 0 ? origins : fail("ORIGINS", "must contain at least one POP");
}

/**
 * Leave out the origins in countries where requests may not be served. They are left out before
 * anything else, so that no failure of the router brings them back.
 */
function permitted(origins: ReadonlyMap<string, URL>, env: Variables): ReadonlyMap<string, URL> {
  const allow = readCountries("ALLOW", env);
  const deny = readCountries("DENY", env);
  const left = [...origins].filter(([pop]) => {
    const country = KNOWN_POPS.get(pop)?.country ?? "";
    return (allow === null || allow.has(country)) && !deny?.has(country);
  });
  if (left.length > 0) return new Map(left);
  return fail(allow === null ? "DENY" : "ALLOW", "leaves none of the POPs in ORIGINS");
}

/** Read a list of countries and groups of countries, or null if there is none. */
function readCountries(name: "ALLOW" | "DENY", env: Variables): ReadonlySet<string> | null {
  const text = readText(name, env);
  if (text === "") return null;
  const countries = text.split(",").flatMap((part) => {
    const known = countriesNamed(part.trim());
    return known ?? fail(name, `contains ${part}, which is no country with a place and no group`);
  });
  return new Set(countries);
}

function readCredentials(env: Variables): Credentials | null {
  const accessKeyId = readText("AWS_ACCESS_KEY_ID", env);
  const secretAccessKey = readText("AWS_SECRET_ACCESS_KEY", env);
  if (!accessKeyId && !secretAccessKey) return null;
  if (!accessKeyId || !secretAccessKey) {
    return fail("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY must be set together");
  }
  // A key that was piped from a file may have a line end, and AWS would refuse every call.
  if (/\s/.test(accessKeyId)) fail("AWS_ACCESS_KEY_ID", "must contain no space and no line end");
  if (/\s/.test(secretAccessKey)) {
    fail("AWS_SECRET_ACCESS_KEY", "must contain no space and no line end");
  }
  const region = readText("AWS_REGION", env);
  if (!/^[a-z]{2,3}(-[a-z]+)+-\d+$/.test(region)) {
    fail("AWS_REGION", "must be a Region such as eu-west-1 when AWS_ACCESS_KEY_ID is set");
  }
  return { accessKeyId, secretAccessKey, region };
}

function readStatusPath(env: Variables): string | null {
  const path = env.STATUS_PATH === undefined ? "/_greenstream/" : readText("STATUS_PATH", env);
  if (path === "") return null;
  if (path.startsWith(CACHE_PATH)) fail("STATUS_PATH", `must not be below ${CACHE_PATH}`);
  // A browser takes /./ and /../ out of an address, so that no visit could have such a path.
  return /^\/((?!\.\.?\/)[\w.-]+\/)+$/.test(path)
    ? path
    : fail("STATUS_PATH", "must have the form /name/");
}

function readProbePath(env: Variables): string {
  const path = readText("PROBE_PATH", env) || "/";
  const valid = path.startsWith("/") && !/[?#]/.test(path);
  return valid ? path : fail("PROBE_PATH", "must be a path that begins with a slash, and no query");
}

/** Read a text, which is empty where the variable is not set. */
function readText(name: keyof Variables, env: Variables): string {
  const given = env[name] ?? "";
  return typeof given === "string" ? given : fail(name, "must be a text");
}

function readUrl(name: string, text: unknown): URL {
  const url = typeof text === "string" ? URL.parse(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return fail(name, "must be an http or https URL");
  }
  // Requests may not have a name in their URL, and the visitor's query takes the place of another.
  const { username, password, search, hash } = url;
  if (username + password + search + hash !== "") {
    fail(name, "must have no user name, password, query or fragment");
  }
  return url;
}

function readNumber(name: string, given: unknown, low: number, high: number): number {
  // Number() would take a blank text for 0.
  const value = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
  const valid = typeof value === "number" && value >= low && value <= high;
  return valid ? value : fail(name, `must be a number from ${low} to ${high}`);
}

function mustBeOneOf(values: readonly string[]): string {
  return `must be one of ${values.join(", ")}`;
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fail(name, "must be valid JSON");
  }
}

function fail(name: string, problem: string): never {
  throw new ConfigError(`${name} ${problem}.`);
}
