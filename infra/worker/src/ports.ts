/** What the Worker uses of its runtime. Tests replace it. */
export interface Ports {
  fetch: (request: Request, init?: RequestInit) => Promise<Response>;
  now_ms: () => number;
  /** Returns a random number from 0 to less than 1. */
  random: () => number;
  /** The colo's cache, which the Worker's isolates in that colo share. */
  cache: Pick<Cache, "match" | "put">;
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
    clearTimeout(timer);
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
