// Figures and states in words. Missing is a dash, never a zero.

export const MISSING = "–";

/** Rungs of a zone's ladder, best first: the word shown and what it means. */
export const RUNGS = new Map([
  ["live", ["Live", "A provider’s own figure, no older than its usual delay."]],
  ["live_partial", ["Live, partly known", "Live, but more than 30 % of the generation is of unknown fuel: read the bounds."]],
  ["stale", ["Stale", "The last figure known, older than it should be; its age costs it."]],
  ["same_hour_7d", ["Same hour, 7 days", "Mean of this hour of day over the last 7 days."]],
  ["annual_mean", ["Annual mean", "A published mean of a whole year."]],
  ["none", ["Nothing known", "No figure: the choice rests on round trips alone."]],
]);

/** The rungs that rest on a reading for about now. */
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

/** g/kWh as shown: whole numbers, which is what the figures can bear. */
export const grams = (value) => (isNumber(value) ? value.toFixed(0) : MISSING);

export const milliseconds = (value) => (isNumber(value) ? `${value.toFixed(0)} ms` : MISSING);

/** An age in seconds, in the largest unit that tells enough. */
export function age(seconds) {
  if (!isNumber(seconds)) return MISSING;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/** Bounds in words where they are wide enough to matter (over 5 % of the value), else "". */
export function bounds(figure) {
  const { gco2_kwh: value, gco2_low: low, gco2_high: high } = figure;
  const wide = isNumber(low) && isNumber(high) && high - low > Math.max(1, 0.05 * value);
  return wide ? `${grams(low)}–${grams(high)}` : "";
}

/** "average, direct". */
export const kind = (figure) =>
  figure.signal && figure.basis ? `${figure.signal}, ${figure.basis}` : MISSING;

const CLOCK = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC",
});
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** An instant as "16:49:58 UTC", with the day where it is not `today`'s. */
export function instant(iso, today = iso) {
  const moment = iso ? new Date(iso) : null;
  if (moment === null || Number.isNaN(moment.getTime())) return MISSING;
  const day = today && iso.slice(0, 10) === today.slice(0, 10) ? "" : `${DAY.format(moment)}, `;
  return `${day}${CLOCK.format(moment)} UTC`;
}

/** "1 zone", "2 zones". */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
