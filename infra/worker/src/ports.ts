/** What the Worker needs of the world; tests bring their own. */
export interface Ports {
  fetch: (request: Request, init?: RequestInit) => Promise<Response>;
  now_ms: () => number;
  /** From 0 up to 1. */
  random: () => number;
  /** The colo's cache, shared by the Worker's isolates there. */
  cache: Pick<Cache, "match" | "put">;
}

/** Lets work go on after the visitor has been answered. */
export type WaitUntil = (work: Promise<unknown>) => void;

export class DeadlineError extends Error {}

/**
 * Wait for work, but only so long. The work itself goes on.
 * @throws DeadlineError when the time is over.
 */
export async function within<T>(work: Promise<T>, limit_ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`not done in ${limit_ms} ms`)), limit_ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** At most `limit` a minute, counted in whole minutes. */
export class PerMinute {
  #minute = Number.NaN;
  #left = 0;

  constructor(
    readonly limit: number,
    readonly now_ms: () => number,
  ) {}

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
