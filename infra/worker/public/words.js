// Texts for figures and states. A missing value is shown as a dash, never as zero.

export const MISSING = "–";

/** The rungs of the fallback ladder, the best first: the word that is shown and its meaning. */
export const RUNGS = new Map([
  ["live", ["Live", "The figure is a provider’s own and no older than usual."]],
  ["live_partial", ["Live, partly known", "The figure is live, but the fuel of more than 30 % of the generation is unknown. The bounds show the possible range."]],
  ["stale", ["Stale", "The figure is the last known one and older than usual, so it gets a penalty for its age."]],
  ["same_hour_7d", ["Same hour, 7 days", "The figure is the mean of this hour of the day over the last 7 days."]],
  ["annual_mean", ["Annual mean", "The figure is a published mean of a whole year."]],
  ["none", ["Nothing known", "There is no figure, so only round trips count."]],
]);

/** The rungs whose figure is a reading for about now. */
export const OBSERVED = new Set(["live", "live_partial", "stale"]);

export const rungWord = (rung) => RUNGS.get(rung)?.[0] ?? String(rung);
export const rungOrder = (rung) => [...RUNGS.keys()].indexOf(rung);

const PROVIDERS = new Map([
  ["eso", "NESO"],
  ["gridstatus", "gridstatus"],
  ["entsoe", "ENTSO-E"],
  ["watttime", "WattTime"],
  ["electricitymaps", "Electricity Maps"],
]);

export const providerName = (provider) => PROVIDERS.get(provider) ?? String(provider);

const STATES = new Map([
  ["ok", "working"],
  ["partial", "working in part"],
  ["failed", "failing"],
  ["unconfigured", "no key given"],
  ["never_run", "never run"],
]);

export const stateWord = (state) => STATES.get(state) ?? String(state);

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

/** Format the bounds if they are more than 5 % of the value and 1 g/kWh apart, else return "". */
export function bounds(figure) {
  const { gco2_kwh: value, gco2_low: low, gco2_high: high } = figure;
  const wide = isNumber(low) && isNumber(high) && high - low > Math.max(1, 0.05 * value);
  return wide ? `${grams(low)}–${grams(high)}` : "";
}

/** Format the kind of a figure as "average, direct". */
export const kind = (figure) =>
  figure.signal && figure.basis ? `${figure.signal}, ${figure.basis}` : MISSING;

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
