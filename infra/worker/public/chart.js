// Carbon against round trip. Drawn at the size it is shown, so that text keeps its own.

import { h, s } from "./dom.js";
import { stepOf } from "./scale.js";
import { OBSERVED, age, grams, isNumber, milliseconds, rungWord } from "./words.js";

const MARGIN = { top: 30, right: 20, bottom: 42, left: 46 };
const MANY = 12; // candidates, above which labels are codes and only some are shown
const [CHARACTER, BOLD_CHARACTER] = [7.2, 8.8]; // width of one at the label's size, on the safe side

/** Draw a decision's candidates into `box` and explain the marks in `key`. */
export function draw(box, key, route, limitMs, name) {
  const width = Math.max(280, box.clientWidth);
  const height = Math.round(Math.min(420, Math.max(280, width * 0.52)));
  const drawn = route.candidates.filter((one) => isNumber(one.latency_ms) && isNumber(one.adj_carbon_gco2_kwh));
  const x = axis([limitMs * 1.2, ...drawn.map((one) => one.latency_ms * 1.06)], MARGIN.left, width - MARGIN.right, width / 90);
  const y = axis([100, ...drawn.flatMap((one) => [one.adj_carbon_gco2_kwh * 1.04, one.gco2_high ?? 0])], height - MARGIN.bottom, MARGIN.top, 5);
  const bottom = height - MARGIN.bottom;
  const marks = drawn.map((one) => place(one, x, y, route)).sort((a, b) => b.rank - a.rank);
  const texts = label(marks, name, width, bottom, route);
  box.replaceChildren(
    s("svg", { role: "img", "aria-label": summary(route, limitMs, drawn.length), width, height, viewBox: `0 0 ${width} ${height}` },
      s("g", { "aria-hidden": "true" },
        grid(x, y, width, bottom),
        limit(x.at(limitMs), width, bottom, limitMs),
        marks.map((mark) => picture(mark, name)),
        texts)),
  );
  const undrawn = route.candidates.length - drawn.length;
  key.replaceChildren(
    item("key-dot", "intensity now"), item("key-hollow", "a fallback’s"), item("key-stem", "what its age adds"),
    item("key-whisker", "bounds"), item("key-chosen", "chosen"),
    ...(undrawn ? [h("span", null, `${undrawn} without a round trip or figure: see the table.`)] : []),
  );
}

const item = (name, text) => h("span", null, h("i", { class: name, "aria-hidden": "true" }), text);

function summary(route, limitMs, drawn) {
  return `Carbon intensity against round trip of ${drawn} candidates, limit ${limitMs} ms. ${route.reason_text} The table below has every figure.`;
}

/** A scale from zero to a round number beyond the largest value, with its ticks. */
function axis(values, from, to, about) {
  const most = Math.max(...values);
  const raw = most / Math.max(2, Math.floor(about));
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= raw);
  const end = Math.ceil(most / step) * step;
  return {
    at: (value) => from + (Math.min(value, end) / end) * (to - from),
    ticks: Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step),
  };
}

function place(one, x, y, route) {
  const rank = route.candidates.indexOf(one);
  return {
    one, rank, chosen: rank === 0, nearest: one.pop === route.baseline?.pop,
    x: x.at(one.latency_ms), y: y.at(one.gco2_kwh), top: y.at(one.adj_carbon_gco2_kwh),
    low: y.at(one.gco2_low ?? one.gco2_kwh), high: y.at(one.gco2_high ?? one.gco2_kwh),
  };
}

