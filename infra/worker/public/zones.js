// All zones, in groups that fold, sorted and filtered as the reader likes.

import { byId, h, s, say } from "./dom.js";
import { stepOf } from "./scale.js";
import { Sparkline } from "./sparkline.js";
import { MISSING, OBSERVED, age, bounds, count, grams, isNumber, providerName, rungOrder, rungWord } from "./words.js";

const COLUMNS = [
  { key: "name", title: "Zone", of: (zone) => zone.name },
  { key: "gco2", title: "g/kWh", of: (zone) => zone.gco2_kwh, number: true },
  { key: "kind", title: "Kind", of: (zone) => `${zone.signal} ${zone.basis} ${zone.scope}` },
  { key: "provider", title: "Provider", of: (zone) => zone.provider },
  { key: "age", title: "Age", of: (zone) => zone.age_s, number: true },
  { key: "adj", title: "adj_carbon", of: (zone) => zone.adj_carbon_gco2_kwh, number: true },
  { key: "rung", title: "Rung", of: (zone) => rungOrder(zone.rung) },
];
const GROUPS = [
  ["North America", new Set(["US", "CA", "MX"])],
  ["Great Britain", new Set(["GB"])],
  ["European mainland and Ireland", null], // whoever is left
];
const BAR = { width: 96, full: 1000 };
const WIDE = matchMedia("(min-width: 60rem)");

