// Places labels beside marks, so that none covers another label, a mark or a line.

import { svg } from "./dom.js";

export const LINE_PX = 14; // the height of a label's further lines
const TEXT_PX = 16; // the height of a label's first line
const OUTLINE_PX = 3; // the outline that sets a label apart from what is behind it
const REACHES_PX = [0, 14, 28, 46]; // how far from its usual place a label may go
const TURNS = 16; // in how many directions it may go there

const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, font) {
  ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

/**
 * Place labels one after another and return their texts and leaders as SVG elements.
 * @param wanted in the order of their importance: `{ x, y, gap, lines, fonts, name, leads, must, region, wide }`.
 *   A label stays inside its `region`. One that fits nowhere is left out, unless it is a `must`: then it may
 *   cover marks, and where even that does not suffice, it stays inside the region `wide`. Labels that have a
 *   leader (`leads`, and every `must`) may stand farther from their marks.
 * @param occupied the boxes that labels do not cover. The boxes of the labels are added to them.
 */
export function placeLabels(wanted, occupied) {
  const drawn = [];
  const labels = []; // the boxes of labels, which even a must does not cover
  for (const want of wanted) {
    const name = want.lines.slice(0, 1);
    const spot = fit(want, want.lines, occupied) ?? fit(want, name, occupied)
      ?? (want.must ? fit(want, want.lines, labels) ?? fit(want, name, labels) ?? fit({ ...want, region: want.wide }, name, labels) : null);
    if (!spot) continue;
    occupied.push(spot.box);
    labels.push(spot.box);
    drawn.push(...[spot.leader, spot.text].filter(Boolean));
  }
  return drawn;
}

function fit(want, lines, occupied) {
  const { x, y, gap, fonts, region, name } = want;
  const width = OUTLINE_PX + Math.max(...lines.map((line, i) => widthOf(line, fonts[i ? 1 : 0])));
  const height = TEXT_PX + (lines.length - 1) * LINE_PX;
  for (const reach of want.must || want.leads ? REACHES_PX : REACHES_PX.slice(0, 2)) {
    for (const [cos, sin] of reach ? DIRECTIONS : BESIDE) {
      // The middle of the label's nearest edge or corner lies in this direction from the mark.
      const left = x + cos * (gap + reach) + (cos > 0.3 ? 0 : cos < -0.3 ? -width : -width / 2);
      const top = y + sin * (gap + reach) + (sin > 0.3 ? 0 : sin < -0.3 ? -height : -height / 2);
      const box = { left, right: left + width, top, bottom: top + height };
      if (box.left < region.left || box.right > region.right || box.top < region.top || box.bottom > region.bottom) continue;
      if (occupied.some((other) => overlap(box, other))) continue;
      const leader = reach > 0 ? leaderTo(want, box) : null;
      return { box, leader, text: textIn(box, lines, name) };
    }
  }
  return null;
}

/** Where a label is put first: right, left, below and above its mark, then at its corners. */
const BESIDE = [[1, 0], [-1, 0], [0, 1], [0, -1], [0.8, 0.6], [0.8, -0.6], [-0.8, 0.6], [-0.8, -0.6]];
const DIRECTIONS = Array.from({ length: TURNS }, (_, i) => (i % 2 ? -1 : 1) * Math.ceil(i / 2)).map((turn) => {
  const angle = (turn / TURNS) * 2 * Math.PI;
  return [Math.cos(angle), Math.sin(angle)];
});

/** Draw a line from a mark to the nearest point of its label. */
function leaderTo({ x, y, gap }, box) {
  const [toX, toY] = [Math.min(Math.max(x, box.left), box.right), Math.min(Math.max(y, box.top + 2), box.bottom - 2)];
  const distance = Math.hypot(toX - x, toY - y) || 1;
  const start = Math.min(distance, gap - 4) / distance;
  return svg("path", { class: "leader", d: `M${x + (toX - x) * start},${y + (toY - y) * start}L${toX},${toY}` });
}

function textIn(box, lines, name) {
  const x = (box.left + box.right) / 2;
  return svg("text", { class: name, "text-anchor": "middle" },
    lines.map((line, i) => svg("tspan", { x, y: box.top + 12 + i * LINE_PX, class: i ? "age" : null }, line)));
}

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
