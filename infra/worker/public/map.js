// The map of the world with all places. It is drawn at the size at which it is shown, so that its texts
// and marks are not scaled.

import { fromAddress, toAddress } from "./address.js";
import { byId, html, svg } from "./dom.js";
import { placeLabels } from "./labels.js";
import { kindOf } from "./places.js";
import { SIX } from "./question.js";
import { ageMark, stepOf } from "./scale.js";
import { LIVE, age, bounds, disputeText, figureText, grams, isNumber, kind, milliseconds, providerName, rungWord } from "./words.js";

const REACH_PX = 24; // how far from a mark the pointer may be to select it
const [SMALL_PX, LARGE_PX] = [3, 5]; // the radius of a place's mark, and that of a candidate
const FONTS = ["12px", "11px"];
const OBSERVED = new Set([...LIVE, "stale"]);

/** The parts of the world that the map can show, with their edges in degrees. */
const VIEWS = new Map([
  ["World", { west: -180, south: -56, east: 180, north: 78 }],
  ["North America", { west: -130, south: 12, east: -58, north: 56 }],
  ["South America", { west: -95, south: -56, east: -20, north: 18 }],
  ["Europe", { west: -14, south: 34, east: 42, north: 66 }],
  ["Africa and Near East", { west: -26, south: -37, east: 66, north: 44 }],
  ["Asia", { west: 60, south: -12, east: 148, north: 56 }],
  ["Oceania", { west: 108, south: -50, east: 180, north: 2 }],
]);

export class WorldMap {
  #box = byId("map");
  #details = byId("pop-details");
  #outline = null;
  #places = null;
  #figures = new Map(); // by the code of the place
  #candidates = new Map();
  #chosen = null;
  #selected = null; // the code of the place that the reader selected
  #marks = []; // of the places that are shown, from west to east
  #drawn = "";
  #view = VIEWS.has(fromAddress("map")) ? fromAddress("map") : "World";

