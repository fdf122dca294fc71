// The chart of carbon intensity against round trip. It is drawn at the size at which it is shown,
// so that its text is not scaled.

import { html, svg } from "./dom.js";
import { stepOf } from "./scale.js";
import { OBSERVED, age, count, grams, isNumber, milliseconds, rungWord } from "./words.js";

const MARGIN_PX = { top: 30, right: 20, bottom: 42, left: 46 };
const MAX_NAMED = 12; // with more candidates, labels are POP codes, and some are left out
const [CHARACTER_PX, BOLD_CHARACTER_PX] = [7.2, 8.8]; // upper bounds of a character's width in a label

/**
 * Draw a decision's candidates into `box` and explain the marks in `key`.
 * @param nameOf returns the name of a POP by its code.
 */
export function draw(box, key, route, limitMs, nameOf) {
  const width = Math.max(280, box.clientWidth);
  const height = Math.round(Math.min(420, Math.max(280, width * 0.52)));
  const drawn = route.candidates.filter((candidate) => isNumber(candidate.latency_ms) && isNumber(candidate.adj_carbon_gco2_kwh));
  const x = axis([limitMs * 1.2, ...drawn.map((candidate) => candidate.latency_ms * 1.06)], MARGIN_PX.left, width - MARGIN_PX.right, width / 90);
  const y = axis([100, ...drawn.flatMap((candidate) => [candidate.adj_carbon_gco2_kwh * 1.04, candidate.gco2_high ?? 0])], height - MARGIN_PX.bottom, MARGIN_PX.top, 5);
  const bottom = height - MARGIN_PX.bottom;
  const marks = drawn.map((candidate) => place(candidate, x, y, route)).sort((a, b) => b.rank - a.rank);
  const labels = drawLabels(marks, nameOf, width, bottom, route);
  box.replaceChildren(
    svg("svg", { role: "img", "aria-label": summary(route, limitMs, drawn.length), width, height, viewBox: `0 0 ${width} ${height}` },
      svg("g", { "aria-hidden": "true" },
        drawAxes(x, y, width, bottom),
        drawLimit(x.at(limitMs), width, bottom, limitMs),
        marks.map((mark) => drawMark(mark, nameOf)),
        labels)),
  );
  const undrawn = route.candidates.length - drawn.length;
  key.replaceChildren(
    keyItem("key-dot", "intensity now"), keyItem("key-hollow", "fallback intensity"), keyItem("key-stem", "penalty for age"),
    keyItem("key-whisker", "bounds"), keyItem("key-chosen", "chosen"),
    ...(undrawn ? [html("span", null, `The table also has ${count(undrawn, "candidate")} without a round trip or figure.`)] : []),
  );
}

const keyItem = (name, text) => html("span", null, html("i", { class: name, "aria-hidden": "true" }), text);

function summary(route, limitMs, drawn) {
  return `The chart shows carbon intensity against round trip for ${count(drawn, "candidate")}. The limit is ${limitMs} ms. ${route.reason_text} The table below has every figure.`;
}

/** Make a scale from zero to a round number above the largest value, with about `tickCount` ticks. */
function axis(values, from, to, tickCount) {
  const largest = Math.max(...values);
  const minStep = largest / Math.max(2, Math.floor(tickCount));
  const power = 10 ** Math.floor(Math.log10(minStep));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= minStep);
  const end = Math.ceil(largest / step) * step;
  return {
    at: (value) => from + (Math.min(value, end) / end) * (to - from),
    ticks: Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step),
  };
}

/** Return where a candidate's mark goes, in pixels. */
function place(candidate, x, y, route) {
  const rank = route.candidates.indexOf(candidate);
  return {
    candidate, rank, chosen: rank === 0, nearest: candidate.pop === route.baseline?.pop,
    x: x.at(candidate.latency_ms), y: y.at(candidate.gco2_kwh), top: y.at(candidate.adj_carbon_gco2_kwh),
    low: y.at(candidate.gco2_low ?? candidate.gco2_kwh), high: y.at(candidate.gco2_high ?? candidate.gco2_kwh),
  };
}

