// The chart of carbon intensity against round trip. It is drawn at the size at which it is shown,
// so that its text is not scaled.

import { html, svg } from "./dom.js";
import { stepOf } from "./scale.js";
import { LIVE, age, count, figureText, grams, hasMoved, isNumber, milliseconds, penalty, rungWord } from "./words.js";

const MARGIN_PX = { top: 30, right: 20, bottom: 42, left: 46 };
const MAX_NAMED = 12; // with more candidates, labels are POP codes without figures, and some are left out
const FIGURE_DX_PX = 12; // how far left of its mark a figure stands that has moved
const LINE_PX = 14; // the height of a label's second line
const FONTS = { name: "12px", chosen: "700 13px", age: "11px" }; // as in style.css
const OUTLINE_PX = 3; // the outline that sets a label apart from what is behind it

/**
 * Draw a decision's candidates into `box` and explain the marks in `key`.
 * @param nameOf returns the name of a POP by its code.
 */
export function draw(box, key, route, limitMs, nameOf) {
  const width = Math.max(280, box.clientWidth);
  const height = Math.round(Math.min(420, Math.max(280, width * 0.52)));
  const drawn = route.candidates.filter((candidate) => isNumber(candidate.latency_ms) && isNumber(candidate.adj_carbon_gco2_kwh));
  const x = axis([limitMs * 1.2, ...drawn.map((candidate) => candidate.latency_ms * 1.06)], MARGIN_PX.left, width - MARGIN_PX.right, width / 90);
  const y = axis([100, ...drawn.flatMap((candidate) => [candidate.adj_carbon_gco2_kwh * 1.04, candidate.gco2_kwh, candidate.gco2_high ?? 0])], height - MARGIN_PX.bottom, MARGIN_PX.top, 5);
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
  key.replaceChildren(
    keyItem("key-dot", "expected by now, live"), keyItem("key-hollow", "expected by now, fallback"), keyItem("key-figure", "reading"),
    keyItem("key-stem", "penalty for age"), keyItem("key-capped", "capped"), keyItem("key-whisker", "bounds"), keyItem("key-chosen", "chosen"),
    ...undrawn(route.candidates, nameOf).map((text) => html("span", null, text)),
  );
}

