// The chart of a zone's past two days and of its forecast.

import { svg } from "./dom.js";
import { grams, isNumber } from "./words.js";

const HOUR_MS = 3_600_000;
const [HEIGHT_PX, TOP_PX, BOTTOM_PX, LEFT_PX, RIGHT_PX] = [190, 12, 24, 40, 8];

/**
 * Draw readings and forecast points over time. Gaps interrupt the line, and bounds are a band behind it.
 * @param points of the past and `ahead` of the future: `{ from, to, value, low, high }`, in ms and g/kWh.
 * @param now in ms; the chart begins `spanH` hours earlier.
 */
export function course(points, ahead, now, spanH, widthPx) {
  const start = now - spanH * HOUR_MS;
  const end = Math.max(now, ...ahead.map(({ to }) => to));
  const past = points.filter(({ to, value }) => to > start && isNumber(value)).map((point) => ({ ...point, from: Math.max(point.from, start) }));
  const values = [...past, ...ahead].flatMap(({ value, low, high }) => [value, low, high]).filter(isNumber);
  if (values.length === 0) return null;
  const step = [10, 20, 25, 50, 100, 200, 250, 500].find((size) => Math.max(...values) / size <= 4.5) ?? 500;
  const most = Math.max(step, Math.ceil(Math.max(...values) / step) * step);
  const x = (time) => LEFT_PX + ((time - start) / (end - start || 1)) * (widthPx - LEFT_PX - RIGHT_PX);
  const y = (value) => HEIGHT_PX - BOTTOM_PX - (value / most) * (HEIGHT_PX - TOP_PX - BOTTOM_PX);
  const ticks = Array.from({ length: Math.round(most / step) + 1 }, (_, i) => i * step);
  const pastValues = past.map(({ value }) => value);
  const text = [
    pastValues.length && `Past ${spanH} h: ${grams(Math.min(...pastValues))} to ${grams(Math.max(...pastValues))} g/kWh`,
    ahead.length && `forecast: ${grams(Math.min(...ahead.map(({ value }) => value)))} to ${grams(Math.max(...ahead.map(({ value }) => value)))} g/kWh`,
  ].filter(Boolean).join("; ");
  return svg("svg", { role: "img", "aria-label": text, width: widthPx, height: HEIGHT_PX, viewBox: `0 0 ${widthPx} ${HEIGHT_PX}` },
    svg("g", { "aria-hidden": "true" },
      svg("g", { class: "axes" },
        ticks.map((tick) => [
          svg("line", { x1: LEFT_PX, x2: widthPx - RIGHT_PX, y1: y(tick), y2: y(tick) }),
          svg("text", { x: LEFT_PX - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)),
        ]),
        hours(start, end, widthPx).map((time) => svg("text", { x: x(time), y: HEIGHT_PX - 6, "text-anchor": "middle" }, hourText(time)))),
      svg("path", { class: "band", d: band(past, x, y) }),
      svg("path", { class: "line", d: line(past, x, y) }),
      svg("path", { class: "line ahead", d: line(ahead, x, y) }),
      svg("line", { class: "now", x1: x(now), x2: x(now), y1: TOP_PX - 6, y2: HEIGHT_PX - BOTTOM_PX }),
      svg("text", { class: "now", x: x(now) + (ahead.length ? 4 : -4), y: TOP_PX, "text-anchor": ahead.length ? "start" : "end" }, "now")));
}

/** Return the full hours at which the axis has a text: every 12 hours, or every day where there is little room. */
function hours(start, end, widthPx) {
  const everyH = ((end - start) / HOUR_MS / 12) * 64 > widthPx ? 24 : 12;
  const first = Math.ceil(start / (everyH * HOUR_MS)) * everyH * HOUR_MS;
  return Array.from({ length: Math.max(0, Math.floor((end - first) / (everyH * HOUR_MS)) + 1) }, (_, i) => first + i * everyH * HOUR_MS);
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const hourText = (time) => (new Date(time).getUTCHours() === 0 ? DAY.format(time) : `${String(new Date(time).getUTCHours()).padStart(2, "0")}:00`);

function line(points, x, y) {
  let [path, end] = ["", -Infinity];
  for (const { from, to, value } of points) {
    const joined = from - end < 2 * Math.max(to - from, 300_000); // a longer gap interrupts the line
    path += `${joined ? "L" : "M"}${x(from).toFixed(1)},${y(value).toFixed(1)}L${x(to).toFixed(1)},${y(value).toFixed(1)}`;
    end = to;
  }
  return path;
}

const band = (points, x, y) => points
  .filter(({ low, high }) => isNumber(low) && isNumber(high) && high > low)
  .map(({ from, to, low, high }) => `M${x(from).toFixed(1)},${y(low).toFixed(1)}H${x(to).toFixed(1)}V${y(high).toFixed(1)}H${x(from).toFixed(1)}z`).join("");
