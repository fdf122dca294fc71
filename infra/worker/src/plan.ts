import type { Config } from "./config.ts";
import type { Decider, Place } from "./decider.ts";
import type { Candidate } from "./decision.ts";
import { byDistance } from "./pops.ts";
import type { WaitUntil } from "./ports.ts";

/** Where a request should go; there is always somewhere. */
export interface Plan {
  /** What it rests on, the best first. */
  basis: "fresh" | "stale" | "nearest" | "default";
  reason: string;
  /** Never empty. */
  order: readonly Candidate[];
}

/** The first of: the colo's decision, the nearest POP, the configured one. Never throws. */
export async function plan(
  place: Place,
  decider: Decider,
  config: Config,
  waitUntil: WaitUntil,
): Promise<Plan> {
  const standing = await decider.standing(place, waitUntil).catch((error: unknown) => {
    console.error(`deciding failed: ${error}`);
    return null;
  });
  if (standing) {
    const { decision, fresh } = standing;
    return { basis: fresh ? "fresh" : "stale", reason: decision.reason, order: decision.order };
  }
  const pops = [...config.origins.keys()];
  if (place.position) {
    const order = byDistance(pops, place.position).map(unknown);
    return { basis: "nearest", reason: "nearest_no_decision", order };
  }
  const others = pops.filter((pop) => pop !== config.default_pop);
  const order = [config.default_pop, ...others].map(unknown);
  return { basis: "default", reason: "default_no_decision", order };
}

function unknown(pop: string): Candidate {
  return { pop, zone: null, gco2_kwh: null, valid_to_ms: null };
}