/** Say which candidates have no mark, and why. */
function undrawn(candidates, nameOf) {
  const list = (pops) => pops.slice(0, 3).map(({ pop }) => nameOf(pop)).join(", ") + (pops.length > 3 ? ` and ${pops.length - 3} more` : "");
  const noTrip = candidates.filter((candidate) => !isNumber(candidate.latency_ms));
  const noFigure = candidates.filter((candidate) => isNumber(candidate.latency_ms) && !isNumber(candidate.adj_carbon_gco2_kwh));
  return [
    noTrip.length > 0 && `Not drawn, because the round trip is unknown: ${list(noTrip)}.`,
    noFigure.length > 0 && `Not drawn, because the carbon is unknown: ${list(noFigure)}.`,
  ].filter(Boolean);
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
    x: x.at(candidate.latency_ms), y: y.at(candidate.expected_gco2_kwh), top: y.at(candidate.adj_carbon_gco2_kwh), figureY: y.at(candidate.gco2_kwh),
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

function drawMark({ candidate, chosen, x, y, top, low, high, figureY }, nameOf) {
  const shape = LIVE.has(candidate.rung) ? "solid" : "hollow";
  const aged = candidate.age_s === null ? "" : `, ${age(candidate.age_s)} old`;
  return svg("g", { class: `mark ${stepOf(candidate.adj_carbon_gco2_kwh)} ${shape}${candidate.eligible ? "" : " beyond"}${chosen ? " chosen" : ""}` },
    svg("title", null, `${nameOf(candidate.pop)}: ${figureText(candidate)}; ${rungWord(candidate.rung).toLowerCase()}${aged}, round trip ${milliseconds(candidate.latency_ms)}`),
    penalty(candidate) && svg("path", { class: "stem", d: `M${x},${y}V${top}` }),
    low - high > 2 && svg("path", { class: "whisker", d: `M${x},${low}V${high}M${x - 4},${low}h8M${x - 4},${high}h8` }),
    hasMoved(candidate) && svg("path", { class: "figure", d: `M${x},${y}L${x - FIGURE_DX_PX},${figureY}m-5,0h5` }),
    chosen && svg("circle", { class: "ring", cx: x, cy: y, r: 12 }),
    svg("circle", { class: "dot", cx: x, cy: y, r: 6 }),
    penalty(candidate) && svg("path", { class: "cap", d: `M${x - 6},${top}h12${candidate.penalty_capped ? "m-12,-3.5h12" : ""}` }));
}

/** Return what a label says below the name where age matters, as "137 → 142 +10 (capped)". */
function ageLine(candidate) {
  const moved = hasMoved(candidate) ? `${grams(candidate.gco2_kwh)} → ${grams(candidate.expected_gco2_kwh)}` : grams(candidate.expected_gco2_kwh);
  return hasMoved(candidate) || penalty(candidate) ? [moved, penalty(candidate)].filter(Boolean).join(" ") : "";
}

/** Put labels beside their marks, the chosen one first. Any other that fits nowhere is left out. */
function drawLabels(marks, nameOf, width, bottom, route) {
  const allNamed = route.candidates.length <= MAX_NAMED;
  const occupied = marks.flatMap((mark) => [
    { left: mark.x - 7, right: mark.x + 7, top: mark.y - 7, bottom: mark.y + 7 },
    { left: mark.x - 6, right: mark.x + 6, top: Math.min(mark.top - 4, mark.high), bottom: mark.low },
    ...(hasMoved(mark.candidate) ? [{ left: mark.x - FIGURE_DX_PX - 6, right: mark.x, top: mark.figureY - 2, bottom: mark.figureY + 2 }] : []),
  ]);
  const labels = [];
  for (const mark of [...marks].sort((a, b) => b.chosen - a.chosen || b.nearest - a.nearest || a.rank - b.rank)) {
    const name = allNamed || mark.chosen || mark.nearest ? nameOf(mark.candidate.pop) : mark.candidate.pop;
    const title = mark.nearest && !mark.chosen ? `${name} (nearest)` : name;
    const lines = allNamed ? [title, ageLine(mark.candidate)].filter(Boolean) : [title];
    // A label that does not fit with its second line is tried without it. The chosen one may cover marks.
    const label = fit(mark, lines, occupied, width, bottom) ?? fit(mark, [title], mark.chosen ? [] : occupied, width, bottom);
    if (!label) continue;
    occupied.push(label.spot);
    labels.push(label.text);
  }
  return labels;
}

const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, font) {
  ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

/** Return a place for a label of one or two lines that covers nothing, and its text, or null. */
function fit(mark, lines, occupied, width, bottom) {
  const textWidth = OUTLINE_PX + Math.max(...lines.map((line, i) => widthOf(line, i ? FONTS.age : mark.chosen ? FONTS.chosen : FONTS.name)));
  const gap = mark.chosen ? 17 : 11;
  const extra = (lines.length - 1) * LINE_PX;
  const spot = LABEL_SPOTS.map(([side, dy]) => ({ side, ...extent(mark, side, dy * (side ? 1 : gap / 11), gap, textWidth, width, extra) }))
    .find((box) => box.left >= MARGIN_PX.left && box.right <= width && box.top >= MARGIN_PX.top && box.bottom <= bottom - 1 && !occupied.some((other) => overlap(box, other)));
  if (!spot) return null;
  const [anchor, x] = { 1: ["start", spot.left], 0: ["middle", (spot.left + spot.right) / 2], [-1]: ["end", spot.right] }[spot.side];
  const text = svg("text", { class: `label${mark.chosen ? " chosen" : ""}${mark.candidate.eligible ? "" : " beyond"}`, "text-anchor": anchor },
    lines.map((line, i) => svg("tspan", { x, y: spot.bottom - 4 - extra + i * LINE_PX, class: i ? "age" : null }, line)));
  return { spot, text };
}

/** Where a label may go, the best first: its side (1 right, -1 left, 0 centred) and its shift down in px. */
const LABEL_SPOTS = [[1, 0], [-1, 0], [0, 19], [0, -17], [1, 13], [1, -13], [-1, 13], [-1, -13], [0, 33], [0, -31], [1, 26], [1, -26], [-1, 26], [-1, -26], [1, 40], [-1, 40], [1, -40], [-1, -40]];

/** Return the box of a label. A centred label is moved so that it stays inside the chart. */
function extent({ x, y }, side, dy, gap, textWidth, width, extra) {
  const centred = Math.min(Math.max(x - textWidth / 2, MARGIN_PX.left), width - textWidth);
  const left = side > 0 ? x + gap : side < 0 ? x - gap - textWidth : centred;
  const top = y + dy - 8 - (dy > 0 ? 0 : dy < 0 ? extra : extra / 2);
  return { left, right: left + textWidth, top, bottom: top + 16 + extra };
}

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