function grid(x, y, width, bottom) {
  return s("g", { class: "axes" },
    y.ticks.map((tick) => [
      s("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y.at(tick), y2: y.at(tick) }),
      s("text", { x: MARGIN.left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, String(tick)),
    ]),
    x.ticks.map((tick) => s("text", { x: x.at(tick), y: bottom + 18, "text-anchor": "middle" }, String(tick))),
    s("text", { class: "title", x: 0, y: 13 }, "g CO₂ per kWh"),
    s("text", { class: "title", x: width - MARGIN.right, y: bottom + 36, "text-anchor": "end" }, "round trip, ms"));
}

function limit(at, width, bottom, limitMs) {
  const side = at > width * 0.72 ? [-6, "end"] : [6, "start"];
  return s("g", { class: "limit" },
    s("rect", { x: at, y: MARGIN.top, width: Math.max(0, width - MARGIN.right - at), height: bottom - MARGIN.top }),
    s("line", { x1: at, x2: at, y1: MARGIN.top - 8, y2: bottom }),
    s("text", { x: at + side[0], y: MARGIN.top - 4, "text-anchor": side[1] }, `limit ${limitMs} ms`));
}

function picture({ one, chosen, x, y, top, low, high }, name) {
  const shape = OBSERVED.has(one.rung) ? "solid" : "hollow";
  return s("g", { class: `mark ${stepOf(one.adj_carbon_gco2_kwh)} ${shape}${one.eligible ? "" : " beyond"}${chosen ? " chosen" : ""}` },
    s("title", null, `${name(one.pop)}: ${grams(one.gco2_kwh)} g/kWh + ${grams(one.penalty_gco2_kwh)} for age ${age(one.age_s)}, ${milliseconds(one.latency_ms)}, ${rungWord(one.rung)}`),
    y - top > 1 && s("path", { class: "stem", d: `M${x},${y}V${top}` }),
    y - top > 1 && s("path", { class: "cap", d: `M${x - 5},${top}h10` }),
    low - high > 2 && s("path", { class: "whisker", d: `M${x},${low}V${high}M${x - 4},${low}h8M${x - 4},${high}h8` }),
    chosen && s("circle", { class: "ring", cx: x, cy: y, r: 12 }),
    s("circle", { class: "dot", cx: x, cy: y, r: 6 }));
}

/** Labels beside their marks, the chosen first; one that fits nowhere is left to the table. */
function label(marks, name, width, bottom, route) {
  const few = route.candidates.length <= MANY;
  const taken = marks.flatMap((mark) => [
    { left: mark.x - 7, right: mark.x + 7, top: mark.y - 7, bottom: mark.y + 7 },
    { left: mark.x - 4, right: mark.x + 4, top: Math.min(mark.top, mark.high), bottom: mark.low },
  ]);
  const texts = [];
  for (const mark of [...marks].sort((a, b) => b.chosen - a.chosen || b.nearest - a.nearest || a.rank - b.rank)) {
    const words = few || mark.chosen || mark.nearest ? name(mark.one.pop) : mark.one.pop;
    const text = mark.nearest && !mark.chosen ? `${words} (nearest)` : words;
    const span = text.length * (mark.chosen ? BOLD_CHARACTER : CHARACTER);
    const gap = mark.chosen ? 17 : 11;
    const spot = SPOTS.map(([side, dy]) => ({ side, ...extent(mark, side, dy * (side ? 1 : gap / 11), gap, span, width) }))
      .find((box) => box.left >= MARGIN.left && box.right <= width && box.top >= MARGIN.top && box.bottom <= bottom - 1 && !taken.some((other) => overlap(box, other)));
    if (!spot) continue;
    taken.push(spot);
    const anchor = { 1: ["start", spot.left], 0: ["middle", (spot.left + spot.right) / 2], [-1]: ["end", spot.right] }[spot.side];
    texts.push(s("text", { class: `label${mark.chosen ? " chosen" : ""}${mark.one.eligible ? "" : " beyond"}`, x: anchor[1], y: spot.bottom - 4, "text-anchor": anchor[0] }, text));
  }
  return texts;
}

/** Where a label may go, best first: side (1 right, -1 left, 0 centred) and offset downwards. */
const SPOTS = [[1, 0], [-1, 0], [0, 19], [0, -17], [1, 13], [1, -13], [-1, 13], [-1, -13], [0, 33], [0, -31], [1, 26], [1, -26], [-1, 26], [-1, -26], [1, 40], [-1, 40], [1, -40], [-1, -40]];

function extent({ x, y }, side, dy, gap, span, width) {
  const centred = Math.min(Math.max(x - span / 2, MARGIN.left), width - span); // not over the edge
  const left = side > 0 ? x + gap : side < 0 ? x - gap - span : centred;
  return { left, right: left + span, top: y + dy - 8, bottom: y + dy + 8 };
}

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
