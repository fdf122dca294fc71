import type { Config } from "./config.ts";
import type { Candidate } from "./decision.ts";
import { removeHopByHop } from "./headers.ts";
import type { Ports } from "./ports.ts";

export interface Served {
  response: Response;
  /** Who answered; of several failures, the one whose answer is shown. */
  candidate: Candidate;
}

const REPLAYABLE = ["GET", "HEAD", "OPTIONS"];
const MAX_ATTEMPTS = 3;
/** How long an origin that could not be reached is asked last. */
const COOL_DOWN_MS = 10_000;

/** Fetches from the POPs' origins, the next one where one fails and nothing is done twice. */
export class OriginProxy {
  readonly #config: Config;
  readonly #ports: Ports;
  readonly #unreachable_until_ms = new Map<string, number>();

  constructor(config: Config, ports: Ports) {
    this.#config = config;
    this.#ports = ports;
  }

  /**
   * Pass the request on. GET, HEAD and OPTIONS without a body go to the next candidate on a
   * network error, on 5xx, and when an origin takes too long while another is left.
   */
  async serve(request: Request, order: readonly Candidate[]): Promise<Served> {
    const replayable = REPLAYABLE.includes(request.method) && request.body === null;
    const candidates = this.#reachableFirst(order).slice(0, replayable ? MAX_ATTEMPTS : 1);
    let failed: Served | undefined;
    for (const [index, candidate] of candidates.entries()) {
      const limit_ms = index + 1 < candidates.length ? this.#config.origin_timeout_ms : Infinity;
      const response = await this.#attempt(request, candidate.pop, limit_ms);
      if (response.status < 500) {
        failed?.response.body?.cancel().catch(() => {});
        return { response, candidate };
      }
      // Of several failures an origin's own tells more than ours, and the first one's most.
      if (failed === undefined || (isOurs(failed.response) && !isOurs(response))) {
        failed = { response, candidate };
      } else {
        response.body?.cancel().catch(() => {});
      }
    }
    if (failed === undefined) throw new Error("there is no candidate");
    return failed;
  }

  /** The POP's URL for what the visitor asked for. */
  target(request: Request, pop: string): URL {
    const origin = this.#config.origins.get(pop);
    if (origin === undefined) throw new Error(`the POP ${pop} has no origin`);
    const { pathname, search } = new URL(request.url);
    const target = below(origin, pathname);
    target.search = search;
    return target;
  }

  async #attempt(request: Request, pop: string, limit_ms: number): Promise<Response> {
    const onward = new Request(this.target(request, pop), request);
    const upgrade = request.headers.get("upgrade");
    removeHopByHop(onward.headers);
    if (upgrade?.toLowerCase() === "websocket") onward.headers.set("upgrade", "websocket");
    onward.headers.set("x-forwarded-host", new URL(request.url).host);
    const stop = new AbortController();
    let late = false;
    // Only until the answer begins: a body may take as long as it likes.
    const timer = Number.isFinite(limit_ms)
      ? setTimeout(() => {
          late = true;
          stop.abort();
        }, limit_ms)
      : null;
    try {
      const response = await this.#ports.fetch(onward, {
        signal: stop.signal,
        redirect: "manual",
      });
      this.#unreachable_until_ms.delete(pop);
      return response;
    } catch (error) {
      this.#unreachable_until_ms.set(pop, this.#ports.now_ms() + COOL_DOWN_MS);
      console.warn(
        `the origin of ${pop} ${late ? `took over ${limit_ms} ms` : `failed: ${error}`}`,
      );
      return unreachable(late ? 504 : 502);
    } finally {
      clearTimeout(timer);
    }
  }

  #reachableFirst(order: readonly Candidate[]): Candidate[] {
    const now_ms = this.#ports.now_ms();
    const isOut = ({ pop }: Candidate) => (this.#unreachable_until_ms.get(pop) ?? 0) > now_ms;
    return [...order.filter((each) => !isOut(each)), ...order.filter(isOut)];
  }
}

/** A path on an origin, which may have a path of its own. */
export function below(origin: URL, pathname: string): URL {
  const url = new URL(origin);
  url.pathname = origin.pathname.replace(/\/$/, "") + pathname;
  return url;
}

const UNREACHABLE = new WeakSet<Response>();

function unreachable(status: 502 | 504): Response {
  const title = status === 502 ? "Bad Gateway" : "Gateway Timeout";
  const body = { type: "about:blank", title, status, detail: "The origin could not be reached." };
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  const response = new Response(JSON.stringify(body), { status, headers });
  UNREACHABLE.add(response);
  return response;
}

function isOurs(response: Response): boolean {
  return UNREACHABLE.has(response);
}
