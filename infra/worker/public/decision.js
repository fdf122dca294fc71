// The form in which the visitor asks for a decision, and the decision as a sentence, a chart and a
// table.

import { draw } from "./chart.js";
import { byId, html, setText } from "./dom.js";
import { LIVE, MISSING, age, bounds, counting, exclusionWord, freshnessText, grams, hasMoved, isNumber, kind, milliseconds, penalty, providerName, reasonWords, rungWord } from "./words.js";

const PLACES = [
  ["New York", 40.7, -74.0], ["San Francisco", 37.8, -122.4], ["Chicago", 41.9, -87.6], ["Dallas", 32.8, -96.8],
  ["London", 51.5, -0.1], ["Amsterdam", 52.4, 4.9], ["Madrid", 40.4, -3.7], ["Stockholm", 59.3, 18.1],
  ["Warsaw", 52.2, 21.0], ["São Paulo", -23.5, -46.6], ["Singapore", 1.4, 103.8],
];
const DEBOUNCE_MS = 250;

export class Decision {
  #onChange;
  #timer = null;
  #route = null;
  #pops = [];
  #from = PLACES[0][0];

  /** @param {() => void} onChange is called after the visitor has changed the form. */
  constructor(onChange) {
    this.#onChange = onChange;
    byId("place").append(...PLACES.map(([name]) => html("option", null, name)), html("option", { value: "", hidden: true }, "another place"));
    this.#setPlace(PLACES[0]);
    byId("place").addEventListener("change", () => this.#setPlace(PLACES.find(([name]) => name === byId("place").value)));
    for (const id of ["lat", "lon"]) byId(id).addEventListener("input", () => this.#clearPlace());
    byId("locate").addEventListener("click", () => this.#locate());
    byId("question").addEventListener("input", () => this.#changed());
    byId("question").addEventListener("submit", (event) => event.preventDefault());
    new ResizeObserver(() => this.#draw()).observe(byId("chart"));
    this.#showLimit();
  }

  get signal() {
    return byId("signal").value;
  }

  get #limitMs() {
    return byId("limit").valueAsNumber;
  }

  /** Return the path of the router's decision for the form's values, below `/v1/`. */
  path() {
    const fields = new URLSearchParams({ signal: this.signal, max_latency_ms: this.#limitMs });
    const { valueAsNumber: lat } = byId("lat");
    const { valueAsNumber: lon } = byId("lon");
    if (isNumber(lat) && isNumber(lon)) {
      fields.set("lat", lat.toFixed(1));
      fields.set("lon", lon.toFixed(1));
    }
    const all = byId("pops").value === "all" && this.#pops.length > 0;
    return `route?${fields}${all ? `&pops=${this.#pops.map(({ pop }) => pop)}` : ""}`;
  }

  render(route, pops) {
    this.#route = route;
    this.#pops = pops;
    const nameOf = namesOf(pops);
    const [chosen] = route.candidates;
    const parts = [
      route.freshness === "live" ? null : "Nothing is live. ",
      `A request from ${this.#from} goes to `, html("strong", null, nameOf(route.pop)), `, ${gridOf(chosen)}: ${reasonWords(route)}.`,
    ];
    const sentence = html("span", null, parts);
    if (sentence.textContent !== byId("sentence").textContent) byId("sentence").replaceChildren(sentence);
    setText(byId("reason"), [route.reason_text, difference(route, nameOf), comparison(route)].filter(Boolean).join(" "));
    setText(byId("counts"), freshnessText(route, "candidates"));
    this.#draw();
    byId("candidates").replaceChildren(...rows(route, nameOf));
  }

  #draw() {
    if (this.#route === null) return;
    draw(byId("chart"), byId("chart-key"), this.#route, this.#limitMs, namesOf(this.#pops));
  }

  #setPlace([name, lat, lon]) {
    this.#from = name;
    byId("lat").value = lat;
    byId("lon").value = lon;
  }

  /** Use the latitude and longitude that the visitor typed. */
  #clearPlace() {
    byId("place").value = "";
    this.#from = "this position";
  }

  #locate() {
    const note = byId("located");
    if (!navigator.geolocation) return setText(note, "This browser cannot give a position.");
    setText(note, "Asking the browser…");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        byId("place").value = "";
        this.#setPlace(["your position", coords.latitude.toFixed(1), coords.longitude.toFixed(1)]);
        setText(note, "The position is rounded to 0.1°.");
        this.#changed();
      },
      (error) => setText(note, `The position is unknown: ${error.message || "the browser refused to give it"}.`),
      { maximumAge: 600_000, timeout: 10_000 },
    );
  }

  #changed() {
    this.#showLimit();
    this.#draw();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => byId("question").checkValidity() && this.#onChange(), DEBOUNCE_MS);
  }

  #showLimit() {
    byId("limit-shown").textContent = `${this.#limitMs} ms`;
  }
}

/** Return a function that gives the name of a POP by its code. */
const namesOf = (pops) => {
  const names = new Map(pops.map(({ pop, name }) => [pop, name]));
  return (pop) => names.get(pop) ?? String(pop);
};

/** Say what is known of the grid, so that a fallback never sounds like a measurement. */
function gridOf(figure) {
  if (!isNumber(figure.gco2_kwh)) return "whose grid has no known intensity";
  const grid = figure.proxy_zone ? "a neighbouring grid" : "the grid";
  const value = `${grams(figure.gco2_kwh)} g/kWh`;
  if (figure.rung === "same_hour_7d") return `where ${grid} is usually at ${value} at this hour`;
  if (figure.rung === "annual_mean") return `where ${grid} is at ${value} in the mean of a year`;
  if (hasMoved(figure)) return `where ${grid} is expected to be at ${grams(figure.expected_gco2_kwh)} g/kWh by now`;
  return LIVE.has(figure.rung) ? `where ${grid} is at ${value}` : `where ${grid} was last known to be at ${value}`;
}

function difference({ baseline, candidates, pop }, nameOf) {
  const differenceGco2Kwh = baseline?.attributed_difference_gco2_kwh;
  if (!baseline || !isNumber(differenceGco2Kwh)) return "";
  if (baseline.pop === pop) return "It is also the nearest.";
  const [amount, nearest] = [grams(Math.abs(differenceGco2Kwh)), `the grid of the nearest, ${nameOf(baseline.pop)}`];
  const comparison = amount === "0" ? `about as clean as ${nearest}` : `${amount} g/kWh ${differenceGco2Kwh > 0 ? "below" : "above"} ${nearest}`;
  const live = candidates.filter((candidate) => candidate.pop === pop || candidate.pop === baseline.pop).every(({ rung }) => LIVE.has(rung));
  return `By the values expected now, its grid is ${comparison} (attributional, location-based${live ? "" : "; the two figures are not both live"}).`;
}

/** Say how strictly the figures may be compared. `reason_text` names scopes and factor sets that differ. */
function comparison({ comparable, ranking }) {
  if (comparable === "same_kind") return "";
  if (comparable === "mixed") return `These figures are of different kinds (${ranking.kinds.join("; ")}) and are not comparable.`;
  return "A move between such figures needs a difference that is larger than the one that these ways of counting are known to make.";
}

const COLUMNS = ["Point of presence", "Zone", "Figure", "Bounds", "Age", "Expected now", "Doubt", "Penalty", "adj_carbon", "Round trip", "Score", "Kind", "Counting", "Provider", "Status", "Result"];

function rows(route, nameOf) {
  const body = route.candidates.map((candidate) => {
    const result = candidate.pop === route.pop ? "chosen" : candidate.eligible ? "eligible" : exclusionWord(candidate.exclusion);
    const cells = [
      candidate.proxy_zone ? `${candidate.zone} (neighbour)` : candidate.zone, grams(candidate.gco2_kwh), bounds(candidate) || MISSING, age(candidate.age_s),
      grams(candidate.expected_gco2_kwh), grams(candidate.doubt_gco2_kwh), penalty(candidate) || grams(candidate.penalty_gco2_kwh),
      grams(candidate.adj_carbon_gco2_kwh), milliseconds(candidate.latency_ms), grams(candidate.score), kind(candidate), counting(candidate),
      candidate.provider ? providerName(candidate.provider) : MISSING, candidate.disputed ? `${rungWord(candidate.rung)}, disputed` : rungWord(candidate.rung), result,
    ];
    return html("tr", { class: candidate.pop === route.pop ? "chosen" : null }, html("th", { scope: "row" }, nameOf(candidate.pop)), cells.map((text) => html("td", null, text)));
  });
  const head = html("tr", null, COLUMNS.map((title) => html("th", { scope: "col" }, title)));
  return [html("caption", { class: "unseen" }, "The candidates in order of rank, with figures in g/kWh"), html("thead", null, head), html("tbody", null, body)];
}
