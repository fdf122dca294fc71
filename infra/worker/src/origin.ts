import type { Config } from "./config.ts";
import type { Candidate } from "./decision.ts";
import { removeHopByHop } from "./headers.ts";
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
   * while another one is left. If all fail, the response is the first 5xx answer of an origin, or
   * a 502 or 504 of the Worker's own if no origin answered.
   */
  async serve(request: Request, order: readonly Candidate[]): Promise<Served> {
    const replayable = REPLAYABLE_METHODS.includes(request.method) && request.body === null;
    const candidates = this.#reachableFirst(order).slice(0, replayable ? MAX_ATTEMPTS : 1);
    let failed: Served | undefined;
    for (const [index, candidate] of candidates.entries()) {
      const limit_ms = index + 1 < candidates.length ? this.#config.origin_timeout_ms : Infinity;
      const response = await this.#attempt(request, candidate.pop, limit_ms);
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

  /** Return the URL at the POP's origin for the URL that the visitor asked for. */
  target(request: Request, pop: string): URL {
    const origin = this.#config.origins.get(pop);
    if (origin === undefined) throw new Error(`The POP ${pop} has no origin.`);
    const { pathname, search } = new URL(request.url);
    const target = urlAtOrigin(origin, pathname);
    target.search = search;
    return target;
  }

  async #attempt(request: Request, pop: string, limit_ms: number): Promise<Response> {
    const forwarded = new Request(this.target(request, pop), request);
    const upgrade = request.headers.get("upgrade");
    removeHopByHop(forwarded.headers);
    if (upgrade?.toLowerCase() === "websocket") forwarded.headers.set("upgrade", "websocket");
    forwarded.headers.set("x-forwarded-host", new URL(request.url).host);
    const abort = new AbortController();
    let late = false;
    // The limit ends when the answer begins, so that a body may take any time.
    const timer = Number.isFinite(limit_ms)
      ? setTimeout(() => {
          late = true;
          abort.abort();
        }, limit_ms)
      : null;
    try {
      const response = await this.#ports.fetch(forwarded, {
        signal: abort.signal,
        redirect: "manual",
      });
      this.#unreachable_until_ms.delete(pop);
      return response;
    } catch (error) {
      this.#unreachable_until_ms.set(pop, this.#ports.now_ms() + COOL_DOWN_MS);
      console.warn(
        `The origin of ${pop} ${late ? `took over ${limit_ms} ms.` : `failed: ${error}`}`,
      );
      return unreachableResponse(late ? 504 : 502);
    } finally {
      clearTimeout(timer);
    }
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

/** Return the URL of a path at an origin. The origin's own path is put before it. */
export function urlAtOrigin(origin: URL, pathname: string): URL {
  const url = new URL(origin);
  url.pathname = origin.pathname.replace(/\/$/, "") + pathname;
  return url;
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
