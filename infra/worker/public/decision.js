// The question a visitor asks the router, and its answer in a sentence, a picture and a table.

import { draw } from "./chart.js";
import { byId, h, say } from "./dom.js";
import { MISSING, OBSERVED, age, bounds, grams, isNumber, kind, milliseconds, providerName, rungWord } from "./words.js";

const PLACES = [
  ["New York", 40.7, -74.0], ["San Francisco", 37.8, -122.4], ["Chicago", 41.9, -87.6], ["Dallas", 32.8, -96.8],
  ["London", 51.5, -0.1], ["Amsterdam", 52.4, 4.9], ["Madrid", 40.4, -3.7], ["Stockholm", 59.3, 18.1],
  ["Warsaw", 52.2, 21.0], ["São Paulo", -23.5, -46.6], ["Singapore", 1.4, 103.8],
];
const SETTLE_MS = 250;

export class Decision {
  #asked;
  #settling = null;
  #route = null;
  #pops = [];
  #from = PLACES[0][0];

  /** @param {() => void} asked called when the visitor's question has changed. */
  constructor(asked) {
    this.#asked = asked;
    byId("place").append(...PLACES.map(([name]) => h("option", null, name)), h("option", { value: "", hidden: true }, "another place"));
    this.#put(PLACES[0]);
    byId("place").addEventListener("change", () => this.#put(PLACES.find(([name]) => name === byId("place").value)));
    for (const id of ["lat", "lon"]) byId(id).addEventListener("input", () => this.#elsewhere());
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

  /** The path that asks the router, relative to its first version. */
  question() {
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
    const name = nameOf(pops);
    const [chosen] = route.candidates;
    const parts = [`A request from ${this.#from} goes to `, h("strong", null, name(route.pop)), `, ${where(chosen)}.`];
    const sentence = h("span", null, parts);
    if (sentence.textContent !== byId("sentence").textContent) byId("sentence").replaceChildren(sentence);
    say(byId("reason"), [route.reason_text, difference(route, name), comparison(route)].filter(Boolean).join(" "));
    this.#draw();
    byId("candidates").replaceChildren(...rows(route, name));
  }

  #draw() {
    if (this.#route === null) return;
    draw(byId("chart"), byId("chart-key"), this.#route, this.#limitMs, nameOf(this.#pops));
  }

  #put([name, lat, lon]) {
    this.#from = name;
    byId("lat").value = lat;
    byId("lon").value = lon;
  }

  #elsewhere() {
    byId("place").value = "";
    this.#from = "there";
  }

  #locate() {
    const note = byId("located");
    if (!navigator.geolocation) return say(note, "This browser tells no position.");
    say(note, "Asking the browser…");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        byId("place").value = "";
        this.#put(["your position", coords.latitude.toFixed(1), coords.longitude.toFixed(1)]);
        say(note, "Sent to a tenth of a degree.");
        this.#changed();
      },
      (error) => say(note, `No position: ${error.message || "the browser refused"}.`),
      { maximumAge: 600_000, timeout: 10_000 },
    );
  }

  #changed() {
    this.#showLimit();
    this.#draw();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => byId("question").checkValidity() && this.#asked(), SETTLE_MS);
  }

  #showLimit() {
    byId("limit-shown").textContent = `${this.#limitMs} ms`;
  }
}

const nameOf = (pops) => {
  const names = new Map(pops.map(({ pop, name }) => [pop, name]));
  return (pop) => names.get(pop) ?? String(pop);
};

function where({ gco2_kwh: value, proxy_zone: neighbour, rung }) {
  if (!isNumber(value)) return "of whose grid nothing is known";
  const certainty = OBSERVED.has(rung) ? "" : ` (${rungWord(rung).toLowerCase()})`;
  return `where ${neighbour ? "a neighbouring" : "the"} grid is at ${grams(value)} g/kWh${certainty}`;
}

function difference({ baseline, pop }, name) {
  const grams_ = baseline?.attributed_difference_gco2_kwh;
  if (!baseline || !isNumber(grams_)) return "";
  if (baseline.pop === pop) return "It is also the nearest.";
  const [amount, side] = [grams(Math.abs(grams_)), grams_ >= 0 ? "below" : "above"];
  return `Its grid is ${amount} g/kWh ${side} that of the nearest, ${name(baseline.pop)} (attributional, location-based).`;
}

function comparison({ comparable, ranking }) {
  if (comparable) return "";
  return `These figures are of different kinds (${ranking.kinds.join("; ")}) and not strictly comparable.`;
}

const COLUMNS = ["Point of presence", "Zone", "g/kWh", "Bounds", "Age", "Penalty", "adj_carbon", "Round trip", "Score", "Kind", "Provider", "Rung", "Verdict"];

function rows(route, name) {
  const body = route.candidates.map((one) => {
    const verdict = one.pop === route.pop ? "chosen" : one.eligible ? "eligible" : "not eligible";
    const cells = [
      one.proxy_zone ? `${one.zone} (neighbour)` : one.zone, grams(one.gco2_kwh), bounds(one) || MISSING, age(one.age_s), grams(one.penalty_gco2_kwh),
      grams(one.adj_carbon_gco2_kwh), milliseconds(one.latency_ms), grams(one.score), kind(one),
      one.provider ? providerName(one.provider) : MISSING, rungWord(one.rung), verdict,
    ];
    return h("tr", { class: one.pop === route.pop ? "chosen" : null }, h("th", { scope: "row" }, name(one.pop)), cells.map((text) => h("td", null, text)));
  });
  const head = h("tr", null, COLUMNS.map((title) => h("th", { scope: "col" }, title)));
  return [h("caption", { class: "unseen" }, "Candidates in order of rank; g/kWh"), h("thead", null, head), h("tbody", null, body)];
}
