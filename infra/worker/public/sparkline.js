// A zone's last 24 hours, asked for when its row is looked at.

import { h, s } from "./dom.js";
import { Queue, ask } from "./feed.js";
import { MISSING, grams, isNumber } from "./words.js";

const SPAN_MS = 24 * 3_600_000;
const KEEP_MS = 120_000; // a day's line moves slowly
const [WIDTH, HEIGHT, EDGE] = [132, 30, 3];

const queue = new Queue(3);

export class Sparkline {
  element = h("div", { class: "spark" });
  #figure = null;
  #askedAt = -Infinity;
  #history = null;
  #asOf = null;
  #drawn = "";

  /** Take the row's newest figure; the line shows the history of the same source and kind. */
  update(figure) {
    const before = this.#figure;
    this.#figure = figure;
    if (before && this.#history && source(before) !== source(figure)) this.#draw();
  }

  /** Ask for the history unless that was done a moment ago. */
  wake() {
    if (performance.now() - this.#askedAt < KEEP_MS) return;
    this.#askedAt = performance.now();
    queue.add(async () => {
      try {
        const answer = await ask(`zones/${encodeURIComponent(this.#figure.zone)}?history_h=24`);
        this.#history = answer.history;
        this.#asOf = Date.parse(answer.as_of);
        this.#draw();
      } catch (error) {
        this.#askedAt = -Infinity;
        if (!this.#history) this.#note(`history: ${error.message}`);
      }
    });
  }

  #note(text) {
    this.element.replaceChildren(h("span", { class: "quiet" }, text));
  }

  #draw() {
    const points = likeThe(this.#figure, this.#history ?? []);
    const key = JSON.stringify([this.#asOf, points]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    if (points.length === 0) return this.#note(this.#history === null ? MISSING : "no readings in 24 h");
    this.element.replaceChildren(picture(points, this.#asOf));
  }
}

const source = (one) => [one.provider, one.provider_zone, one.signal, one.basis].join("|");

/** Readings of the figure's own source; where a fallback stands, of the fullest one of its kind. */
function likeThe(figure, history) {
  const groups = Map.groupBy(history.filter((one) => one.signal === figure.signal && one.basis === figure.basis), source);
  const own = groups.get(source(figure));
  return own ?? [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

function picture(points, asOf) {
  const spans = points
    .map((one) => ({ from: Math.max(Date.parse(one.valid_from), asOf - SPAN_MS), to: Math.min(Date.parse(one.valid_to), asOf), value: one.gco2_kwh }))
    .filter(({ from, to, value }) => to > from && isNumber(value));
  const values = spans.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const middle = (low + high) / 2;
  const range = Math.max(high - low, 0.1 * middle, 1); // a calm day is drawn calm
  const x = (time) => ((time - asOf + SPAN_MS) / SPAN_MS) * WIDTH;
  const y = (value) => HEIGHT / 2 - ((value - middle) / range) * (HEIGHT - 2 * EDGE);
  let [line, end] = ["", -Infinity];
  for (const { from, to, value } of spans) {
    const joined = from - end < 2 * Math.max(to - from, 300_000); // a longer gap is shown as one
    line += `${joined ? "L" : "M"}${x(from).toFixed(1)},${y(value).toFixed(1)}L${x(to).toFixed(1)},${y(value).toFixed(1)}`;
    end = to;
  }
  const newest = spans.at(-1);
  const text = `24 h: ${grams(low)} to ${grams(high)} g/kWh`;
  return s("svg", { role: "img", "aria-label": text, width: WIDTH + 6, height: HEIGHT, viewBox: `0 0 ${WIDTH + 6} ${HEIGHT}` },
    s("title", null, text),
    s("path", { class: "base", d: `M0,${HEIGHT - 0.5}H${WIDTH}` }),
    s("path", { class: "line", d: line }),
    newest && s("circle", { class: "end", cx: x(newest.to), cy: y(newest.value), r: 2.5 }));
}
