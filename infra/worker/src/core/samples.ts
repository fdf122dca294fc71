import { urlAtOrigin } from "./addresses.ts";
import type { Config } from "./config.ts";
import { cacheKey, type Ports, RateLimit, withDeadline } from "./ports.ts";
import type { RouterClient } from "./router.ts";

/** One measured round trip from a colo to a POP. */
export interface Sample {
  colo: string;
  pop: string;
  rtt_ms: number;
}

/** Cloudflare lets a Worker have six open connections at a time. */
const POPS_PER_ROUND = 6;
const ROUNDS_PER_MINUTE = 1;
const PROBE_TIMEOUT_MS = 2000;

/**
 * Measures round trips from this colo to the POPs' origins and reports them to the router. Each
 * round measures the next few origins of the list. It runs after the visitor has been answered.
 */
export class Sampler {
  readonly #config: Config;
  readonly #router: RouterClient;
  readonly #ports: Ports;
  readonly #rounds: RateLimit;
  #next: number;

  constructor(config: Config, router: RouterClient, ports: Ports) {
    this.#config = config;
    this.#router = router;
    this.#ports = ports;
    this.#rounds = new RateLimit(ROUNDS_PER_MINUTE, ports.now_ms);
    // The start is random because an isolate may not live long enough for a second round.
    this.#next = Math.floor(ports.random() * config.origins.size);
  }

  /** Decide at random whether a round should follow this visit. */
  isDue(): boolean {
    return this.#ports.random() < this.#config.sample_share && this.#rounds.take();
  }

  /**
   * Probe the next POPs and report their round trips. A failure is only logged.
   * @param url The URL of the visit, whose site has the claim of this minute's round.
   */
  async runRound(colo: string, url: string): Promise<void> {
    if (!(await this.#claimMinute(colo, url))) return;
    const all = [...this.#config.origins.keys()];
    const pops = Array.from(
      { length: Math.min(POPS_PER_ROUND, all.length) },
      (_, index) => all[(this.#next + index) % all.length] as string,
    );
    this.#next = (this.#next + pops.length) % all.length;
    const probes = await Promise.allSettled(pops.map((pop) => this.#probe(colo, pop)));
    const samples = probes.flatMap((probe) => (probe.status === "fulfilled" ? [probe.value] : []));
    if (samples.length === 0) return;
    try {
      const answer = await this.#router.post(
        "/v1/latency",
        { samples },
        this.#config.page_deadline_ms,
      );
      if (answer.status !== 202) {
        console.warn(`The router refused the round trips with status ${answer.status}.`);
      }
    } catch (error) {
      console.warn(`The round trips could not be reported: ${error}`);
    }
  }

  /** Measure the second of two round trips, because the first may include the connection set-up. */
  async #probe(colo: string, pop: string): Promise<Sample> {
    const { origins, probe_path } = this.#config;
    const origin = origins.get(pop);
    if (origin === undefined) throw new Error(`The POP ${pop} has no origin.`);
    const url = urlAtOrigin(origin, probe_path);
    await this.#roundTrip(url);
    const began_at_ms = this.#ports.now_ms();
    await this.#roundTrip(url);
    // A Worker's clock counts whole milliseconds, so a difference of 0 means at most 1 ms.
    return { colo, pop, rtt_ms: Math.max(1, this.#ports.now_ms() - began_at_ms) };
  }

  async #roundTrip(url: URL): Promise<void> {
    const headers = { "user-agent": "greenstream-probe", "cache-control": "no-store" };
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const request = new Request(url, { method: "HEAD", headers });
    const response = await withDeadline(
      this.#ports.fetch(request, { signal, redirect: "manual" }),
      PROBE_TIMEOUT_MS,
    );
    if (response.status >= 500) {
      throw new Error(`The origin answered the probe with status ${response.status}.`);
    }
  }

  /** Claim this minute's round, of which the whole colo has one. Return false if it is taken. */
  async #claimMinute(colo: string, url: string): Promise<boolean> {
    const minute = Math.floor(this.#ports.now_ms() / 60_000);
    const key = cacheKey(url, `samples/${colo}/${minute}`);
    try {
      if (await this.#ports.cache.match(key)) return false;
      const headers = { "cache-control": "max-age=60" };
      await this.#ports.cache.put(key, new Response("claimed", { headers }));
    } catch (error) {
      console.warn(`The cache cannot show whether another isolate measures this minute: ${error}`);
    }
    return true;
  }
}
