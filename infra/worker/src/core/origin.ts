import { urlAtOrigin } from "./addresses.ts";
import type { Config } from "./config.ts";
import type { Candidate } from "./decision.ts";
import { removeHopByHop, removeOwn } from "./headers.ts";
import type { Ports } from "./ports.ts";

export interface Served {
  response: Response;
  /** The POP that gave the response. */
  candidate: Candidate;
}

/** Methods without side effects, which may be sent to several origins. */
const REPLAYABLE_METHODS = ["GET", "HEAD", "OPTIONS"];
const MAX_ATTEMPTS = 3;
/** How long an origin that could not be reached is tried last. */
const COOL_DOWN_MS = 10_000;

/** Fetches from the POPs' origins, and tries the next origin if that cannot repeat an action. */
export class OriginProxy {
  readonly #config: Config;
  readonly #ports: Ports;
  readonly #unreachable_until_ms = new Map<string, number>();

  constructor(config: Config, ports: Ports) {
    this.#config = config;
    this.#ports = ports;
  }

  /**
   * Forward the request. GET, HEAD and OPTIONS without a body go to the next candidate after a
   * network error, after a 5xx answer, and when an origin takes longer than `origin_timeout_ms`
   * while another one is left; the last one has `last_origin_timeout_ms`. If all fail, the response
   * is the first 5xx answer of an origin, or a 502 or 504 of the Worker's own if no origin
   * answered. Any other request is sent once and may take any time.
   */
  async serve(request: Request, order: readonly Candidate[]): Promise<Served> {
    const empty = await isEmpty(request);
    const replayable = empty && REPLAYABLE_METHODS.includes(request.method);
    const candidates = this.#reachableFirst(order).slice(0, replayable ? MAX_ATTEMPTS : 1);
    const { origin_timeout_ms, last_origin_timeout_ms } = this.#config;
    let failed: Served | undefined;
    for (const [index, candidate] of candidates.entries()) {
      const isLast = index + 1 === candidates.length;
      const limit_ms = isLast ? last_origin_timeout_ms : origin_timeout_ms;
      const response = await this.#attempt(
        empty ? withoutBody(request) : request,
        candidate.pop,
        replayable ? limit_ms : Number.POSITIVE_INFINITY,
      );
      if (response.status < 500) {
        failed?.response.body?.cancel().catch(() => {});
        return { response, candidate };
      }
      // An origin's own error is more useful to the visitor than the Worker's.
      if (failed === undefined || (isFromWorker(failed.response) && !isFromWorker(response))) {
        failed = { response, candidate };
      } else {
        response.body?.cancel().catch(() => {});
      }
    }
    if (failed === undefined) throw new Error("There is no candidate.");
    return failed;
  }

  /** Forward the request to where it was going. A failure is a 502 of the Worker's own. */
  async pass(request: Request): Promise<Response> {
    try {
      const response = await this.#ports.fetch(request, { redirect: "manual" });
      return this.#usable(response, request, "The site's own origin");
    } catch (error) {
      console.warn(`The site's own origin failed: ${error}`);
      return unreachableResponse(502);
    }
  }

  /** Return the URL at the POP's origin for the URL that the visitor asked for. */
  target(request: Request, pop: string): URL {
    const { pathname, search } = new URL(request.url);
    const target = urlAtOrigin(this.origin(pop), pathname);
    target.search = search;
    return target;
  }

  /** Return the URL of the POP's origin. */
  origin(pop: string): URL {
    const origin = this.#config.origins.get(pop);
    if (origin === undefined) throw new Error(`The POP ${pop} has no origin.`);
    return origin;
  }

  async #attempt(request: Request, pop: string, limit_ms: number): Promise<Response> {
    const forwarded = new Request(this.target(request, pop), request);
    removeHopByHop(forwarded.headers);
    removeOwn(forwarded.headers);
    if (asksForWebsocket(request)) forwarded.headers.set("upgrade", "websocket");
    forwarded.headers.set("x-forwarded-host", new URL(request.url).host);
    const abort = new AbortController();
    let late = false;
    // The limit ends when the answer begins, so that a body may take any time.
    let timer: ReturnType<typeof setTimeout> | null = null;
    if (Number.isFinite(limit_ms)) {
      timer = setTimeout(() => {
        late = true;
        abort.abort();
      }, limit_ms);
    }
    try {
      const response = await this.#ports.fetch(forwarded, {
        signal: abort.signal,
        redirect: "manual",
      });
      this.#unreachable_until_ms.delete(pop);
      return this.#usable(response, request, `The origin of ${pop}`);
    } catch (error) {
      this.#unreachable_until_ms.set(pop, this.#ports.now_ms() + COOL_DOWN_MS);
      console.warn(
        `The origin of ${pop} ${late ? `took over ${limit_ms} ms.` : `failed: ${error}`}`,
      );
      return unreachableResponse(late ? 504 : 502);
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  }

  /**
   * Return an origin's response, or a 502 in its place when no visitor can be given its status: a
   * status outside 200 to 599, or a switch of protocols that nobody asked for.
   */
  #usable(response: Response, request: Request, who: string): Response {
    const { status } = response;
    const usable = status === 101 ? asksForWebsocket(request) : status >= 200 && status <= 599;
    if (usable) return response;
    console.warn(`${who} answered with status ${status}, which is no answer.`);
    response.body?.cancel().catch(() => {});
    return unreachableResponse(502);
  }

  #reachableFirst(order: readonly Candidate[]): Candidate[] {
    const now_ms = this.#ports.now_ms();
    const isUnreachable = ({ pop }: Candidate) =>
      (this.#unreachable_until_ms.get(pop) ?? 0) > now_ms;
    return [
      ...order.filter((candidate) => !isUnreachable(candidate)),
      ...order.filter(isUnreachable),
    ];
  }
}

/**
 * Whether a request has no body. The platform shows a body also where its length is 0. Whether a
 * body in chunks has any byte is known only once its first bytes are read. Only those of a request
 * that may be repeated are read.
 */
async function isEmpty(request: Request): Promise<boolean> {
  if (request.body === null) return true;
  const length = request.headers.get("content-length");
  if (length !== null) return Number(length) === 0;
  if (!REPLAYABLE_METHODS.includes(request.method)) return false;
  const reader = request.clone().body?.getReader();
  try {
    let chunk = await reader?.read();
    while (chunk?.value?.byteLength === 0) chunk = await reader?.read();
    return chunk?.value === undefined;
  } catch {
    return false; // the visitor left
  } finally {
    reader?.cancel().catch(() => {});
  }
}

function withoutBody({ url, method, headers }: Request): Request {
  return new Request(url, { method, headers, redirect: "manual" });
}

export function asksForWebsocket(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

const FROM_WORKER = new WeakSet<Response>();

function unreachableResponse(status: 502 | 504): Response {
  const title = status === 502 ? "Bad Gateway" : "Gateway Timeout";
  const body = { type: "about:blank", title, status, detail: "The origin could not be reached." };
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  const response = new Response(JSON.stringify(body), { status, headers });
  FROM_WORKER.add(response);
  return response;
}

function isFromWorker(response: Response): boolean {
  return FROM_WORKER.has(response);
}