  constructor() {
    byId("map-views").append(...[...VIEWS.keys()].map((name) => {
      const button = html("button", { type: "button", "aria-pressed": String(name === this.#view) }, name);
      button.addEventListener("click", () => this.#look(name));
      return button;
    }));
    new ResizeObserver(() => this.#draw()).observe(this.#box);
    this.#listen();
  }

  /**
   * Draw the places.
   * @param zones the figures of the zones, of the kind that the decision ranks.
   * @param route the decision, whose candidates have figures of their own.
   */
  async render(places, zones, route) {
    this.#outline ??= fetch("outline.json").then((answer) => answer.json()).catch((error) => {
      this.#outline = null; // so that the next refresh tries again
      throw error;
    });
    this.#outlined = await this.#outline;
    this.#places = places;
    this.#chosen = route.pop;
    this.#candidates = new Map(route.candidates.map((candidate) => [candidate.pop, candidate]));
    this.#figures = figuresOf(places.all, zones);
    for (const [pop, candidate] of this.#candidates) this.#figures.set(pop, candidate);
    this.#draw();
  }

  #outlined = null;

  #look(name) {
    this.#view = name;
    toAddress("map", name, "World");
    for (const button of byId("map-views").children) button.setAttribute("aria-pressed", String(button.textContent === name));
    this.#draw();
  }

  #draw() {
    const width = this.#box.clientWidth;
    if (this.#outlined === null || width === 0) return;
    const drawn = JSON.stringify([width, this.#view, this.#chosen, [...this.#figures].map(([pop, figure]) => [pop, figure.expected_gco2_kwh, figure.rung, this.#candidates.has(pop)])]);
    if (drawn !== this.#drawn) this.#drawMarks(width);
    this.#drawn = drawn;
    this.#show(this.#selected ?? this.#chosen);
  }

  #drawMarks(width) {
    const frame = VIEWS.get(this.#view);
    const outline = this.#outlined;
    const scale = width / ((frame.east - frame.west) * outline.x_scale); // px per degree of latitude
    const height = Math.round((frame.north - frame.south) * scale);
    const focused = document.activeElement?.closest?.("#map [data-pop]")?.dataset.pop;
    const spots = this.#places.all
      .filter(({ lat, lon }) => lon >= frame.west && lon <= frame.east && lat >= frame.south && lat <= frame.north)
      .map((place) => ({ place, x: (place.lon - frame.west) * outline.x_scale * scale, y: (frame.north - place.lat) * scale, rank: this.#rank(place) }))
      .sort((a, b) => a.rank - b.rank);
    const sites = gather(spots);
    this.#marks = sites.map((site) => this.#mark(site)).sort((a, b) => a.x - b.x || a.y - b.y);
    const tabStop = this.#marks.find(({ pop }) => pop === focused) ?? this.#marks[0];
    for (const mark of this.#marks) mark.element.setAttribute("tabindex", mark === tabStop ? 0 : -1);
    const unit = scale / outline.units_per_degree;
    const shift = `translate(${-(frame.west - outline.west) * outline.x_scale * scale},${-(outline.north - frame.north) * scale}) scale(${unit})`;
    const inOrder = [...this.#marks].sort((a, b) => b.rank - a.rank);
    this.#box.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `Places, ${this.#view}` },
      svg("g", { "aria-hidden": "true", transform: shift }, svg("path", { class: "land", d: outline.land }), svg("path", { class: "borders", d: outline.borders })),
      inOrder.map(({ element }) => element),
      svg("g", { class: "map-labels", "aria-hidden": "true" }, this.#labels(width, height)),
      svg("g", { class: "map-label", "aria-hidden": "true" })));
    if (focused) tabStop?.element.focus({ preventScroll: true });
  }

  /** Return the order in which places come to the front: the chosen one, candidates, POPs, regions, colos. */
  #rank({ pop, kind: of }) {
    if (pop === this.#chosen) return 0;
    return this.#candidates.has(pop) ? 1 : { pop: 2, region: 3 }[of] ?? 4;
  }

  #mark({ places, x, y, rank }) {
    const [place] = places;
    const figure = this.#figures.get(place.pop);
    const radius = rank <= 1 ? LARGE_PX : SMALL_PX;
    const name = `pop ${stepOf(figure?.expected_gco2_kwh)} ${figure ? ageMark(figure) : "hollow"}${rank <= 1 ? " candidate" : ""}${rank === 0 ? " chosen" : ""}`;
    const element = svg("g", { class: name, role: "button", "data-pop": place.pop, "aria-label": this.#describe(places).join(". ") },
      svg("circle", { class: "halo", cx: x, cy: y, r: radius + 3.5 }),
      svg("circle", { class: "dot", cx: x, cy: y, r: radius }));
    return { element, places, pop: place.pop, x, y, radius, rank };
  }

  /** Label the six core places and the chosen one. Others are labelled while they are pointed at. */
  #labels(width, height) {
    const occupied = this.#marks.map(({ x, y, radius }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }));
    const region = { left: 2, right: width - 2, top: 2, bottom: height - 2 };
    const wanted = this.#marks
      .filter(({ pop }) => SIX.includes(pop) || pop === this.#chosen)
      .sort((a, b) => a.rank - b.rank)
      .map(({ pop, x, y, radius }) => ({ x, y, gap: radius + 4, must: true, lines: [this.#places.nameOf(pop)], fonts: FONTS, name: "label", region, wide: region }));
    return placeLabels(wanted, occupied);
  }

  /** Make the map one tab stop, in which the arrow keys move between marks from west to east. */
  #listen() {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    this.#box.addEventListener("keydown", (event) => {
      const index = this.#marks.findIndex(({ element }) => element === event.target);
      if (index < 0 || !(event.key in steps)) return;
      event.preventDefault();
      const next = this.#marks[(index + steps[event.key] + this.#marks.length) % this.#marks.length];
      for (const { element } of this.#marks) element.setAttribute("tabindex", element === next.element ? 0 : -1);
      next.element.focus();
    });
    this.#box.addEventListener("focusin", (event) => this.#select(event.target.dataset.pop));
    for (const type of ["pointermove", "click"]) {
      this.#box.addEventListener(type, ({ clientX, clientY }) => {
        const { left, top } = this.#box.getBoundingClientRect();
        const mark = nearest(this.#marks, clientX - left, clientY - top);
        if (mark) this.#select(mark.pop);
      });
    }
    this.#box.addEventListener("pointerleave", () => this.#point(null));
  }

  #select(pop) {
    if (!pop) return;
    this.#selected = pop;
    this.#show(pop);
    this.#point(this.#marks.find((mark) => mark.pop === pop));
  }

  /** Label the mark that is pointed at. */
  #point(mark) {
    const group = this.#box.querySelector(".map-label");
    if (!group) return;
    for (const { element } of this.#marks) {
      if (element === mark?.element) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
    }
    if (!mark) return group.replaceChildren();
    const { width, height } = this.#box.firstElementChild.getBoundingClientRect();
    const region = { left: 2, right: width - 2, top: 2, bottom: height - 2 };
    const figure = this.#figures.get(mark.pop);
    const lines = [this.#places.nameOf(mark.pop), isNumber(figure?.gco2_kwh) ? `${grams(figure.gco2_kwh)} g/kWh` : "no known figure"];
    group.replaceChildren(...placeLabels([{ ...mark, gap: mark.radius + 6, must: true, lines, fonts: FONTS, name: "label", region, wide: region }], []));
  }

  #show(pop) {
    const mark = this.#marks.find(({ places }) => places.some((place) => place.pop === pop));
    const place = this.#places?.get(pop);
    if (!mark && !place) return;
    const lines = this.#describe(mark?.places ?? [place]);
    const text = lines.join(" ");
    if (this.#details.dataset.shown === text) return;
    this.#details.dataset.shown = text;
    this.#details.replaceChildren(html("strong", null, lines[0]), ...lines.slice(1).map((line) => html("span", null, line)));
  }

  /** Return the lines that describe the first of the places at a spot, and name the others. */
  #describe([place, ...others]) {
    const figure = this.#figures.get(place.pop);
    const lines = [`${place.name} (${place.pop})`, kindOf(place)];
    if (figure) lines.push(...linesOf(figure));
    else lines.push("no known figure");
    const named = others.slice(0, 5).map(({ name, pop }) => (name === place.name ? pop : `${name} (${pop})`)).join(", ");
    if (named) lines.push(`Also here: ${named}${others.length > 5 ? ` and ${others.length - 5} more` : ""}`);
    return lines;
  }
}

/** Return the lines that describe a figure. */
function linesOf(figure) {
  const range = bounds(figure);
  const lines = [
    `${figureText(figure)}${range ? `; bounds ${range}` : ""}`,
    isNumber(figure.adj_carbon_gco2_kwh) ? `Ranked as ${grams(figure.adj_carbon_gco2_kwh)} g/kWh` : "Not ranked by carbon",
    `${figure.zone}, ${kind(figure)}, ${figure.scope ?? "scope unknown"}, ${rungWord(figure.rung).toLowerCase()}${figure.age_s === null ? "" : `, ${age(figure.age_s)} old`}`,
  ];
  if (figure.provider) lines.push(`Provider ${providerName(figure.provider)}, provider’s zone ${figure.provider_zone ?? "unknown"}`);
  if (isNumber(figure.latency_ms)) lines.push(`Round trip ${milliseconds(figure.latency_ms)}`);
  if (figure.proxy_zone) lines.push(`The figure is a neighbouring grid’s: ${figure.proxy_reason ?? "no reason given"}`);
  if (figure.disputed) lines.push(disputeText(figure));
  return lines;
}

/**
 * Return the figure of each place, by its code: of its first zone that is observed and its own, else of the
 * zone that can be trusted most, as the router does (`_of_pop` in ranking.py).
 */
export function figuresOf(places, zones) {
  const byZone = new Map(zones.map((zone) => [zone.zone, zone]));
  return new Map(places.flatMap((place) => {
    const known = place.zones.map((entry) => ({ ...byZone.get(entry.zone), proxy_zone: entry.proxy_zone, proxy_reason: entry.proxy_reason })).filter(({ rung }) => rung);
    const distrust = ({ rung, proxy_zone: proxy }) => 4 * (rung === "none") + 2 * proxy + !OBSERVED.has(rung);
    const best = known.find(({ rung, proxy_zone: proxy }) => OBSERVED.has(rung) && !proxy) ?? known.sort((a, b) => distrust(a) - distrust(b))[0];
    return best ? [[place.pop, best]] : [];
  }));
}

/** Gather places whose marks would cover each other. The first, which ranks highest, stands for the others. */
function gather(spots) {
  const sites = [];
  for (const { place, x, y, rank } of spots) {
    const site = rank > 1 && sites.find((other) => Math.hypot(other.x - x, other.y - y) < 2 * SMALL_PX);
    if (site) site.places.push(place);
    else sites.push({ places: [place], x, y, rank });
  }
  return sites;
}

/** Return the mark that is nearest to a point and within REACH_PX, or null. */
function nearest(marks, x, y) {
  let [nearestMark, leastPx] = [null, REACH_PX];
  for (const mark of marks) {
    const distancePx = Math.hypot(mark.x - x, mark.y - y);
    if (distancePx < leastPx) [nearestMark, leastPx] = [mark, distancePx];
  }
  return nearestMark;
}