export class Zones {
  #table = byId("zones");
  #sort = { key: "adj", down: false };
  #rows = new Map();
  #zones = [];
  #heads = new Map();
  #groups;
  #seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      this.#rows.get(target.dataset.zone).visible = isIntersecting;
      if (isIntersecting) this.#rows.get(target.dataset.zone).spark.wake();
    }
  }, { rootMargin: "80px" });

  constructor() {
    this.#groups = GROUPS.map(([title, countries], i) => this.#group(title, countries, WIDE.matches ? true : i === 0));
    this.#table.append(this.#head(), ...this.#groups.map(({ body }) => body));
    byId("find").addEventListener("input", () => this.#arrange());
    byId("sort").append(...COLUMNS.map(({ key, title }) => h("option", { value: key, selected: key === this.#sort.key }, title)));
    byId("sort").addEventListener("change", () => this.#sortBy(byId("sort").value, false));
  }

  render({ zones }) {
    this.#zones = zones;
    for (const zone of zones) {
      const row = this.#rows.get(zone.zone) ?? this.#row(zone);
      fill(row, zone);
      row.spark.update(zone);
      if (row.visible) row.spark.wake();
    }
    this.#arrange();
  }

  #head() {
    const cells = COLUMNS.map(({ key, title, number }) => {
      const button = h("button", { type: "button" }, title);
      button.addEventListener("click", () => this.#sortBy(key, this.#sort.key === key && !this.#sort.down));
      const cell = h("th", { scope: "col", role: "columnheader", class: number ? "number" : null }, button);
      this.#heads.set(key, cell);
      return cell;
    });
    this.#markSort();
    return h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, cells, h("th", { scope: "col", role: "columnheader" }, "24 h")));
  }

  #group(title, countries, open) {
    const summary = h("span", { class: "quiet" });
    const button = h("button", { type: "button", "aria-expanded": String(open) }, h("span", null, title), summary);
    const body = h("tbody", { role: "rowgroup" },
      h("tr", { role: "row", class: "group" }, h("th", { role: "rowheader", scope: "rowgroup", colspan: COLUMNS.length + 1 }, button)));
    const group = { title, countries, body, button, summary, open };
    button.addEventListener("click", () => {
      group.open = !group.open;
      this.#arrange();
    });
    return group;
  }

  #row(zone) {
    const spark = new Sparkline();
    const cells = Object.fromEntries(COLUMNS.map(({ key, title, number }) => [key,
      h(key === "name" ? "th" : "td", { role: key === "name" ? "rowheader" : "cell", scope: key === "name" ? "row" : null, class: `cell-${key}${number ? " number" : ""}`, "data-title": title })]));
    const element = h("tr", { role: "row", "data-zone": zone.zone }, Object.values(cells), h("td", { role: "cell", class: "cell-spark", "data-title": "24 h" }, spark.element));
    const row = { element, cells, spark, visible: false, shown: "" };
    this.#rows.set(zone.zone, row);
    this.#seen.observe(element);
    return row;
  }

  #sortBy(key, down) {
    this.#sort = { key, down };
    byId("sort").value = key;
    this.#markSort();
    this.#arrange();
  }

  #markSort() {
    for (const [key, cell] of this.#heads) {
      if (key === this.#sort.key) cell.setAttribute("aria-sort", this.#sort.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
  }

  /** Put rows in order and hide what is folded or not asked for. */
  #arrange() {
    const wanted = byId("find").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const { of } = COLUMNS.find(({ key }) => key === this.#sort.key);
    const sorted = [...this.#zones].sort((a, b) => compare(of(a), of(b), this.#sort.down) || compare(a.name, b.name, false));
    const left = new Set(sorted);
    let shown = 0;
    for (const group of this.#groups) {
      const members = [...left].filter(({ country }) => group.countries === null || group.countries.has(country));
      for (const zone of members) left.delete(zone);
      const matching = members.filter((zone) => matches(zone, wanted));
      const open = group.open || wanted.length > 0;
      group.button.setAttribute("aria-expanded", String(open));
      group.body.hidden = matching.length === 0;
      say(group.summary, summarised(matching));
      const rows = open ? matching.map(({ zone }) => this.#rows.get(zone).element) : [];
      const there = [...group.body.children].slice(1);
      // Moving a row loses its focus, so only when the order is another.
      if (rows.length !== there.length || rows.some((row, i) => row !== there[i])) group.body.replaceChildren(group.body.firstChild, ...rows);
      shown += matching.length;
    }
    say(byId("zones-shown"), wanted.length ? `${count(shown, "zone")} of ${this.#zones.length} match.` : "");
  }
}

function matches(zone, wanted) {
  const text = [zone.zone, zone.name, zone.country, zone.signal, zone.basis, zone.scope, zone.provider ? providerName(zone.provider) : "", zone.provider, zone.provider_zone, rungWord(zone.rung)].join(" ").toLowerCase();
  return wanted.every((word) => text.includes(word));
}

/** Missing comes last either way. */
function compare(a, b, down) {
  const [noA, noB] = [a === null || a === undefined, b === null || b === undefined];
  if (noA || noB) return noA - noB;
  const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en");
  return down ? -order : order;
}

function summarised(zones) {
  const now = zones.filter(({ rung }) => OBSERVED.has(rung)).length;
  const values = zones.map(({ gco2_kwh: value }) => value).filter(isNumber);
  const range = values.length ? `, ${grams(Math.min(...values))} to ${grams(Math.max(...values))} g/kWh` : "";
  return `${count(zones.length, "zone")}${range}; ${now} with a reading`;
}

function fill({ element, cells }, zone) {
  const small = (text, title) => h("small", { title: title ?? null }, text);
  const wide = bounds(zone);
  element.className = `rung-row-${zone.rung}`;
  put(cells.name, zone.name, small(zone.zone));
  put(cells.gco2, grams(zone.gco2_kwh), wide && small(wide, "what the unknown fuels could make of it"));
  put(cells.kind, zone.signal ? `${zone.signal}, ${zone.basis}` : MISSING, small([zone.scope, zone.quality].filter(Boolean).join(", ")));
  put(cells.provider, zone.provider ? providerName(zone.provider) : MISSING, zone.provider_zone && small(zone.provider_zone, "the provider’s own name of the zone"));
  put(cells.age, age(zone.age_s), zone.penalty_gco2_kwh > 0 && small(`+${grams(zone.penalty_gco2_kwh)} g/kWh`, "penalty"));
  put(cells.adj, h("span", { class: "with-bar" }, h("span", null, grams(zone.adj_carbon_gco2_kwh)), bar(zone)));
  const rung = h("span", { class: `rung rung-${zone.rung}` }, rungWord(zone.rung));
  put(cells.rung, zone.note ? h("details", null, h("summary", null, rung), small(zone.note)) : rung);
}

function put(cell, ...content) {
  const key = content.map((each) => each?.outerHTML ?? each).join("\n");
  if (cell.shown === key) return;
  cell.shown = key;
  cell.replaceChildren(...content.filter(Boolean));
}

/** The value, and paler what age adds; on one scale for all zones, cut at its end. */
function bar(zone) {
  if (!isNumber(zone.adj_carbon_gco2_kwh)) return null;
  const x = (value) => (Math.min(value, BAR.full) / BAR.full) * BAR.width;
  const [value, adjusted] = [x(zone.gco2_kwh), x(zone.adj_carbon_gco2_kwh)];
  return s("svg", { class: `bar ${stepOf(zone.adj_carbon_gco2_kwh)}`, width: BAR.width, height: 6, "aria-hidden": "true" },
    s("rect", { class: "track", width: BAR.width, height: 6 }),
    s("rect", { class: "penalty", x: value, width: adjusted - value, height: 6 }),
    s("rect", { class: "value", width: value, height: 6 }));
}
