import type { Config } from "./config.ts";
import { type Decision, readDecision } from "./decision.ts";
import type { Position } from "./pops.ts";
import { type Ports, type WaitUntil, within } from "./ports.ts";
import type { RouterClient } from "./router.ts";

/** Where a request came in. */
export interface Place {
  /** Cloudflare's name of the data centre: three capital letters, as in AMS. */
  colo: string | null;
  position: Position | null;
}

export interface Standing {
  decision: Decision;
  fresh: boolean;
}

/** What a colo knows; this is also the form in its cache. */
interface Entry {
  /** When the router was last asked, whatever came of it. */
  asked_at_ms: number;
  answer: { decision: Decision; decided_at_ms: number } | null;
}

interface Known extends Entry {
  look_again_at_ms: number;
}

/** How soon to look whether another isolate, which is asking now, has its answer. */
const LOOK_AGAIN_MS = 1000;
/** A question whose visitor left may never end; after this long another may be asked. */
const ABANDONED_AFTER_MS = 3000;
/** An isolate serves one colo as a rule; this only bounds the exception. */
const MAX_COLOS = 100;

/**
 * Keeps one decision per colo: in this isolate's memory before the colo's cache before the
 * router, which is asked once per `ttl_ms` whether it answers or not. Only the first visitor of
 * a colo waits for it; later ones get the last decision while a new one is fetched.
 */
export class Decider {
  readonly #config: Config;
  readonly #router: RouterClient;
  readonly #ports: Ports;
  readonly #pops: ReadonlySet<string>;
  readonly #known = new Map<string, Known>();
  readonly #flights = new Map<string, { began_at_ms: number; done: Promise<void> }>();

  constructor(config: Config, router: RouterClient, ports: Ports) {
    this.#config = config;
    this.#router = router;
    this.#ports = ports;
    this.#pops = new Set(config.origins.keys());
  }

  /** The colo's decision, or null where there is none that may still be used. Never throws. */
  async standing(place: Place, waitUntil: WaitUntil): Promise<Standing | null> {
    const colo = place.colo ?? "";
    let known = this.#known.get(colo);
    if (known === undefined) {
      const shared = await this.#read(colo);
      known = this.#known.get(colo) ?? this.#remember(colo, shared);
    }
    if (known === undefined || known.look_again_at_ms <= this.#ports.now_ms()) {
      const flight = this.#refresh(colo, place);
      waitUntil(flight);
      if (known === undefined) {
        // A flight that another visitor began may outlive this one's patience.
        await within(flight, this.#config.router_deadline_ms).catch(() => {});
        known = this.#known.get(colo);
      }
    }
    if (!known?.answer) return null;
    const held_ms = this.#ports.now_ms() - known.answer.decided_at_ms;
    if (held_ms > this.#config.max_stale_ms) return null;
    return { decision: known.answer.decision, fresh: held_ms < this.#config.ttl_ms };
  }

  #refresh(colo: string, place: Place): Promise<void> {
    const running = this.#flights.get(colo);
    const now_ms = this.#ports.now_ms();
    if (running && now_ms - running.began_at_ms < ABANDONED_AFTER_MS) return running.done;
    const flight = { began_at_ms: now_ms, done: Promise.resolve() };
    flight.done = this.#lookAndAsk(colo, place).finally(() => {
      if (this.#flights.get(colo) === flight) this.#flights.delete(colo);
    });
    this.#flights.set(colo, flight);
    return flight.done;
  }

  async #lookAndAsk(colo: string, place: Place): Promise<void> {
    const before = later(this.#known.get(colo), await this.#read(colo));
    const asked_at_ms = this.#ports.now_ms();
    if (before && !this.#isDue(before, asked_at_ms)) {
      this.#remember(colo, before);
      return;
    }
    const claim: Entry = { asked_at_ms, answer: before?.answer ?? null };
    const claimed = this.#write(colo, claim); // so that the colo's other isolates hold back
    try {
      const decision = await this.#ask(place, before?.answer?.decision.order[0]?.pop);
      const entry = { asked_at_ms, answer: { decision, decided_at_ms: this.#ports.now_ms() } };
      this.#remember(colo, entry);
      await claimed;
      await this.#write(colo, entry);
    } catch (error) {
      console.warn(`no decision for ${colo || "an unknown colo"}: ${error}`);
      this.#set(colo, { ...claim, look_again_at_ms: asked_at_ms + this.#config.ttl_ms });
      await claimed;
    }
  }

  async #ask({ colo, position }: Place, current: string | undefined): Promise<Decision> {
    const query = new URLSearchParams({ pops: [...this.#pops].join() });
    if (colo !== null) query.set("colo", colo);
    if (position !== null) {
      // A tenth of a degree is near enough for round trips and tells nobody's address.
      query.set("lat", position.lat.toFixed(1));
      query.set("lon", position.lon.toFixed(1));
    }
    if (current !== undefined) query.set("current", current);
    for (const [name, value] of Object.entries(this.#config.preferences)) query.set(name, value);
    const answer = await this.#router.get(`/v1/route?${query}`, this.#config.router_deadline_ms);
    if (answer.status !== 200) {
      throw new Error(`the router answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    }
    return readDecision(answer.text, this.#pops);
  }

  #isDue(entry: Entry, now_ms: number): boolean {
    const since_ms = now_ms - entry.asked_at_ms;
    return since_ms < 0 || since_ms >= this.#config.ttl_ms; // a stamp ahead of us proves nothing
  }

  #remember(colo: string, entry: Entry | undefined): Known | undefined {
    if (entry === undefined) return undefined;
    const { asked_at_ms, answer } = entry;
    const now_ms = this.#ports.now_ms();
    const due_at_ms = this.#isDue(entry, now_ms) ? now_ms : asked_at_ms + this.#config.ttl_ms;
    const settled = answer !== null && answer.decided_at_ms >= asked_at_ms;
    const look_again_at_ms = settled ? due_at_ms : Math.min(due_at_ms, now_ms + LOOK_AGAIN_MS);
    return this.#set(colo, { asked_at_ms, answer, look_again_at_ms });
  }

  #set(colo: string, known: Known): Known {
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= MAX_COLOS && !this.#known.has(colo)) {
      this.#known.delete(oldest);
    }
    this.#known.set(colo, known);
    return known;
  }

  #key(colo: string): string {
    const query = new URLSearchParams({
      ...this.#config.preferences,
      pops: [...this.#pops].join(),
    });
    return `https://decisions.greenstream.invalid/1/${colo}?${query}`;
  }

  async #read(colo: string): Promise<Entry | undefined> {
    try {
      const cached = await this.#ports.cache.match(this.#key(colo));
      return cached && ((await cached.json()) as Entry); // only `#write` puts under this key
    } catch (error) {
      console.warn(`the cache cannot be read: ${error}`);
      return undefined;
    }
  }

  async #write(colo: string, entry: Entry): Promise<void> {
    const max_age_s = Math.round(this.#config.max_stale_ms / 1000);
    const headers = { "cache-control": `max-age=${max_age_s}` };
    try {
      await this.#ports.cache.put(this.#key(colo), Response.json(entry, { headers }));
    } catch (error) {
      console.warn(`the cache cannot be written: ${error}`);
    }
  }
}

function later(a: Entry | undefined, b: Entry | undefined): Entry | undefined {
  return a && b ? (a.asked_at_ms >= b.asked_at_ms ? a : b) : (a ?? b);
}
