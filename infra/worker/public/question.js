// The form in which the visitor asks: where a request comes from, where it may go, and within what.

import { fromAddress, toAddress } from "./address.js";
import { byId, html, setText } from "./dom.js";
import { kindOf, labelOf } from "./places.js";
import { count } from "./words.js";

const DEBOUNCE_MS = 250;
const USUAL = { from: "New York", to: "", signal: "auto", limit: "80" };
const NOWHERE = "none"; // in the address, a question without a place
const MOST_PLACES = 300; // as the router
const POSITION = /^(-?\d{1,2}(?:\.\d+)?)\s*[,;\s]\s*(-?\d{1,3}(?:\.\d+)?)$/;
/** The field of the form to which each field of a refused question belongs. */
const FIELDS = { from: "from", lat: "from", lon: "from", pops: "to", max_latency_ms: "limit", signal: "signal" };

export class Question {
  #onChange;
  #timer = null;
  #places = null; // known when the router has listed them
  #pops = [];
  #own = []; // the codes of the places of the visitor's choice
  #located = null; // the position that the browser gave, as the text of its field
  #notes = new Map(); // what is said of values of the address, by the field that cannot take them

  /** @param {() => void} onChange is called after the visitor has changed the form to a valid question. */
  constructor(onChange) {
    this.#onChange = onChange;
    const to = fromAddress("to") ?? USUAL.to;
    const from = fromAddress("from") ?? USUAL.from;
    byId("from").value = from === NOWHERE ? "" : from;
    byId("to").value = to.toLowerCase() === "all" ? "all" : to === "" ? "" : "own";
    if (byId("to").value === "own") this.#own = [...new Set(to.split(","))].slice(0, MOST_PLACES);
    for (const id of ["signal", "limit"]) this.#setByAddress(id);
    for (const id of ["signal", "limit"]) byId(id).addEventListener("input", () => this.#changed());
    byId("from").addEventListener("input", () => this.#changed());
    byId("to").addEventListener("input", () => this.#chose());
    byId("add").addEventListener("keydown", (event) => event.key === "Enter" && this.#add());
    byId("add").addEventListener("input", () => this.#addSuggested());
    byId("add-place").addEventListener("click", () => this.#add());
    byId("locate").addEventListener("click", () => this.#locate());
    byId("question").addEventListener("submit", (event) => event.preventDefault());
    this.#show();
  }

  get signal() {
    return byId("signal").value;
  }

  get limitMs() {
    return byId("limit").valueAsNumber;
  }

  /** Where the request comes from, as the end of "A request from …". */
  get from() {
    const text = byId("from").value.trim();
    if (text === "") return "an unknown place";
    if (text === this.#located) return "your position";
    return this.#places?.origin(text)?.name ?? text;
  }

  /** Whether the question cannot be written, or not be checked, before the places are known. */
  get needsPlaces() {
    const from = byId("from").value.trim();
    return this.#places === null && (byId("to").value !== "" || (from !== USUAL.from && from !== "" && !positionOf(from)));
  }

  /** Take the list of places, by which names are understood and suggested. */
  setPlaces(places, pops) {
    this.#pops = pops;
    if (this.#places === places) return;
    this.#places = places;
    this.#own = [...new Set(this.#own.map((text) => (places.meant(text).length === 1 ? places.meant(text)[0].pop : text)))];
    byId("places").replaceChildren(...places.all.map((place) => html("option", { value: labelOf(place) }, kindOf(place))));
    this.check();
    this.#show();
  }

  /** Return the path of the router's decision, below `/v1/`. */
  path() {
    const fields = new URLSearchParams({ signal: this.signal, max_latency_ms: this.limitMs });
    const text = byId("from").value.trim();
    const position = positionOf(text);
    if (position) {
      fields.set("lat", position.lat.toFixed(1));
      fields.set("lon", position.lon.toFixed(1));
    } else if (text !== "") fields.set("from", this.#places?.origin(text)?.pop ?? text);
    const to = byId("to").value;
    const pops = to === "own" ? this.#own : to === "all" ? this.#pops.map(({ pop }) => pop) : [];
    return `route?${fields}${pops.length ? `&pops=${pops}` : ""}`;
  }

  /** Show beside their fields what the router says of them. Return whether each has a field here. */
  refused(errors) {
    for (const { field, detail } of errors) if (FIELDS[field]) this.#say(FIELDS[field], `The router ${detail}.`);
    return errors.length > 0 && errors.every(({ field }) => FIELDS[field]);
  }

  /** Set a field to its value in the address. Where it cannot take that, a note says so. */
  #setByAddress(id) {
    const [field, given] = [byId(id), fromAddress(id) || USUAL[id]];
    const isNumber = id === "limit";
    // A range takes the nearest number that it can, and its middle for a text that is no number.
    field.value = isNumber && Number.isNaN(Number(given)) ? USUAL[id] : given.toLowerCase();
    if (field.value === "") field.value = USUAL[id];
    if (isNumber ? field.valueAsNumber === Number(given) : field.value === given.toLowerCase()) return;
    const shown = isNumber ? `${field.value} ms` : field.selectedOptions[0].textContent;
    this.#notes.set(id, `The address has “${given}”, which this field cannot take. It is set to: ${shown}.`);
  }

  #changed() {
    this.#notes.clear(); // the address will be that of the form
    this.#show();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.check()) return;
      this.#write();
      this.#onChange();
    }, DEBOUNCE_MS);
  }

  #write() {
    const to = byId("to").value;
    toAddress("from", byId("from").value.trim() || NOWHERE, USUAL.from);
    toAddress("to", to === "own" ? this.#own.join(",") : to, USUAL.to);
    toAddress("signal", this.signal, USUAL.signal);
    toAddress("limit", this.limitMs, USUAL.limit);
  }

  /** Say beside each field what is wrong with it, and return whether nothing is. */
  check() {
    for (const field of ["from", "to", "limit", "signal"]) this.#say(field, this.#notes.get(field) ?? "", { valid: true });
    const text = byId("from").value.trim();
    if (text === "" || POSITION.test(text)) {
      if (text === "" || positionOf(text)) return this.#hasPlaces();
      this.#say("from", "A latitude is between −90 and 90, and a longitude between −180 and 180.");
      return false;
    }
    if (this.#places && !this.#places.origin(text)) {
      this.#unknown("from", text, (place) => {
        byId("from").value = labelOf(place);
        this.#changed();
      });
      return false;
    }
    return this.#hasPlaces();
  }

  #hasPlaces() {
    if (byId("to").value !== "own") return true;
    const unknown = this.#own.filter((pop) => this.#places && !this.#places.get(pop));
    if (unknown.length > 0) this.#say("to", `No place is called ${unknown.slice(0, 5).join(", ")}. Remove what is unknown.`);
    if (unknown.length > 0) return false;
    if (this.#own.length > 0) return true;
    this.#say("to", "Add at least one place.");
    return false;
  }

  /** Say that a text means no place, or several, and offer those that may be meant. */
  #unknown(field, text, choose) {
    const several = this.#places.meant(text).length > 1;
    const near = this.#places.near(text);
    const said = several ? `“${text}” is the name of several places. Which one?` : `No place is called “${text}”.${near.length ? " Near it are:" : " Type a city, a code such as LHR, a cloud region, or a latitude and a longitude."}`;
    const buttons = near.map((place) => {
      const button = html("button", { type: "button", class: "chip" }, labelOf(place), html("small", null, kindOf(place)));
      button.addEventListener("click", () => choose(place));
      return button;
    });
    this.#say(field, said, { buttons });
  }

  /** Show a text and buttons below a field, which is marked as invalid unless its value is valid. */
  #say(field, text, { buttons = [], valid = text === "" } = {}) {
    const note = byId(`${field}-error`);
    if (note.dataset.said === text) return; // an unchanged alert is not read aloud again
    note.dataset.said = text;
    note.replaceChildren(...(text ? [html("span", null, text), ...buttons] : []));
    const input = field === "to" && byId("to").value === "own" ? byId("add") : byId(field);
    if (!valid) input.setAttribute("aria-invalid", "true");
    else for (const id of [field, field === "to" ? "add" : field]) byId(id).removeAttribute("aria-invalid");
  }

  /** React to another choice of places: one's own begin with those that were asked about before. */
  #chose() {
    if (byId("to").value === "own" && this.#own.length === 0) this.#own = this.#pops.filter(({ pop }) => SIX.includes(pop)).map(({ pop }) => pop);
    this.#changed();
    if (byId("to").value === "own") byId("add").focus();
  }

  /** Add a place when the text is one that the list suggests. */
  #addSuggested() {
    const text = byId("add").value;
    const [place] = this.#places?.meant(text) ?? [];
    if (place && labelOf(place) === text) this.#addPlace(place);
  }

  #add() {
    const text = byId("add").value.trim();
    if (text === "" || !this.#places) return;
    const meant = this.#places.meant(text);
    if (meant.length !== 1) return this.#unknown("to", text, (place) => this.#addPlace(place));
    this.#addPlace(meant[0]);
  }

  #addPlace(place) {
    byId("add").value = "";
    if (this.#own.length >= MOST_PLACES) return this.#say("to", `The router compares at most ${MOST_PLACES} places.`);
    if (!this.#own.includes(place.pop)) this.#own.push(place.pop);
    byId("add").focus();
    this.#changed();
  }

  #remove(pop) {
    this.#own = this.#own.filter((other) => other !== pop);
    byId("add").focus();
    this.#changed();
  }

  #show() {
    byId("limit-shown").textContent = `${this.limitMs} ms`;
    const own = byId("to").value === "own";
    byId("own").hidden = !own;
    if (!own) return;
    setText(byId("own-count"), count(this.#own.length, "place"));
    const shown = JSON.stringify([this.#own, this.#places !== null]);
    if (byId("chosen-places").dataset.shown === shown) return;
    byId("chosen-places").dataset.shown = shown;
    byId("chosen-places").replaceChildren(...this.#own.map((pop) => {
      const place = this.#places?.get(pop);
      const button = html("button", { type: "button", class: "chip", "aria-label": `Remove ${place ? labelOf(place) : pop}` }, place?.name ?? pop, html("small", null, pop), html("span", { "aria-hidden": "true" }, "×"));
      button.addEventListener("click", () => this.#remove(pop));
      return html("li", null, button);
    }));
  }

  #locate() {
    const note = byId("located");
    if (!navigator.geolocation) return setText(note, "This browser cannot give a position.");
    setText(note, "Asking the browser…");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        this.#located = `${coords.latitude.toFixed(1)}, ${coords.longitude.toFixed(1)}`;
        byId("from").value = this.#located;
        setText(note, "The position is rounded to 0.1°.");
        this.#changed();
      },
      (error) => setText(note, `The position is unknown: ${error.message || "the browser refused to give it"}.`),
      { maximumAge: 600_000, timeout: 10_000 },
    );
  }
}

/** The core points of presence, which a question that names none is about. */
export const SIX = ["sfo", "lax", "iad", "nyc", "lon", "ams"];

/** Return the position that a text gives as "48.1, 11.6", or null. */
function positionOf(text) {
  const [lat, lon] = POSITION.exec(text)?.slice(1).map(Number) ?? [NaN, NaN];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}
