// Texts for figures and states. A missing value is shown as a dash, never as zero.

export const MISSING = "–";

/** The rungs of the fallback ladder, the best first: the word that is shown and its meaning. */
export const RUNGS = new Map([
  ["live", ["Live", "The figure is a provider’s own and no older than usual."]],
  ["live_partial", ["Live, partly known", "The figure is live, but the fuel of more than 30 % of the generation is unknown. The bounds show the possible range."]],
  ["stale", ["Stale", "The figure is a provider’s last one and older than usual."]],
  ["same_hour_7d", ["Same hour, 7 days", "The figure is the mean of this hour of the day over the last 7 days."]],
  ["annual_mean", ["Annual mean", "The figure is a published mean of a whole year."]],
  ["none", ["Nothing known", "There is no figure, so the place cannot be ranked by carbon."]],
]);

/** The rungs that the router counts as live. Every other known figure is a fallback. */
export const LIVE = new Set(["live", "live_partial"]);

export const rungWord = (rung) => RUNGS.get(rung)?.[0] ?? String(rung);
export const rungOrder = (rung) => [...RUNGS.keys()].indexOf(rung);

const PROVIDERS = new Map([
  ["eso", "NESO"],
  ["elexon", "Elexon"],
  ["gridstatus", "gridstatus"],
  ["ons", "ONS"],
  ["aemo", "AEMO"],
  ["ieso", "IESO"],
  ["aeso", "AESO"],
  ["hydroquebec", "Hydro-Québec"],
  ["taipower", "Taipower"],
  ["kpx", "Korea Power Exchange"],
  ["entsoe", "ENTSO-E"],
  ["eia", "US EIA"],
  ["watttime", "WattTime"],
  ["energycharts", "Energy-Charts"],
  ["electricitymaps", "Electricity Maps"],
]);

export const providerName = (provider) => PROVIDERS.get(provider) ?? String(provider);

/** Say which two sources contradict each other and which of them stands; "" where none do. */
export function disputeText({ disputed }) {
  if (!disputed) return "";
  const { stands, against, usual_gco2_kwh: usual } = disputed;
  const says = (claim) => `${providerName(claim.provider)} ${grams(claim.gco2_kwh)}`;
  const why = isNumber(usual) ? `the nearer to the usual ${grams(usual)} g/kWh` : "the preferred source";
  return `The sources of ${stands.zone} contradict each other: ${says(stands)} g/kWh, ${says(against)}. ${providerName(stands.provider)} stands, ${why}.`;
}

const STATES = new Map([
  ["ok", "working"],
  ["partial", "working in part"],
  ["failed", "failing"],
  ["unconfigured", "no key given"],
  ["never_run", "never run"],
]);

export const stateWord = (state) => STATES.get(state) ?? String(state);

/** Why a candidate may not be chosen for its carbon. */
export const EXCLUSIONS = new Map([
  ["outside_limit", "outside the limit"],
  ["unknown_round_trip", "round trip unknown"],
  ["no_carbon", "carbon unknown"],
]);

export const exclusionWord = (exclusion) => EXCLUSIONS.get(exclusion) ?? String(exclusion);

/**
 * The reasons of a decision, as the end of a sentence that names the chosen point of presence. `{nearest}`
 * stands for the words of `nearestWords`.
 */
export const REASONS = new Map([
  ["cleanest", "it is the cleanest within the limit"],
  ["lowest_figure", "its figure is the lowest within the limit, but the figures are not sure enough to say that no other grid is as clean"],
  ["lowest_fallback", "its figure is the lowest within the limit, but no live one"],
  ["fresher", "the lower figure of another place is older"],
  ["age_price", "with the price of its age the lower figure of another place is the higher one"],
  ["nearer", "the lower figure of another place is not worth the longer round trip"],
  ["near_tie_own_grid", "it scores nearly as well as the best, and its figure is of its own grid"],
  ["near_tie_nearer", "it scores nearly as well as the best, and is nearer"],
  ["surer", "its figure is lower than that of the place before by more than their ways of counting differ, which is not true of the lowest figure"],
  ["stayed_within_margin", "no other place is so much better that a move is worth it"],
  ["nearest_none_within_limit", "it is {nearest}, and none with known carbon is within the limit"],
  ["latency_only_no_carbon", "it is {nearest}, and no carbon is known"],
  ["carbon_only_no_latency", "only carbon counts, because no round trip is known"],
  ["nothing_known", "it was drawn from the candidates, because nothing is known"],
]);

