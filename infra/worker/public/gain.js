// What the choice saves against the nearest place, in words.

import { grams, isNumber } from "./words.js";

const FRACTIONS = [
  [1 / 20, "a twentieth of"], [1 / 10, "a tenth of"], [1 / 8, "an eighth of"], [1 / 6, "a sixth of"], [1 / 5, "a fifth of"],
  [1 / 4, "a quarter of"], [1 / 3, "a third of"], [2 / 5, "two fifths of"], [1 / 2, "half of"], [3 / 5, "three fifths of"],
  [2 / 3, "two thirds of"], [3 / 4, "three quarters of"], [4 / 5, "four fifths of"],
];
const EXACT = 0.01; // a ratio that is nearer to a fraction than this is that fraction, else it is "about" it

/**
 * Compare the chosen grid with that of the nearest place, as "half of New York’s 249". Return "" where
 * the nearest is chosen, where the two figures may not be compared or one is not known, and where a
 * grid stands in for another one.
 */
export function gain({ baseline, candidates, comparable, pop }, nameOf) {
  const [chosen] = candidates;
  if (!baseline || comparable === "mixed" || baseline.pop === pop || !isNumber(baseline.attributed_difference_gco2_kwh)) return "";
  const [ours, theirs] = [chosen.expected_gco2_kwh ?? chosen.gco2_kwh, baseline.expected_gco2_kwh ?? baseline.gco2_kwh];
  if (!isNumber(ours) || !isNumber(theirs) || theirs < 1) return "";
  return `${share(ours / theirs)} ${nameOf(baseline.pop)}’s ${grams(theirs)}`;
}

function share(ratio) {
  if (ratio < 0.04) return "next to nothing beside";
  if (Math.abs(ratio - 1) < 0.02) return "about the same as";
  if (ratio > 1) return `${percent(ratio - 1)} more than`;
  if (ratio > 0.85) return `${percent(1 - ratio)} less than`;
  const [fraction, words] = FRACTIONS.reduce((best, next) => (Math.abs(next[0] - ratio) < Math.abs(best[0] - ratio) ? next : best));
  return Math.abs(fraction - ratio) < EXACT ? words : `about ${words}`;
}

const percent = (part) => `${Math.round(part * 100)} %`;
