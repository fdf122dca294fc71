// Maps of North America and Europe with the points of presence.

import { byId, html, setText, svg } from "./dom.js";
import { stepOf } from "./scale.js";
import { LIVE, age, bounds, figureText, freshnessText, grams, isNumber, kind, milliseconds, providerName, rungWord } from "./words.js";

const REACH_PX = 28; // how far from a mark the pointer may be to select it

export class PopMap {
  #box = byId("map");
  #details = byId("pop-details");
  #outline = null;
  #selected = null; // the code of the POP that the reader selected
  #marks = new Map();
  #descriptions = new Map();

  /** Return the path of the figures of all POPs, without a visitor's place, below `/v1/`. */
  path(pops, signal) {
    return `route?signal=${signal}&pops=${pops.map(({ pop }) => pop)}`;
  }

  async render(route, pops, chosen) {
    this.#outline ??= fetch("outline.json").then((answer) => answer.json()).catch((error) => {
      this.#outline = null; // so that the next refresh tries again
      throw error;
    });
    const outline = await this.#outline;
    if (this.#marks.size !== pops.length) this.#build(outline, pops);
    for (const candidate of route.candidates) {
      const mark = this.#marks.get(candidate.pop);
      const lines = describe(candidate, mark.pop);
      this.#descriptions.set(candidate.pop, lines);
      mark.element.setAttribute("class", `pop ${stepOf(candidate.adj_carbon_gco2_kwh)} ${LIVE.has(candidate.rung) ? "solid" : "hollow"}${candidate.pop === chosen ? " chosen" : ""}`);
      mark.element.setAttribute("aria-label", lines.join(". "));
    }
    setText(byId("map-counts"), freshnessText(route, "points of presence"));
    this.#show(this.#selected ?? chosen);
  }

  #build(outline, pops) {
    this.#marks.clear();
    const unmapped = new Set(pops);
    const panels = outline.windows.map((window) => {
      const inside = pops.filter((pop) => within(pop, window));
      for (const pop of inside) unmapped.delete(pop);
      return inside.length ? this.#panel(outline, window, inside) : null;
    });
    this.#box.replaceChildren(...panels.filter(Boolean));
    if (unmapped.size) this.#box.append(this.#unmapped([...unmapped]));
  }

  #panel(outline, window, pops) {
    const unit = outline.units_per_degree;
    const width = (window.east - window.west) * window.x_scale * unit;
    const height = (window.north - window.south) * unit;
    const radius = Math.sqrt(width * height) / 66;
    const spots = pops
      .map((pop) => ({ pop, x: (pop.lon - window.west) * window.x_scale * unit, y: (window.north - pop.lat) * unit }))
      .map((spot) => ({ ...spot, home: { x: spot.x, y: spot.y } }))
      .sort((a, b) => a.x - b.x);
    spread(spots, radius * 2.3);
    const elements = spots.map((spot, i) => this.#mark(spot, radius, i === 0));
    const picture = svg("svg", { viewBox: `0 0 ${width.toFixed(1)} ${height.toFixed(1)}`, role: "group", "aria-label": `Points of presence in ${window.name}` },
      svg("path", { class: "land", d: window.land, "aria-hidden": "true" }),
      svg("path", { class: "borders", d: window.borders, "aria-hidden": "true" }),
      spots.filter(({ x, y, home }) => Math.hypot(x - home.x, y - home.y) > 1)
        .map(({ x, y, home }) => svg("path", { class: "leader", d: `M${home.x},${home.y}L${x},${y}`, "aria-hidden": "true" })),
      elements);
    this.#listen(picture, elements);
    return html("div", { class: "map-panel", "data-window": window.name }, picture);
  }

  #mark({ pop, x, y }, radius, first) {
    const element = svg("g", { role: "button", tabindex: first ? 0 : -1, "data-pop": pop.pop },
      svg("circle", { class: "halo", cx: x, cy: y, r: radius * 1.75 }),
      svg("circle", { class: "dot", cx: x, cy: y, r: radius }));
    this.#marks.set(pop.pop, { element, pop });
    return element;
  }

  /** Make a panel one tab stop, in which the arrow keys move between marks from west to east. */
  #listen(picture, elements) {
    const focus = (target) => {
      for (const element of elements) element.setAttribute("tabindex", element === target ? 0 : -1);
      target.focus();
    };
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    picture.addEventListener("keydown", (event) => {
      const index = elements.indexOf(event.target);
      if (index < 0 || !(event.key in steps)) return;
      event.preventDefault();
      focus(elements[(index + steps[event.key] + elements.length) % elements.length]);
    });
    picture.addEventListener("focusin", (event) => this.#select(event.target.dataset.pop));
    for (const type of ["pointermove", "click"]) {
      picture.addEventListener(type, (event) => {
        const element = nearest(elements, event);
        if (element) this.#select(element.dataset.pop);
      });
    }
  }

  #select(pop) {
    if (this.#selected !== pop) {
      this.#marks.get(this.#selected)?.element.removeAttribute("aria-current");
      this.#marks.get(pop).element.setAttribute("aria-current", "true");
      this.#selected = pop;
    }
    this.#show(pop);
  }

  #show(pop) {
    const lines = this.#descriptions.get(pop);
    if (!lines) return;
    const text = lines.join(" ");
    if (this.#details.dataset.shown === text) return;
    this.#details.dataset.shown = text;
    this.#details.replaceChildren(html("strong", null, lines[0]), ...lines.slice(1).map((line) => html("span", null, line)));
  }

  /** Make a list of the POPs that are on neither map. */
  #unmapped(pops) {
    return html("div", { class: "map-panel elsewhere" }, html("p", null, "Not on these maps:"), pops.map((pop) => {
      const element = html("button", { type: "button", "data-pop": pop.pop }, pop.name);
      this.#marks.set(pop.pop, { element, pop });
      for (const type of ["focus", "pointerenter"]) element.addEventListener(type, () => this.#select(pop.pop));
      return element;
    }));
  }
}

