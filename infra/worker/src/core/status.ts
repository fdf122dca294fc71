import type { Config } from "./config.ts";
import { type Assets, cacheKey, type Ports, RateLimit, type WaitUntil } from "./ports.ts";
import type { RouterAnswer, RouterClient } from "./router.ts";

const API =
  /^(v1\/(route|window|zones|zones\/[\w-]{1,40}|pops|places|providers|policy|health)|openapi\.json)$/;
const API_TTL_S = 10;
/** A question about 300 places, the most that the router takes, has up to 7,000 characters. */
const MAX_QUERY_LENGTH = 8000;
/** Limits what the public page can cost in one isolate, beside the limit of each address. */
const API_CALLS_PER_MINUTE = 300;

const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Serves the status page's files and, below `api/`, cached answers of the router's GET routes. */
export class StatusPage {
  readonly #deadline_ms: number;
  readonly #assets: Assets;
  readonly #router: RouterClient;
  readonly #ports: Ports;
  readonly #calls: RateLimit;

  constructor(config: Config, assets: Assets, router: RouterClient, ports: Ports) {
    this.#deadline_ms = config.page_deadline_ms;
    this.#assets = assets;
    this.#router = router;
    this.#ports = ports;
    this.#calls = new RateLimit(API_CALLS_PER_MINUTE, ports.now_ms);
  }

  /**
   * Answer a request for the status page.
   * @param path The path below the page's root, without a leading slash.
   */
  async serve(request: Request, path: string, waitUntil: WaitUntil): Promise<Response> {
    const answer = await this.#answer(request, path, waitUntil);
    const response = new Response(request.method === "HEAD" ? null : answer.body, answer);
    for (const [name, value] of Object.entries(PAGE_HEADERS)) response.headers.set(name, value);
    return response;
  }

  async #answer(request: Request, path: string, waitUntil: WaitUntil): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return problem(405, "Only GET and HEAD are allowed here.", { allow: "GET, HEAD" });
    }
    if (path.startsWith("api/")) {
      return this.#api(request, path.slice("api/".length), waitUntil);
    }
    const headers = assetHeaders(request.headers);
    const file = new Request(`https://assets.invalid/${path}`, { method: request.method, headers });
    return this.#assets.fetch(file);
  }

  async #api(request: Request, path: string, waitUntil: WaitUntil): Promise<Response> {
    if (!API.test(path)) return problem(404, "This path does not exist.");
    const search = canonicalSearch(new URL(request.url).searchParams);
    if (search === null) return problem(400, "The query has a parameter without a name.");
    if (search.length > MAX_QUERY_LENGTH) {
      return problem(414, `The query is longer than ${MAX_QUERY_LENGTH} characters.`);
    }
    const key = cacheKey(request.url, `api/${path}${search}`);
    const cached = await this.#ports.cache.match(key).catch(() => undefined);
    if (cached) return cached;
    const address = request.headers.get("cf-connecting-ip") ?? "";
    if (!(await this.#ports.mayCallApi(address)) || !this.#calls.take()) {
      return problem(429, "There were too many requests. Try again in a minute.", {
        "retry-after": "60",
      });
    }
    let answer: RouterAnswer;
    try {
      answer = await this.#router.get(`/${path}${search}`, this.#deadline_ms);
    } catch (error) {
      console.warn(`The router did not answer ${path}: ${error}`);
      return problem(504, "The router did not answer.");
    }
    const { status, content_type, text } = answer;
    if (!isOfRouter(answer)) {
      console.warn(`The router answered ${path} with status ${status} and type ${content_type}.`);
      return problem(502, "The router's answer cannot be shown.");
    }
    const headers = { "content-type": content_type, "cache-control": `max-age=${API_TTL_S}` };
    const response = new Response(text, { status, headers });
    const stored = this.#ports.cache.put(key, response.clone());
    waitUntil(
      stored.catch((error: unknown) => console.warn(`The cache cannot be written: ${error}`)),
    );
    return response;
  }
}

/**
 * Whether an answer is the router's own: its figures, or its refusal as a problem document. AWS
 * itself answers a call that does not reach the router: the key is wrong, or calls are too many.
 */
function isOfRouter({ status, content_type }: RouterAnswer): boolean {
  if (status === 200) return /^application\/json/.test(content_type);
  return status >= 400 && status < 500 && /^application\/problem\+json/.test(content_type);
}

/**
 * Write a query as AWS signs it: encoded as in RFC 3986 and sorted. What is signed is then what is
 * sent. Return null for a parameter without a name, which cannot be signed.
 */
function canonicalSearch(query: URLSearchParams): string | null {
  const pairs = [...query].map((pair) => pair.map(encodeRfc3986).join("="));
  if (pairs.some((pair) => pair.startsWith("="))) return null;
  return pairs.length > 0 ? `?${pairs.sort().join("&")}` : "";
}

function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Select the request headers that matter to a file. */
function assetHeaders(headers: Headers): Headers {
  const selected = new Headers();
  for (const name of ["accept-encoding", "if-none-match"]) {
    const value = headers.get(name);
    if (value !== null) selected.set(name, value);
  }
  return selected;
}

function problem(status: number, detail: string, more: Record<string, string> = {}): Response {
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...more,
  };
  const body = JSON.stringify({ type: "about:blank", title: detail, status, detail });
  return new Response(body, { status, headers });
}
