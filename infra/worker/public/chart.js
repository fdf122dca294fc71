// The chart of carbon intensity against round trip. It is drawn at the size at which it is shown,
// so that its text is not scaled.

import { html, svg } from "./dom.js";
import { placeLabels } from "./labels.js";
import { ageMark, stepOf } from "./scale.js";
import { age, count, disputeText, figureText, grams, hasMoved, isNumber, milliseconds, penalty, rungWord } from "./words.js";

const MARGIN_PX = { top: 30, right: 20, bottom: 42, left: 46 };
const MAX_NAMED = 12; // with more candidates, labels are POP codes without figures, and some are left out
const MAX_BEYOND = 24; // with more candidates, those beyond the limit have no label
const FIGURE_DX_PX = 12; // how far left of its mark a figure stands that has moved
const FONTS = { name: "12px", chosen: "700 13px", age: "11px" }; // as in style.css
const LABEL_ROOM_PX = 116; // what labels need beyond the limit
const FARTHEST_LIMITS = 3; // round trips longer than so many limits are not drawn

/**
 * Draw a decision's candidates into `box` and explain the marks in `key`.
 * @param nameOf returns the name of a POP by its code.
 */
export function draw(box, key, route, limitMs, nameOf) {
  const width = Math.max(280, box.clientWidth);
  const height = Math.round(Math.min(420, Math.max(280, width * 0.52)));
  const known = route.candidates.filter((candidate) => isNumber(candidate.latency_ms) && isNumber(candidate.adj_carbon_gco2_kwh));
  const drawn = known.filter((candidate) => candidate.latency_ms <= limitMs * FARTHEST_LIMITS);
  const plotWidth = width - MARGIN_PX.left - MARGIN_PX.right;
  const room = limitMs / (1 - LABEL_ROOM_PX / plotWidth);
  const x = axis([drawn.some(({ latency_ms: ms }) => ms > limitMs) ? room : limitMs * 1.2, ...drawn.map((candidate) => candidate.latency_ms * 1.06)], MARGIN_PX.left, width - MARGIN_PX.right, width / 90);
  const y = axis([100, ...drawn.flatMap((candidate) => [candidate.adj_carbon_gco2_kwh * 1.04, candidate.gco2_kwh, candidate.gco2_high ?? 0])], height - MARGIN_PX.bottom, MARGIN_PX.top, 5);
  const bottom = height - MARGIN_PX.bottom;
  const radius = drawn.length > 100 ? 3.5 : drawn.length > 24 ? 4.5 : 6;
  const marks = drawn.map((candidate) => place(candidate, x, y, route, radius)).sort((a, b) => b.rank - a.rank);
  const labels = drawLabels(marks, nameOf, width, bottom, x.at(limitMs));
  box.replaceChildren(
    svg("svg", { role: "img", "aria-label": summary(route, limitMs, drawn.length), width, height, viewBox: `0 0 ${width} ${height}` },
      svg("g", { "aria-hidden": "true" },
        drawAxes(x, y, width, bottom),
        drawLimit(x.at(limitMs), width, bottom, limitMs),
        marks.map((mark) => drawMark(mark, nameOf)),
        labels)),
  );
  key.replaceChildren(
    keyItem("key-dot", "expected by now, live"), keyItem("key-old", "old"), keyItem("key-hollow", "fallback"), keyItem("key-figure", "reading"),
    keyItem("key-stem", "penalty for age"), keyItem("key-capped", "capped"), keyItem("key-whisker", "bounds"), keyItem("key-chosen", "chosen"), keyItem("key-nearest", "nearest"),
    ...undrawn(route.candidates, nameOf, limitMs).map((text) => html("span", null, text)),
  );
}