/** Return the lines that describe a POP and its figure. */
function describe(candidate, pop) {
  const range = bounds(candidate);
  const lines = [
    `${pop.name} (${candidate.pop})`,
    `${figureText(candidate)}${range ? `; bounds ${range}` : ""}`,
    isNumber(candidate.adj_carbon_gco2_kwh) ? `Ranked as ${grams(candidate.adj_carbon_gco2_kwh)} g/kWh` : "Not ranked by carbon",
    `${candidate.zone}, ${kind(candidate)}, ${rungWord(candidate.rung).toLowerCase()}${candidate.age_s === null ? "" : `, ${age(candidate.age_s)} old`}`,
  ];
  if (candidate.provider) lines.push(`Provider ${providerName(candidate.provider)}, provider’s zone ${candidate.provider_zone ?? "unknown"}`);
  if (candidate.latency_ms !== null) lines.push(`Round trip ${milliseconds(candidate.latency_ms)}`);
  if (candidate.proxy_zone) lines.push(`The figure is a neighbouring grid’s: ${candidate.proxy_reason ?? "no reason given"}`);
  return lines;
}

const within = ({ lat, lon }, { west, south, east, north }) => lon > west && lon < east && lat > south && lat < north;

/** Move marks apart, so that their centres are at least `minDistance` from each other. */
function spread(spots, minDistance) {
  for (let round = 0; round < 60; round += 1) {
    let moved = false;
    for (let i = 0; i < spots.length; i += 1) {
      for (let j = i + 1; j < spots.length; j += 1) {
        const [a, b] = [spots[i], spots[j]];
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        const distance = Math.hypot(dx, dy);
        if (distance >= minDistance) continue;
        const push = (minDistance - distance) / 2 / (distance || 1);
        const [px, py] = distance ? [dx * push, dy * push] : [minDistance / 2, 0];
        Object.assign(a, { x: a.x - px, y: a.y - py });
        Object.assign(b, { x: b.x + px, y: b.y + py });
        moved = true;
      }
    }
    if (!moved) return;
  }
}

/** Return the mark that is nearest to the pointer and within REACH_PX, or null. */
function nearest(elements, { clientX, clientY }) {
  let [nearestElement, leastPx] = [null, REACH_PX];
  for (const element of elements) {
    const box = element.getBoundingClientRect();
    const distancePx = Math.hypot(box.x + box.width / 2 - clientX, box.y + box.height / 2 - clientY);
    if (distancePx < leastPx) [nearestElement, leastPx] = [element, distancePx];
  }
  return nearestElement;
}
