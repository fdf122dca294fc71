// What an opened zone shows: its last two days, its forecast, its mix, its sources, its usual values.

import { course } from "./course.js";
import { html, setText } from "./dom.js";
import { get } from "./feed.js";
import { mixOf } from "./fuels.js";
import { MISSING, age, bounds, disputeText, figureText, grams, instant, isNumber, providerName, rungWord, stateWord } from "./words.js";

const HISTORY_H = 48;
const RELOAD_AFTER_MS = 120_000; // two days change slowly

export class ZonePanel {
  element = html("div", { class: "panel" });
  #body = html("div", { class: "panel-body" });
  #status = html("p", { class: "quiet", role: "status" }, "Loading…");
  #chart = html("div", { class: "course" });
  #zone;
  #loadedAtMs = -Infinity;
  #answer = null;
  #widthPx = 0;

  constructor(zone) {
    this.#zone = zone;
    this.element.append(this.#status, this.#body);
    new ResizeObserver(() => this.#chart.clientWidth !== this.#widthPx && this.#draw()).observe(this.#chart);
  }

  /** Load what the panel shows unless it was loaded a short time ago. */
  async load() {
    if (performance.now() - this.#loadedAtMs < RELOAD_AFTER_MS) return;
    this.#loadedAtMs = performance.now();
    const name = encodeURIComponent(this.#zone);
    const window = get(`window?zones=${name}&duration_min=60&within_h=24`).catch(() => null); // not all zones have one
    try {
      this.#answer = await get(`zones/${name}?history_h=${HISTORY_H}`);
    } catch (error) {
      this.#loadedAtMs = -Infinity;
      setText(this.#status, `The zone could not be loaded: ${error.message}.`);
      return;
    }
    setText(this.#status, "");
    this.#render(await window);
    this.#draw();
  }

  #render(window) {
    const answer = this.#answer;
    const range = bounds(answer);
    const remarks = [disputeText(answer), answer.note].filter(Boolean);
    this.#body.replaceChildren(...[
      html("p", null, html("strong", null, figureText(answer)), range && `, bounds ${range}`, `. ${rungWord(answer.rung)}${isNumber(answer.age_s) ? `, ${age(answer.age_s)} old` : ""}, valid until ${instant(answer.valid_to, answer.as_of)}.`),
      remarks.length > 0 && html("ul", { class: "remarks" }, remarks.map((text) => html("li", null, text))),
      this.#chart,
      html("p", { class: "quiet" }, this.#legend()),
      best(window, answer.as_of),
      html("div", { class: "panel-parts" },
        html("section", null, html("h3", null, "Made from"), answer.mixes?.length ? answer.mixes.slice(0, 2).map((mix) => mixOf(mix, answer.as_of)) : html("p", { class: "quiet" }, "No source of this zone gives its mix.")),
        html("section", null, html("h3", null, "Sources, the preferred first"), html("ul", { class: "source-list" }, answer.sources.map((source) => sourceOf(source, answer.as_of))), answer.sources.length === 0 && html("p", { class: "quiet" }, "No feed covers this zone.")),
        html("section", null, html("h3", null, "Usual values"), usual(answer))),
    ].filter(Boolean));
  }

  #legend() {
    const { history, forecasts, time_zone: timeZone } = this.#answer;
    if (history === null) return "The store did not give the history.";
    const shown = ownHistory(this.#answer);
    const source = shown.length ? `Line: ${providerName(shown[0].provider)}, ${shown[0].signal}, ${shown[0].basis}, ${shown[0].scope}. Band: bounds.` : `No readings in ${HISTORY_H} h.`;
    const ahead = forecast(this.#answer);
    const issued = ahead ? ` Dashed: forecast of ${providerName(ahead.provider)}, issued ${instant(ahead.issued_at, this.#answer.as_of)}.` : forecasts?.length === 0 ? " There is no forecast." : "";
    return `${source}${issued} Times are UTC; the zone is in ${timeZone}.`;
  }

  #draw() {
    if (this.#answer === null) return;
    this.#widthPx = this.#chart.clientWidth;
    const points = ownHistory(this.#answer).map(spanOf);
    const ahead = (forecast(this.#answer)?.points ?? []).map(spanOf);
    const picture = course(points, ahead, Date.parse(this.#answer.as_of), HISTORY_H, Math.max(260, this.#widthPx));
    this.#chart.replaceChildren(...[picture].filter(Boolean));
  }
}

const spanOf = (reading) => ({ from: Date.parse(reading.valid_from), to: Date.parse(reading.valid_to), value: reading.gco2_kwh, low: reading.gco2_low, high: reading.gco2_high });

/** Return the history of the source whose figure stands, or of the source of the same kind that has the most. */
function ownHistory({ history, signal, basis, provider, provider_zone: providerZone }) {
  const groups = Map.groupBy((history ?? []).filter((reading) => reading.signal === signal && reading.basis === basis), (reading) => `${reading.provider}|${reading.provider_zone}`);
  return groups.get(`${provider}|${providerZone}`) ?? [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

const forecast = ({ forecasts, signal, basis }) => (forecasts ?? []).find((candidate) => candidate.signal === signal && candidate.basis === basis && candidate.points.length > 0);

/** Say when the cleanest hour of the next day begins, and what that rests on. A yearly mean knows no hours. */
function best(window, asOf) {
  if (!isNumber(window?.best?.gco2_kwh)) return null;
  const { start, end, gco2_kwh: gco2Kwh, at_once_gco2_kwh: atOnce, rung } = window.best;
  if (rung === "annual_mean") return html("p", null, "Nothing is known of the coming hours: a yearly mean has no cleanest one.");
  const by = rung === "forecast" ? "the forecast" : "the usual values of the hours";
  const now = isNumber(atOnce) ? `, against ${grams(atOnce)} at once` : "";
  return html("p", null, html("strong", null, "Cleanest hour of the next 24: "), `${instant(start, asOf)} to ${instant(end, asOf)}, at ${grams(gco2Kwh)} g/kWh${now}, by ${by}.`);
}

function sourceOf(source, asOf) {
  const newest = source.newest_valid_to ? `newest figure ${isNumber(source.age_s) && source.age_s > 0 ? `${age(source.age_s)} old` : "is current"} (${instant(source.newest_valid_to, asOf)})` : "no figure";
  const readings = source.readings.map((reading) => `${reading.basis} ${grams(reading.gco2_kwh)}${isNumber(reading.as_published_gco2_kwh) ? ` (as published ${grams(reading.as_published_gco2_kwh)})` : ""}`);
  return html("li", null,
    html("strong", null, providerName(source.provider)), ` ${source.provider_zone} · ${stateWord(source.provider_state)} · ${newest}`,
    html("small", null, [`${source.signal}, ${source.scope}`, readings.length && `g/kWh: ${readings.join(", ")}`, `every ${age(source.cadence_s)}`, `live up to ${age(source.max_age_s)}`, source.beside && "shown beside, not ranked"].filter(Boolean).join(" · ")));
}

function usual({ profile, annual_means: means, as_of: asOf }) {
  const hour = asOf.slice(11, 13);
  const hours = profile.map((entry) => ({ ...entry, mean: entry.hours_utc[hour]?.gco2_kwh })).filter(({ mean }) => isNumber(mean));
  return html("ul", { class: "source-list" },
    hours.map((entry) => html("li", null, `${grams(entry.mean)} g/kWh at this hour of the last week`, html("small", null, `${entry.signal}, ${entry.basis}, ${entry.scope} · ${providerName(entry.provider)}`))),
    means.map((mean) => html("li", null, `${grams(mean.gco2_kwh)} g/kWh${bounds(mean) ? ` (${bounds(mean)})` : ""} in the mean of ${mean.year}`, html("small", null, `${mean.signal}, ${mean.basis}, ${mean.scope} · ${mean.source}`))),
    hours.length + means.length === 0 && html("li", null, MISSING));
}
