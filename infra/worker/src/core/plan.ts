import type { Config } from "./config.ts";
import type { Decider } from "./decider.ts";
import type { Candidate } from "./decision.ts";
import type { Place } from "./place.ts";
import { byDistance, KNOWN_POPS } from "./pops.ts";
import type { WaitUntil } from "./ports.ts";

/** Where a visit should go. */
export interface Plan {
  /** What the plan is based on, from the best to the worst. */
  basis: "fresh" | "stale" | "nearest" | "default";
  reason: string;
  /** The POPs to try, the best first. There is always at least one. */
  order: readonly Candidate[];
}

/**
 * Plan by the colo's decision. Without one, plan by distance from the visitor or else the colo, and
 * without a position send the visit to the default POP. Never throws.
 */
export async function plan(
  place: Place,
  url: string,
  decider: Decider,
  config: Config,
  waitUntil: WaitUntil,
): Promise<Plan> {
  const usable = await decider.decide(place, url, waitUntil).catch((error: unknown) => {
    console.error(`The decision failed: ${error}`);
    return null;
  });
  if (usable) {
    const { decision, fresh } = usable;
    return { basis: fresh ? "fresh" : "stale", reason: decision.reason, order: decision.order };
  }
  const pops = [...config.origins.keys()];
  const position = place.position ?? KNOWN_POPS.get((place.colo ?? "").toLowerCase());
  if (position) {
    const order = byDistance(pops, position).map(withoutFigures);
    return { basis: "nearest", reason: "nearest_no_decision", order };
  }
  const others = pops.filter((pop) => pop !== config.default_pop);
  const order = [config.default_pop, ...others].map(withoutFigures);
  return { basis: "default", reason: "default_no_decision", order };
}

function withoutFigures(pop: string): Candidate {
  return { pop, zone: null, gco2_kwh: null, valid_to_ms: null };
}
