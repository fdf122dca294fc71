import type { Config } from "./config.ts";
import { below } from "./origin.ts";
import { PerMinute, type Ports, within } from "./ports.ts";
import type { RouterClient } from "./router.ts";

export interface Sample {
  colo: string;
  pop: string;
  rtt_ms: number;
}

/** A Worker may hold six connections at once. */
const POPS_PER_ROUND = 6;
const ROUNDS_PER_MINUTE = 1;
const PROBE_LIMIT_MS = 2000;

/**
 * Measures round trips from this colo to the POPs' origins, a few at a time and in turn, and
 * reports them to the router. Runs after visitors have been answered.
 */
export class Sampler {
  readonly #config: Config;
  readonly #router: RouterClient;
  readonly #ports: Ports;
  readonly #rounds: PerMinute;
  #next: number;

  constructor(config: Config, router: RouterClient, ports: Ports) {
    this.#config = config;
    this.#router = router;
    this.#ports = ports;
    this.#rounds = new PerMinute(ROUNDS_PER_MINUTE, ports.now_ms);
    this.#next = Math.floor(ports.random() * config.origins.size); // isolates live shortly
  }

  /** Whether this visit is one of the sampled share. */
  wanted(): boolean {
    return this.#ports.random() < this.#config.sample_share && this.#rounds.take();
  }

  /** Probe the next POPs and report what was measured; a failure is logged and costs nothing. */
  async round(colo: string): Promise<void> {
    if (!(await this.#claimMinute(colo))) return;
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
      if (answer.status !== 202) console.warn(`samples were refused: ${answer.status}`);
    } catch (error) {
      console.warn(`samples were not taken: ${error}`);
    }
  }

  /** The second of two round trips: the first may include the making of the connection. */
  async #probe(colo: string, pop: string): Promise<Sample> {
    const { origins, probe_path } = this.#config;
    const origin = origins.get(pop);
    if (origin === undefined) throw new Error(`the POP ${pop} has no origin`);
    const url = below(origin, probe_path);
    await this.#roundTrip(url);
    const began_ms = this.#ports.now_ms();
    await this.#roundTrip(url);
    // Workers' clock counts whole milliseconds: nothing counted means no more than one.
    return { colo, pop, rtt_ms: Math.max(1, this.#ports.now_ms() - began_ms) };
  }

  async #roundTrip(url: URL): Promise<void> {
    const headers = { "user-agent": "greenstream-probe", "cache-control": "no-store" };
    const signal = AbortSignal.timeout(PROBE_LIMIT_MS);
    const request = new Request(url, { method: "HEAD", headers });
    const response = await within(
      this.#ports.fetch(request, { signal, redirect: "manual" }),
      PROBE_LIMIT_MS,
    );
    if (response.status >= 500) throw new Error(`the probe was answered ${response.status}`);
  }

  /** One round a minute for the whole colo, however many isolates it has. */
  async #claimMinute(colo: string): Promise<boolean> {
    const minute = Math.floor(this.#ports.now_ms() / 60_000);
    const key = `https://samples.greenstream.invalid/${colo}/${minute}`;
    try {
      if (await this.#ports.cache.match(key)) return false;
      const headers = { "cache-control": "max-age=60" };
      await this.#ports.cache.put(key, new Response("claimed", { headers }));
    } catch (error) {
      console.warn(`the cache cannot tell of other rounds: ${error}`);
    }
    return true;
  }
}
