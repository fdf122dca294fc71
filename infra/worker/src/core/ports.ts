/** What the Worker uses of its platform. Tests replace it. */
export interface Ports {
  fetch: (request: Request, init?: FetchOptions) => Promise<Response>;
  now_ms: () => number;
  /** Returns a random number from 0 to less than 1. */
  random: () => number;
  /** The colo's cache, which the Worker's isolates in that colo share. */
  cache: ResponseCache;
  /** Copies a response that has opened a websocket. Returns null for any other response. */
  websocket: (response: Response, headers: Headers) => Response | null;
  /** Counts a call of the status page's API, and returns whether its address may make it. */
  mayCallApi: (address: string) => Promise<boolean>;
}

export interface FetchOptions {
  signal?: AbortSignal;
  redirect?: "manual";
}

export interface ResponseCache {
  match: (key: string) => Promise<Response | undefined>;
  put: (key: string, response: Response) => Promise<void>;
}

/** The files of the status page. */
export interface Assets {
  fetch: (request: Request) => Promise<Response>;
}

/**
 * The path of the site below which the Worker's cache entries have their keys. Cloudflare asks for
 * keys on the site's own host. A visitor's request for such a path is answered with 404, so that
 * no entry is ever served as a page.
 */
export const CACHE_PATH = "/_greenstream-cache/";

/** Return the key of a cache entry on the site that a request is for. */
export function cacheKey(request_url: string, entry: string): string {
  return new URL(CACHE_PATH + entry, request_url).href;
}

/** Keeps the Worker alive until the work is done, even after the visitor has been answered. */
export type WaitUntil = (work: Promise<unknown>) => void;

export class DeadlineError extends Error {}

/**
 * Wait for work at most `limit_ms`. The work itself is not stopped.
 * @throws DeadlineError when the time is over.
 */
export async function withDeadline<T>(work: Promise<T>, limit_ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`It took over ${limit_ms} ms.`)), limit_ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

/** Allows at most `limit` uses in each minute of the clock. */
export class RateLimit {
  #minute = Number.NaN;
  #left = 0;

  constructor(
    readonly limit: number,
    readonly now_ms: () => number,
  ) {}

  /** Use it once. Return false if this minute's limit is reached. */
  take(): boolean {
    const minute = Math.floor(this.now_ms() / 60_000);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#left = this.limit;
    }
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
