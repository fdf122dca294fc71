// The law of a figure's age, in words.

import { age } from "./words.js";

const MODELS = { capped, drift, penalty: plain };

/** Return sentences that say what age does to a figure under a policy, one paragraph each. */
export function ageLaw(policy) {
  const law = MODELS[policy.freshness_model];
  return law ? law(policy) : [`The freshness model of the policy is ${policy.freshness_model}, which this page does not know.`];
}

const EXPECTED = "A figure grows old, so the value that is expected by now is ranked: the figure, moved with the usual day of its grid where that is known.";

const price = ({ penalty_grace_s: grace, penalty_slope_gco2_kwh_min: slope }) =>
  `is 0 until ${age(grace)} after the end of the interval that the figure describes, and ${slope} g/kWh for each further minute`;

/** Return how long a reading stands before a fallback replaces it. */
const lifetime = ({ max_stale_s: oldest, max_stale_profile_s: oldestWithProfile }) =>
  `A reading is used until it is ${age(Math.max(oldest, oldestWithProfile))} old where the usual day of its grid is known, and ${age(oldest)} where it is not. Then a fallback replaces it.`;

function capped(policy) {
  const { penalty_cap_doubts: doubts } = policy;
  const cap = doubts === 0.5 ? "half of the doubt" : doubts === 1 ? "the doubt" : `${doubts} times the doubt`;
  return [
    EXPECTED,
    `Its age adds a penalty, which ${price(policy)}. The penalty is never more than ${cap}, which is how far the grid is likely to be from the expected value. A penalty that this limit has lowered is marked as capped.`,
    `The mean of an hour pays at most this limit too, and an annual mean pays nothing. ${lifetime(policy)}`,
  ];
}

function drift(policy) {
  return [EXPECTED, `Its age adds no penalty. ${lifetime(policy)}`];
}

function plain(policy) {
  return [
    `A figure is ranked as it was read. Its age adds a penalty, which ${price(policy)}, without an upper limit.`,
    `After ${age(policy.max_stale_s)} a fallback replaces the reading and gets the penalty of that age, so that old data never look better than new data.`,
  ];
}
