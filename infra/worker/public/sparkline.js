// The chart of a zone's last 24 hours. Its data are loaded when its row becomes visible.

import { html, svg } from "./dom.js";
import { Queue, get } from "./feed.js";
import { MISSING, grams, isNumber } from "./words.js";

const SPAN_MS = 24 * 3_600_000;
const RELOAD_AFTER_MS = 120_000; // the chart of a day changes slowly
const [WIDTH_PX, HEIGHT_PX, EDGE_PX] = [132, 30, 3];

const queue = new Queue(3);

export class Sparkline {
  element = html("div", { class: "spark" });
  #figure = null;
  #loadedAtMs = -Infinity;
  #history = null;
  #asOf = null;
  #drawn = "";

  /** Take the row's newest figure. The line shows the history of the same source and kind. */
  update(figure) {
    const before = this.#figure;
    this.#figure = figure;
    if (before && this.#history && source(before) !== source(figure)) this.#draw();
  }

  /** Load the history unless it was loaded a short time ago. */
  load() {
    if (performance.now() - this.#loadedAtMs < RELOAD_AFTER_MS) return;
    this.#loadedAtMs = performance.now();
    queue.add(async () => {
      try {
        const answer = await get(`zones/${encodeURIComponent(this.#figure.zone)}?history_h=24`);
        this.#history = answer.history;
        this.#asOf = Date.parse(answer.as_of);
        this.#draw();
      } catch (error) {
        this.#loadedAtMs = -Infinity;
        if (!this.#history) this.#note(`history: ${error.message}`);
      }
    });
  }

  #note(text) {
    this.element.replaceChildren(html("span", { class: "quiet" }, text));
  }

  #draw() {
    const points = historyOf(this.#figure, this.#history ?? []);
    const drawn = JSON.stringify([this.#asOf, points]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (points.length === 0) return this.#note(this.#history === null ? MISSING : "no readings in 24 h");
    this.element.replaceChildren(...[picture(points, this.#asOf), published(points.at(-1))].filter(Boolean));
  }
}

const source = (reading) => [reading.provider, reading.provider_zone, reading.signal, reading.basis].join("|");

/**
 * Return the readings of the figure's own source. A fallback has none, so return those of the
 * source of the same kind that has the most.
 */
function historyOf(figure, history) {
  const groups = Map.groupBy(history.filter((reading) => reading.signal === figure.signal && reading.basis === figure.basis), source);
  const own = groups.get(source(figure));
  return own ?? [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

/** Show the publisher's own figure, which counts with other factors than the ranked one. */
function published({ as_published_gco2_kwh: gco2Kwh }) {
  const title = "the publisher’s own figure, by its own factors";
  return isNumber(gco2Kwh) ? html("small", { class: "quiet", title }, `as published: ${grams(gco2Kwh)}`) : null;
}

function picture(points, asOf) {
  const spans = points
    .map((reading) => ({ from: Math.max(Date.parse(reading.valid_from), asOf - SPAN_MS), to: Math.min(Date.parse(reading.valid_to), asOf), value: reading.gco2_kwh }))
    .filter(({ from, to, value }) => to > from && isNumber(value));
  const values = spans.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const middle = (low + high) / 2;
  const range = Math.max(high - low, 0.1 * middle, 1); // so that small changes look small
  const x = (time) => ((time - asOf + SPAN_MS) / SPAN_MS) * WIDTH_PX;
  const y = (value) => HEIGHT_PX / 2 - ((value - middle) / range) * (HEIGHT_PX - 2 * EDGE_PX);
  let [line, end] = ["", -Infinity];
  for (const { from, to, value } of spans) {
    const joined = from - end < 2 * Math.max(to - from, 300_000); // a longer gap interrupts the line
    line += `${joined ? "L" : "M"}${x(from).toFixed(1)},${y(value).toFixed(1)}L${x(to).toFixed(1)},${y(value).toFixed(1)}`;
    end = to;
  }
  const newest = spans.at(-1);
  const text = `24 h: ${grams(low)} to ${grams(high)} g/kWh`;
  return svg("svg", { role: "img", "aria-label": text, width: WIDTH_PX + 6, height: HEIGHT_PX, viewBox: `0 0 ${WIDTH_PX + 6} ${HEIGHT_PX}` },
    svg("title", null, text),
    svg("path", { class: "base", d: `M0,${HEIGHT_PX - 0.5}H${WIDTH_PX}` }),
    svg("path", { class: "line", d: line }),
    newest && svg("circle", { class: "end", cx: x(newest.to), cy: y(newest.value), r: 2.5 }));
}
