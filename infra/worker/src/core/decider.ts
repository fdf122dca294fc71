import type { Config } from "./config.ts";
import { type Decision, readDecision } from "./decision.ts";
import type { Place } from "./place.ts";
import { cacheKey, type Ports, type WaitUntil, withDeadline } from "./ports.ts";
import type { RouterAnswer, RouterClient } from "./router.ts";

/** A decision that may be used now. */
export interface UsableDecision {
  decision: Decision;
  /** Whether it is younger than `ttl_ms`. */
  fresh: boolean;
}

/** What is known about a colo. The colo's cache stores it as JSON. */
interface Entry {
  /** When the router was last asked, whether it answered or not. */
  asked_at_ms: number;
  answer: { decision: Decision; decided_at_ms: number } | null;
}

interface RememberedEntry extends Entry {
  /** When to read the colo's cache again and, if a new decision is due, to ask the router. */
  recheck_at_ms: number;
}

/** How soon to read the cache again while another isolate is asking the router. */
const RECHECK_AFTER_MS = 1000;
/** A refresh may never finish if its visitor left. After this time another one may start. */
const ABANDONED_AFTER_MS = 3000;
/** An isolate usually serves one colo. This limits the memory of one that serves many. */
const MAX_COLOS = 100;

/**
 * Provides one decision for each colo. It looks in this isolate's memory, then in the colo's
 * cache, and then asks the router, which is asked once per `ttl_ms` even when it fails. Only the
 * first visitor of a colo waits for the router. Later visitors get the last decision while a new
 * one is fetched in the background.
 */
export class Decider {
  readonly #config: Config;
  readonly #router: RouterClient;
  readonly #ports: Ports;
  readonly #pops: ReadonlySet<string>;
  readonly #entries = new Map<string, RememberedEntry>();
  readonly #refreshes = new Map<string, { began_at_ms: number; done: Promise<void> }>();

  constructor(config: Config, router: RouterClient, ports: Ports) {
    this.#config = config;
    this.#router = router;
    this.#ports = ports;
    this.#pops = new Set(config.origins.keys());
  }

