// Points of presence on outlines of the two continents they are on.

import { byId, h, s } from "./dom.js";
import { stepOf } from "./scale.js";
import { OBSERVED, age, bounds, grams, kind, milliseconds, providerName, rungWord } from "./words.js";

const REACH_PX = 28; // how far from a mark a pointer still means it

export class PopMap {
  #box = byId("map");
  #details = byId("pop-details");
  #outline = null;
  #shown = null; // the pop in the details, if the reader picked one
  #marks = new Map();
  #told = new Map();

  /** The path that asks for the figures of all POPs, whatever the visitor's place. */
  question(pops, signal) {
    return `route?signal=${signal}&pops=${pops.map(({ pop }) => pop)}`;
  }

  async render(route, pops, chosen) {
    this.#outline ??= fetch("outline.json").then((answer) => answer.json()).catch((lost) => {
      this.#outline = null; // the next round asks again
      throw lost;
    });
    const outline = await this.#outline;
    if (this.#marks.size !== pops.length) this.#build(outline, pops);
    for (const one of route.candidates) {
      const mark = this.#marks.get(one.pop);
      const text = described(one, mark.pop);
      this.#told.set(one.pop, text);
      mark.element.setAttribute("class", `pop ${stepOf(one.adj_carbon_gco2_kwh)} ${OBSERVED.has(one.rung) ? "solid" : "hollow"}${one.pop === chosen ? " chosen" : ""}`);
      mark.element.setAttribute("aria-label", text.join(". "));
    }
    this.#show(this.#shown ?? chosen);
  }

  #build(outline, pops) {
    this.#marks.clear();
    const rest = new Set(pops);
    const panels = outline.windows.map((window) => {
      const inside = pops.filter((pop) => within(pop, window));
      for (const pop of inside) rest.delete(pop);
      return inside.length ? this.#panel(outline, window, inside) : null;
    });
    this.#box.replaceChildren(...panels.filter(Boolean));
    if (rest.size) this.#box.append(this.#elsewhere([...rest]));
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
    const picture = s("svg", { viewBox: `0 0 ${width.toFixed(1)} ${height.toFixed(1)}`, role: "group", "aria-label": `Points of presence in ${window.name}` },
      s("path", { class: "land", d: window.land, "aria-hidden": "true" }),
      s("path", { class: "borders", d: window.borders, "aria-hidden": "true" }),
      spots.filter(({ x, y, home }) => Math.hypot(x - home.x, y - home.y) > 1)
        .map(({ x, y, home }) => s("path", { class: "leader", d: `M${home.x},${home.y}L${x},${y}`, "aria-hidden": "true" })),
      elements);
    this.#listen(picture, elements);
    return h("div", { class: "map-panel", "data-window": window.name }, picture);
  }

  #mark({ pop, x, y }, radius, first) {
    const element = s("g", { role: "button", tabindex: first ? 0 : -1, "data-pop": pop.pop },
      s("circle", { class: "halo", cx: x, cy: y, r: radius * 1.75 }),
      s("circle", { class: "dot", cx: x, cy: y, r: radius }));
    this.#marks.set(pop.pop, { element, pop });
    return element;
  }

  /** One tab stop for a panel; arrows walk its marks from west to east. */
  #listen(picture, elements) {
    const move = (to) => {
      for (const each of elements) each.setAttribute("tabindex", each === to ? 0 : -1);
      to.focus();
    };
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    picture.addEventListener("keydown", (event) => {
      const at = elements.indexOf(event.target);
      if (at < 0 || !(event.key in steps)) return;
      event.preventDefault();
      move(elements[(at + steps[event.key] + elements.length) % elements.length]);
    });
    picture.addEventListener("focusin", (event) => this.#pick(event.target.dataset.pop));
    for (const kindOfEvent of ["pointermove", "click"]) {
      picture.addEventListener(kindOfEvent, (event) => {
        const near = nearest(elements, event);
        if (near) this.#pick(near.dataset.pop);
      });
    }
  }

  #pick(pop) {
    if (this.#shown !== pop) {
      this.#marks.get(this.#shown)?.element.removeAttribute("aria-current");
      this.#marks.get(pop).element.setAttribute("aria-current", "true");
      this.#shown = pop;
    }
    this.#show(pop);
  }

  #show(pop) {
    const told = this.#told.get(pop);
    if (!told) return;
    const text = told.join(" ");
    if (this.#details.dataset.told === text) return;
    this.#details.dataset.told = text;
    this.#details.replaceChildren(h("strong", null, told[0]), ...told.slice(1).map((line) => h("span", null, line)));
  }

  #elsewhere(pops) {
    return h("div", { class: "map-panel elsewhere" }, h("p", null, "Off these maps:"), pops.map((pop) => {
      const element = h("button", { type: "button", "data-pop": pop.pop }, pop.name);
      this.#marks.set(pop.pop, { element, pop });
      for (const each of ["focus", "pointerenter"]) element.addEventListener(each, () => this.#pick(pop.pop));
      return element;
    }));
  }
}

function described(one, pop) {
  const wide = bounds(one);
  const lines = [
    `${pop.name} (${one.pop})`,
    `${grams(one.adj_carbon_gco2_kwh)} g/kWh${one.penalty_gco2_kwh > 0 ? `: ${grams(one.gco2_kwh)} and ${grams(one.penalty_gco2_kwh)} for age` : ", nothing added for age"}${wide ? `; bounds ${wide}` : ""}`,
    `${one.zone}, ${kind(one)}, ${rungWord(one.rung).toLowerCase()}${one.age_s === null ? "" : `, ${age(one.age_s)} old`}`,
  ];
  if (one.provider) lines.push(`Provider ${providerName(one.provider)}, its zone ${one.provider_zone ?? "not told"}`);
  if (one.latency_ms !== null) lines.push(`Round trip ${milliseconds(one.latency_ms)}`);
  if (one.proxy_zone) lines.push(`A neighbouring grid’s figure: ${one.proxy_reason ?? "no reason given"}`);
  return lines;
}

const within = ({ lat, lon }, { west, south, east, north }) => lon > west && lon < east && lat > south && lat < north;

/** Push apart marks that would cover each other; each stays as near to its place as that lets it. */
function spread(spots, apart) {
  for (let round = 0; round < 60; round += 1) {
    let moved = false;
    for (let i = 0; i < spots.length; i += 1) {
      for (let j = i + 1; j < spots.length; j += 1) {
        const [a, b] = [spots[i], spots[j]];
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        const distance = Math.hypot(dx, dy);
        if (distance >= apart) continue;
        const push = (apart - distance) / 2 / (distance || 1);
        const [px, py] = distance ? [dx * push, dy * push] : [apart / 2, 0];
        Object.assign(a, { x: a.x - px, y: a.y - py });
        Object.assign(b, { x: b.x + px, y: b.y + py });
        moved = true;
      }
    }
    if (!moved) return;
  }
}

function nearest(elements, { clientX, clientY }) {
  let [found, least] = [null, REACH_PX];
  for (const element of elements) {
    const box = element.getBoundingClientRect();
    const distance = Math.hypot(box.x + box.width / 2 - clientX, box.y + box.height / 2 - clientY);
    if (distance < least) [found, least] = [element, distance];
  }
  return found;
}