function drawAxes(x, y, width, bottom) {
  return svg("g", { class: "axes" },
    y.ticks.map((tick) => [
      svg("line", { x1: MARGIN_PX.left, x2: width - MARGIN_PX.right, y1: y.at(tick), y2: y.at(tick) }),
      svg("text", { x: MARGIN_PX.left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, String(tick)),
    ]),
    x.ticks.map((tick) => svg("text", { x: x.at(tick), y: bottom + 18, "text-anchor": "middle" }, String(tick))),
    svg("text", { class: "title", x: 0, y: 13 }, "g CO₂ per kWh"),
    svg("text", { class: "title", x: width - MARGIN_PX.right, y: bottom + 36, "text-anchor": "end" }, "round trip, ms"));
}

function drawLimit(limitX, width, bottom, limitMs) {
  const [labelDx, anchor] = limitX > width * 0.72 ? [-6, "end"] : [6, "start"];
  return svg("g", { class: "limit" },
    svg("rect", { x: limitX, y: MARGIN_PX.top, width: Math.max(0, width - MARGIN_PX.right - limitX), height: bottom - MARGIN_PX.top }),
    svg("line", { x1: limitX, x2: limitX, y1: MARGIN_PX.top - 8, y2: bottom }),
    svg("text", { x: limitX + labelDx, y: MARGIN_PX.top - 4, "text-anchor": anchor }, `limit ${limitMs} ms`));
}

function drawMark({ candidate, chosen, x, y, top, low, high }, nameOf) {
  const shape = OBSERVED.has(candidate.rung) ? "solid" : "hollow";
  return svg("g", { class: `mark ${stepOf(candidate.adj_carbon_gco2_kwh)} ${shape}${candidate.eligible ? "" : " beyond"}${chosen ? " chosen" : ""}` },
    svg("title", null, `${nameOf(candidate.pop)}: ${grams(candidate.gco2_kwh)} g/kWh plus ${grams(candidate.penalty_gco2_kwh)} for an age of ${age(candidate.age_s)}, round trip ${milliseconds(candidate.latency_ms)}, ${rungWord(candidate.rung).toLowerCase()}`),
    y - top > 1 && svg("path", { class: "stem", d: `M${x},${y}V${top}` }),
    y - top > 1 && svg("path", { class: "cap", d: `M${x - 5},${top}h10` }),
    low - high > 2 && svg("path", { class: "whisker", d: `M${x},${low}V${high}M${x - 4},${low}h8M${x - 4},${high}h8` }),
    chosen && svg("circle", { class: "ring", cx: x, cy: y, r: 12 }),
    svg("circle", { class: "dot", cx: x, cy: y, r: 6 }));
}

/** Put labels beside their marks, the chosen one first. A label that fits nowhere is left out. */
function drawLabels(marks, nameOf, width, bottom, route) {
  const allNamed = route.candidates.length <= MAX_NAMED;
  const occupied = marks.flatMap((mark) => [
    { left: mark.x - 7, right: mark.x + 7, top: mark.y - 7, bottom: mark.y + 7 },
    { left: mark.x - 4, right: mark.x + 4, top: Math.min(mark.top, mark.high), bottom: mark.low },
  ]);
  const labels = [];
  for (const mark of [...marks].sort((a, b) => b.chosen - a.chosen || b.nearest - a.nearest || a.rank - b.rank)) {
    const name = allNamed || mark.chosen || mark.nearest ? nameOf(mark.candidate.pop) : mark.candidate.pop;
    const text = mark.nearest && !mark.chosen ? `${name} (nearest)` : name;
    const textWidth = text.length * (mark.chosen ? BOLD_CHARACTER_PX : CHARACTER_PX);
    const gap = mark.chosen ? 17 : 11;
    const spot = LABEL_SPOTS.map(([side, dy]) => ({ side, ...extent(mark, side, dy * (side ? 1 : gap / 11), gap, textWidth, width) }))
      .find((box) => box.left >= MARGIN_PX.left && box.right <= width && box.top >= MARGIN_PX.top && box.bottom <= bottom - 1 && !occupied.some((other) => overlap(box, other)));
    if (!spot) continue;
    occupied.push(spot);
    const [anchor, anchorX] = { 1: ["start", spot.left], 0: ["middle", (spot.left + spot.right) / 2], [-1]: ["end", spot.right] }[spot.side];
    labels.push(svg("text", { class: `label${mark.chosen ? " chosen" : ""}${mark.candidate.eligible ? "" : " beyond"}`, x: anchorX, y: spot.bottom - 4, "text-anchor": anchor }, text));
  }
  return labels;
}

/** Where a label may go, the best first: its side (1 right, -1 left, 0 centred) and its shift down in px. */
const LABEL_SPOTS = [[1, 0], [-1, 0], [0, 19], [0, -17], [1, 13], [1, -13], [-1, 13], [-1, -13], [0, 33], [0, -31], [1, 26], [1, -26], [-1, 26], [-1, -26], [1, 40], [-1, 40], [1, -40], [-1, -40]];

/** Return the box of a label. A centred label is moved so that it stays inside the chart. */
function extent({ x, y }, side, dy, gap, textWidth, width) {
  const centred = Math.min(Math.max(x - textWidth / 2, MARGIN_PX.left), width - textWidth);
  const left = side > 0 ? x + gap : side < 0 ? x - gap - textWidth : centred;
  return { left, right: left + textWidth, top: y + dy - 8, bottom: y + dy + 8 };
}

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