  /**
   * Return the colo's decision, or null if there is none that may be used. Never throws.
   * @param url The URL of the visit, whose site has the colo's cache entry.
   */
  async decide(place: Place, url: string, waitUntil: WaitUntil): Promise<UsableDecision | null> {
    const colo = place.colo ?? "";
    let entry = this.#entries.get(colo);
    if (entry === undefined) {
      const shared = await this.#readCache(this.#cacheKey(url, colo));
      entry = this.#entries.get(colo) ?? this.#remember(colo, shared);
    }
    if (entry === undefined || entry.recheck_at_ms <= this.#ports.now_ms()) {
      const refresh = this.#refresh(colo, place, url);
      waitUntil(refresh);
      if (entry === undefined) {
        // The limit is needed because another visitor may have started the refresh.
        await withDeadline(refresh, this.#config.router_deadline_ms).catch(() => {});
        entry = this.#entries.get(colo);
      }
    }
    if (!entry?.answer) return null;
    const age_ms = this.#ports.now_ms() - entry.answer.decided_at_ms;
    if (age_ms > this.#config.max_stale_ms) return null;
    return { decision: entry.answer.decision, fresh: age_ms < this.#config.ttl_ms };
  }

  /** Start a refresh of the colo's decision, or return the one that is running. */
  #refresh(colo: string, place: Place, url: string): Promise<void> {
    const running = this.#refreshes.get(colo);
    const now_ms = this.#ports.now_ms();
    if (running && now_ms - running.began_at_ms < ABANDONED_AFTER_MS) return running.done;
    const refresh = { began_at_ms: now_ms, done: Promise.resolve() };
    refresh.done = this.#runRefresh(colo, place, url).finally(() => {
      if (this.#refreshes.get(colo) === refresh) this.#refreshes.delete(colo);
    });
    this.#refreshes.set(colo, refresh);
    return refresh.done;
  }

  /** Take a newer decision from the colo's cache, or ask the router if a decision is due. */
  async #runRefresh(colo: string, place: Place, url: string): Promise<void> {
    const key = this.#cacheKey(url, colo);
    const previous = laterAsked(this.#entries.get(colo), await this.#readCache(key));
    const asked_at_ms = this.#ports.now_ms();
    if (previous && !this.#isDue(previous, asked_at_ms)) {
      this.#remember(colo, previous);
      return;
    }
    // The claim tells the colo's other isolates that this one is asking the router.
    const claim: Entry = { asked_at_ms, answer: previous?.answer ?? null };
    const claimed = this.#writeCache(key, claim);
    try {
      const decision = await this.#askRouter(place, previous?.answer?.decision.order[0]?.pop);
      const entry = { asked_at_ms, answer: { decision, decided_at_ms: this.#ports.now_ms() } };
      this.#remember(colo, entry);
      await claimed;
      await this.#writeCache(key, entry);
    } catch (error) {
      console.warn(`There is no new decision for ${colo || "an unknown colo"}: ${error}`);
      this.#set(colo, { ...claim, recheck_at_ms: asked_at_ms + this.#config.ttl_ms });
      await claimed;
    }
  }

  async #askRouter({ colo, position }: Place, current: string | undefined): Promise<Decision> {
    const query = new URLSearchParams({ pops: [...this.#pops].join() });
    if (colo !== null) {
      // The router knows where the colo is. The visitor's position would decide for all others.
      query.set("colo", colo);
    } else if (position !== null) {
      // A tenth of a degree is enough to estimate round trips and does not reveal an address.
      query.set("lat", position.lat.toFixed(1));
      query.set("lon", position.lon.toFixed(1));
    }
    if (current !== undefined) query.set("current", current);
    for (const [name, value] of Object.entries(this.#config.preferences)) query.set(name, value);
    const answer = await this.#router.get(`/v1/route?${query}`, this.#config.router_deadline_ms);
    if (colo !== null && refusesColo(answer)) {
      // Cloudflare opens data centres that the router's table does not have yet.
      return this.#askRouter({ colo: null, position }, current);
    }
    if (answer.status !== 200) {
      throw new Error(`The router answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    }
    return readDecision(answer.text, this.#pops);
  }

  /** Whether the router should be asked again. A time in the future proves nothing, so it is due. */
  #isDue(entry: Entry, now_ms: number): boolean {
    const since_ms = now_ms - entry.asked_at_ms;
    return since_ms < 0 || since_ms >= this.#config.ttl_ms;
  }

  #remember(colo: string, entry: Entry | undefined): RememberedEntry | undefined {
    if (entry === undefined) return undefined;
    const { asked_at_ms, answer } = entry;
    const now_ms = this.#ports.now_ms();
    const due_at_ms = this.#isDue(entry, now_ms) ? now_ms : asked_at_ms + this.#config.ttl_ms;
    const answered = answer !== null && answer.decided_at_ms >= asked_at_ms;
    const recheck_at_ms = answered ? due_at_ms : Math.min(due_at_ms, now_ms + RECHECK_AFTER_MS);
    return this.#set(colo, { asked_at_ms, answer, recheck_at_ms });
  }

  #set(colo: string, entry: RememberedEntry): RememberedEntry {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size >= MAX_COLOS && !this.#entries.has(colo)) {
      this.#entries.delete(oldest);
    }
    this.#entries.set(colo, entry);
    return entry;
  }

  #cacheKey(url: string, colo: string): string {
    const query = new URLSearchParams({
      ...this.#config.preferences,
      pops: [...this.#pops].join(),
    });
    return cacheKey(url, `decisions/2/${colo}?${query}`);
  }

  async #readCache(key: string): Promise<Entry | undefined> {
    try {
      const cached = await this.#ports.cache.match(key);
      // The cast is safe because only `#writeCache` writes under this key.
      return cached && ((await cached.json()) as Entry);
    } catch (error) {
      console.warn(`The cache cannot be read: ${error}`);
      return undefined;
    }
  }

  async #writeCache(key: string, entry: Entry): Promise<void> {
    const max_age_s = Math.round(this.#config.max_stale_ms / 1000);
    const headers = { "cache-control": `max-age=${max_age_s}` };
    try {
      await this.#ports.cache.put(key, Response.json(entry, { headers }));
    } catch (error) {
      console.warn(`The cache cannot be written: ${error}`);
    }
  }
}

/** Whether the router refused the request because it does not know the colo. */
function refusesColo({ status, text }: RouterAnswer): boolean {
  if (status !== 400) return false;
  try {
    // Anything may be missing from the answer of something that is not the router.
    const problem = JSON.parse(text) as { errors?: { field?: unknown }[] } | null;
    return problem?.errors?.some?.((error) => error?.field === "colo") ?? false;
  } catch {
    return false;
  }
}

function laterAsked(a: Entry | undefined, b: Entry | undefined): Entry | undefined {
  return a && b ? (a.asked_at_ms >= b.asked_at_ms ? a : b) : (a ?? b);
}