/** Say which candidates have no mark, and why. */
function undrawn(candidates, nameOf, limitMs) {
  const list = (pops) => pops.slice(0, 3).map(({ pop }) => nameOf(pop)).join(", ") + (pops.length > 3 ? ` and ${pops.length - 3} more` : "");
  const noTrip = candidates.filter((candidate) => !isNumber(candidate.latency_ms));
  const noFigure = candidates.filter((candidate) => isNumber(candidate.latency_ms) && !isNumber(candidate.adj_carbon_gco2_kwh));
  const far = candidates.filter((candidate) => candidate.latency_ms > limitMs * FARTHEST_LIMITS);
  return [
    far.length > 0 && `Not drawn, because the round trip is longer than ${limitMs * FARTHEST_LIMITS} ms: ${list(far)}.`,
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
function place(candidate, x, y, route, radius) {
  const rank = route.candidates.indexOf(candidate);
  return {
    candidate, rank, radius, chosen: rank === 0, nearest: candidate.pop === route.baseline?.pop,
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

function drawMark({ candidate, chosen, nearest, radius, x, y, top, low, high, figureY }, nameOf) {
  const aged = candidate.age_s === null ? "" : `, ${age(candidate.age_s)} old`;
  return svg("g", { class: `mark ${stepOf(candidate.expected_gco2_kwh)} ${ageMark(candidate)}${candidate.eligible ? "" : " beyond"}${chosen ? " chosen" : ""}` },
    svg("title", null, `${nameOf(candidate.pop)}: ${figureText(candidate)}; ${rungWord(candidate.rung).toLowerCase()}${aged}, round trip ${milliseconds(candidate.latency_ms)}${candidate.disputed ? `. ${disputeText(candidate)}` : ""}`),
    penalty(candidate) && svg("path", { class: "stem", d: `M${x},${y}V${top}` }),
    low - high > 2 && svg("path", { class: "whisker", d: `M${x},${low}V${high}M${x - 4},${low}h8M${x - 4},${high}h8` }),
    hasMoved(candidate) && svg("path", { class: "figure", d: `M${x},${y}L${x - FIGURE_DX_PX},${figureY}m-5,0h5` }),
    chosen && svg("circle", { class: "ring", cx: x, cy: y, r: radius + 6 }),
    nearest && !chosen && svg("circle", { class: "ring nearest", cx: x, cy: y, r: radius + 5 }),
    svg("circle", { class: "dot", cx: x, cy: y, r: radius }),
    penalty(candidate) && svg("path", { class: "cap", d: `M${x - 6},${top}h12${candidate.penalty_capped ? "m-12,-3.5h12" : ""}` }));
}

/** Return what a label says below the name where age matters, as "137 → 142 +10 (capped)". */
function ageLine(candidate) {
  const moved = hasMoved(candidate) ? `${grams(candidate.gco2_kwh)} → ${grams(candidate.expected_gco2_kwh)}` : grams(candidate.expected_gco2_kwh);
  const figure = hasMoved(candidate) || penalty(candidate) ? [moved, penalty(candidate)].filter(Boolean).join(" ") : "";
  return [figure, candidate.disputed && "disputed"].filter(Boolean).join(", ");
}

/**
 * Label the chosen mark and the nearest always, and the others where there is room. No label crosses the
 * line of the limit: it stays on the side of its mark.
 */
function drawLabels(marks, nameOf, width, bottom, limitX) {
  const allNamed = marks.length <= MAX_NAMED;
  const occupied = marks.flatMap((mark) => [
    { left: mark.x - mark.radius - 1, right: mark.x + mark.radius + 1, top: mark.y - mark.radius - 1, bottom: mark.y + mark.radius + 1 },
    { left: mark.x - 6, right: mark.x + 6, top: Math.min(mark.top - 4, mark.high), bottom: mark.low },
    ...(hasMoved(mark.candidate) ? [{ left: mark.x - FIGURE_DX_PX - 6, right: mark.x, top: mark.figureY - 2, bottom: mark.figureY + 2 }] : []),
  ]);
  const named = marks.filter((mark) => marks.length <= MAX_BEYOND || mark.candidate.eligible || mark.chosen || mark.nearest);
  const wanted = named.sort((a, b) => b.chosen - a.chosen || b.nearest - a.nearest || a.rank - b.rank).map((mark) => {
    const must = mark.chosen || mark.nearest;
    const name = nameOf(mark.candidate.pop);
    const second = [mark.nearest && !mark.chosen && "nearest", allNamed && ageLine(mark.candidate)].filter(Boolean).join(", ");
    const beyond = mark.x > limitX;
    return {
      x: mark.x, y: mark.y, gap: mark.radius + (must ? 10 : 4), must, leads: allNamed,
      lines: [allNamed || must ? name : mark.candidate.pop, second].filter(Boolean),
      fonts: [mark.chosen ? FONTS.chosen : FONTS.name, FONTS.age],
      name: `label${mark.chosen ? " chosen" : ""}${mark.nearest ? " nearest" : ""}${mark.candidate.eligible ? "" : " beyond"}`,
      region: { left: beyond ? limitX + 2 : MARGIN_PX.left, right: beyond ? width : limitX - 2, top: MARGIN_PX.top, bottom: bottom - 1 },
      wide: { left: MARGIN_PX.left, right: width, top: MARGIN_PX.top, bottom: bottom - 1 },
    };
  });
  return placeLabels(wanted, occupied);
}