/** Name the nearest candidate, without a claim about those whose round trip is unknown. */
export const nearestWords = (candidates) =>
  candidates.every(({ latency_ms }) => isNumber(latency_ms)) ? "the nearest" : "the nearest of those whose round trip is known";

/** Return why the chosen point of presence was chosen, in words that its candidates justify. */
export function reasonWords({ reason, candidates }) {
  const only = candidates.filter(({ eligible }) => eligible).length === 1;
  if (only && reason === "cleanest") return "it is the only one that may be chosen";
  if (only && reason === "lowest_fallback") return "it is the only one that may be chosen, and its figure is not live";
  return (REASONS.get(reason) ?? String(reason)).replace("{nearest}", nearestWords(candidates));
}

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** Format g/kWh as a whole number, because the figures are not more precise. */
export const grams = (value) => (isNumber(value) ? value.toFixed(0) : MISSING);

export const milliseconds = (value) => (isNumber(value) ? `${value.toFixed(0)} ms` : MISSING);

/** Format an age, given in seconds, in units that suit its size. */
export function age(seconds) {
  if (!isNumber(seconds)) return MISSING;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/** Whether the value that is expected by now differs from the figure, as both are shown. */
export const hasMoved = ({ gco2_kwh: value, expected_gco2_kwh: expected }) =>
  isNumber(expected) && grams(expected) !== grams(value);

/** Format the penalty for age as "+10" or, if its cap has lowered it, "+10 (capped)". Return "" if it is 0. */
export const penalty = ({ penalty_gco2_kwh: added, penalty_capped: capped }) =>
  isNumber(added) && grams(added) !== "0" ? `+${grams(added)}${capped ? " (capped)" : ""}` : "";

/** Format the figure, the value expected by now and the penalty as "137 g/kWh, 142 expected by now, +10 (capped) for age". */
export function figureText(figure) {
  if (!isNumber(figure.gco2_kwh)) return "no known figure";
  const added = penalty(figure);
  return [`${grams(figure.gco2_kwh)} g/kWh`, hasMoved(figure) && `${grams(figure.expected_gco2_kwh)} expected by now`, added && `${added} for age`].filter(Boolean).join(", ");
}

/**
 * Say how many of an answer's figures are live, as "5 of 6 candidates have a live figure; 1 has a fallback."
 * @param whose names in the plural what the figures are of.
 */
export function freshnessText({ freshness, figures: { live, fallback, none } }, whose) {
  const have = (number) => (number === 1 ? "has" : "have");
  const total = live + fallback + none;
  const missing = none > 0 ? ` and ${none} ${have(none)} none` : "";
  if (freshness === "none") return `Nothing is live: none of ${total} ${whose} has a known figure.`;
  if (freshness === "fallback") return `Nothing is live: ${fallback} of ${total} ${whose} ${have(fallback)} a fallback figure${missing}.`;
  const others = fallback > 0 ? `; ${fallback} ${have(fallback)} a fallback${missing}` : missing;
  return `${live} of ${total} ${whose} ${have(live)} a live figure${others}.`;
}

/** Format the bounds if they are more than 5 % of the value and 1 g/kWh apart, else return "". */
export function bounds(figure) {
  const { gco2_kwh: value, gco2_low: low, gco2_high: high } = figure;
  const wide = isNumber(low) && isNumber(high) && high - low > Math.max(1, 0.05 * value);
  return wide ? `${grams(low)}–${grams(high)}` : "";
}

/** Format the kind of a figure as "average, direct". */
export const kind = (figure) =>
  figure.signal && figure.basis ? `${figure.signal}, ${figure.basis}` : MISSING;

/** Format the scope and the factor set of a figure as "production, factors of greenstream". */
export const counting = (figure) =>
  [figure.scope, figure.factor_set && `factors of ${figure.factor_set}`].filter(Boolean).join(", ") || MISSING;

const CLOCK = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC",
});
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** Format an instant as "16:49:58 UTC", with the day if it is another day than `today`'s. */
export function instant(iso, today = iso) {
  const moment = iso ? new Date(iso) : null;
  if (moment === null || Number.isNaN(moment.getTime())) return MISSING;
  const day = today && iso.slice(0, 10) === today.slice(0, 10) ? "" : `${DAY.format(moment)}, `;
  return `${day}${CLOCK.format(moment)} UTC`;
}

/** Format a number with its noun as "1 zone" or "2 zones". */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
