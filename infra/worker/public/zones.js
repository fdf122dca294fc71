// The table of all zones, by continent, with sorting and a filter. The continents are folded, so that the
// page is short; the zones of the decision come first. A zone opens into a panel below its row.

import { fromAddress, toAddress } from "./address.js";
import { CONTINENTS, continentOf } from "./continents.js";
import { byId, html, setText, svg } from "./dom.js";
import { stepOf } from "./scale.js";
import { Sparkline } from "./sparkline.js";
import { termOf } from "./terms.js";
import { LIVE, MISSING, age, bounds, count, disputeText, grams, hasMoved, isNumber, penalty, providerName, rungOrder, rungWord } from "./words.js";
import { ZonePanel } from "./zone.js";

const COLUMNS = [
  { key: "name", title: "Zone", of: (zone) => zone.name },
  { key: "gco2", title: "g/kWh", term: "intensity", of: (zone) => zone.gco2_kwh, number: true },
  { key: "kind", title: "Kind", term: "kind", of: (zone) => `${zone.signal} ${zone.basis} ${zone.scope}` },
  { key: "provider", title: "Provider", of: (zone) => zone.provider },
  { key: "age", title: "Age", of: (zone) => zone.age_s, number: true },
  { key: "adj", title: "adj_carbon", term: "adj", of: (zone) => zone.adj_carbon_gco2_kwh, number: true },
  { key: "rung", title: "Status", term: "status", of: (zone) => rungOrder(zone.rung) },
];
const COMPARED = "In the decision above";
const MOST_OPEN = 12; // with more zones than this, those of the decision are folded too
const BAR = { widthPx: 96, fullGco2Kwh: 1000 };

export class Zones {
  #table = byId("zones");
  #sort = { key: "adj", down: false };
  #rows = new Map();
  #zones = [];
  #compared = new Set(); // the zones of the decision
  #opened = fromAddress("zone"); // the zone whose panel is open
  #heads = new Map();
  #groups;
  #visibility = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      this.#rows.get(target.dataset.zone).visible = isIntersecting;
      if (isIntersecting) this.#rows.get(target.dataset.zone).spark.load();
    }
  }, { rootMargin: "80px" });

  constructor() {
    this.#groups = [COMPARED, ...CONTINENTS].map((title) => this.#group(title));
    this.#table.append(this.#head(), ...this.#groups.map(({ body }) => body));
    byId("find").value = fromAddress("find") ?? "";
    byId("find").addEventListener("input", () => {
      toAddress("find", byId("find").value.trim());
      this.#arrange();
    });
    byId("sort").append(...COLUMNS.map(({ key, title }) => html("option", { value: key, selected: key === this.#sort.key }, title)));
    byId("sort").addEventListener("change", () => this.#sortBy(byId("sort").value, false));
  }

  render({ zones }) {
    this.#zones = zones;
    for (const zone of zones) {
      const row = this.#rows.get(zone.zone) ?? this.#row(zone);
      fillRow(row, zone);
      row.spark.update(zone);
      if (row.visible) row.spark.load();
    }
    this.#arrange();
  }

  /** Take the zones that the decision compares, which come first. */
  setCompared(candidates) {
    const compared = new Set(candidates.map(({ zone }) => zone));
    if (compared.symmetricDifference(this.#compared).size === 0) return;
    this.#compared = compared;
    this.#arrange();
  }

  /** Open a zone's panel below its row, or close it. */
  #toggle(zone) {
    this.#opened = this.#opened === zone ? null : zone;
    toAddress("zone", this.#opened ?? "");
    this.#arrange();
  }

  #head() {
    const cells = COLUMNS.map(({ key, title, number, term }) => {
      const button = html("button", { type: "button" }, title);
      button.addEventListener("click", () => this.#sortBy(key, this.#sort.key === key && !this.#sort.down));
      const cell = html("th", { scope: "col", role: "columnheader", class: number ? "number" : null }, button, term && termOf(`${term}-column`, title));
      this.#heads.set(key, cell);
      return cell;
    });
    this.#markSort();
    return html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, cells, html("th", { scope: "col", role: "columnheader" }, "24 h")));
  }

  #group(title) {
    const summary = html("span", { class: "quiet" });
    const button = html("button", { type: "button", "aria-expanded": "false" }, html("span", null, title), summary);
    const body = html("tbody", { role: "rowgroup", hidden: true },
      html("tr", { role: "row", class: "group" }, html("th", { role: "rowheader", scope: "rowgroup", colspan: COLUMNS.length + 1 }, button)));
    const group = { title, body, button, summary, open: null };
    button.addEventListener("click", () => {
      group.open = button.getAttribute("aria-expanded") !== "true";
      this.#arrange();
    });
    return group;
  }

  #row(zone) {
    const spark = new Sparkline();
    const cells = Object.fromEntries(COLUMNS.map(({ key, title, number }) => [key,
      html(key === "name" ? "th" : "td", { role: key === "name" ? "rowheader" : "cell", scope: key === "name" ? "row" : null, class: `cell-${key}${number ? " number" : ""}`, "data-title": title })]));
    const element = html("tr", { role: "row", "data-zone": zone.zone }, Object.values(cells), html("td", { role: "cell", class: "cell-spark", "data-title": "24 h" }, spark.element));
    const button = html("button", { type: "button", class: "open-zone", "aria-expanded": "false" });
    cells.name.append(button, html("small", null, zone.zone));
    button.addEventListener("click", () => this.#toggle(zone.zone));
    const row = { element, cells, spark, button, visible: false, panel: null };
    this.#rows.set(zone.zone, row);
    this.#visibility.observe(element);
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

  /** Sort the rows and hide those that are folded or do not match the filter. */
  #arrange() {
    const words = byId("find").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const { of } = COLUMNS.find(({ key }) => key === this.#sort.key);
    const sorted = [...this.#zones].sort((a, b) => compare(of(a), of(b), this.#sort.down) || compare(a.name, b.name, false));
    let shown = 0;
    for (const group of this.#groups) {
      const matching = sorted.filter((zone) => this.#groupOf(zone) === group.title && matches(zone, words));
      const usual = group.title === COMPARED && this.#compared.size <= MOST_OPEN;
      const open = (group.open ?? usual) || words.length > 0;
      group.button.setAttribute("aria-expanded", String(open));
      group.body.hidden = matching.length === 0;
      setText(group.summary, summarise(matching));
      const visible = open ? matching : matching.filter(({ zone }) => zone === this.#opened); // an opened zone stays
      const rows = visible.flatMap(({ zone }) => this.#rowsOf(zone));
      const present = [...group.body.children].slice(1);
      // A row that is moved loses its focus, so rows are moved only if the order has changed.
      if (rows.length !== present.length || rows.some((row, i) => row !== present[i])) this.#place(group.body, rows);
      shown += matching.length;
    }
    setText(byId("zones-shown"), words.length ? `${count(shown, "zone")} of ${this.#zones.length} match.` : "");
  }

  #groupOf = (zone) => (this.#compared.has(zone.zone) ? COMPARED : continentOf(zone.country));

  /** Return the row of a zone, and the one of its panel where that is open. */
  #rowsOf(zone) {
    const row = this.#rows.get(zone);
    const opened = zone === this.#opened;
    row.button.setAttribute("aria-expanded", String(opened));
    row.element.classList.toggle("is-open", opened);
    if (!opened) return [row.element];
    row.panel ??= this.#panelOf(zone);
    row.panel.content.load();
    return [row.element, row.panel.element];
  }

  #panelOf(zone) {
    const content = new ZonePanel(zone);
    const cell = html("td", { role: "cell", colspan: COLUMNS.length + 1 }, content.element);
    return { content, element: html("tr", { role: "row", class: "panel-row", "data-panel": zone }, cell) };
  }

  /** Put rows into a group, and leave the focus where it is. */
  #place(body, rows) {
    const { activeElement } = document;
    body.replaceChildren(body.firstChild, ...rows);
    if (activeElement !== document.activeElement && body.contains(activeElement)) activeElement.focus({ preventScroll: true });
  }
}

function matches(zone, words) {
  const text = [zone.zone, zone.name, zone.country, zone.signal, zone.basis, zone.scope, zone.factor_set, zone.provider ? providerName(zone.provider) : "", zone.provider, zone.provider_zone, rungWord(zone.rung)].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Compare two values for sorting. Missing values come last in both directions. */
function compare(a, b, down) {
  const [noA, noB] = [a === null || a === undefined, b === null || b === undefined];
  if (noA || noB) return noA - noB;
  const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en");
  return down ? -order : order;
}

function summarise(zones) {
  const live = zones.filter(({ rung }) => LIVE.has(rung)).length;
  const values = zones.map(({ gco2_kwh: value }) => value).filter(isNumber);
  const range = values.length ? `, ${grams(Math.min(...values))} to ${grams(Math.max(...values))} g/kWh` : "";
  return `${count(zones.length, "zone")}${range}; ${live} live`;
}

function fillRow({ element, cells, button }, zone) {
  const small = (text, title) => html("small", { title: title ?? null }, text);
  const range = bounds(zone);
  element.className = `rung-row-${zone.rung}${element.classList.contains("is-open") ? " is-open" : ""}`;
  setText(button, zone.name);
  setContent(cells.gco2, grams(zone.gco2_kwh), range && small(range, "the range that the unknown fuels allow"));
  setContent(cells.kind, zone.signal ? `${zone.signal}, ${zone.basis}` : MISSING, small([zone.scope, zone.quality, zone.factor_set && `factors of ${zone.factor_set}`].filter(Boolean).join(", ")));
  setContent(cells.provider, zone.provider ? providerName(zone.provider) : MISSING, zone.provider_zone && small(zone.provider_zone, "the provider’s name of the zone"));
  setContent(cells.age, age(zone.age_s), penalty(zone) && small(penalty(zone), "penalty for age, g/kWh"));
  setContent(cells.adj, html("span", { class: "with-bar" }, html("span", null, grams(zone.adj_carbon_gco2_kwh)), bar(zone)), hasMoved(zone) && small(`${grams(zone.expected_gco2_kwh)} expected by now`));
  const rung = html("span", { class: `rung rung-${zone.rung}` }, rungWord(zone.rung));
  const disputed = disputeText(zone);
  const remarks = [disputed, zone.note].filter(Boolean);
  const status = disputed ? [rung, html("strong", { class: "disputed" }, "disputed")] : [rung];
  setContent(cells.rung, remarks.length ? html("details", null, html("summary", null, status), remarks.map((remark) => small(remark))) : rung);
}

function setContent(cell, ...content) {
  const key = content.map((part) => part?.outerHTML ?? part).join("\n");
  if (cell.shown === key) return;
  cell.shown = key;
  cell.replaceChildren(...content.filter(Boolean));
}

/** Draw the expected value, in a paler colour the penalty for age, and a line at a figure that has moved. */
function bar(zone) {
  if (!isNumber(zone.adj_carbon_gco2_kwh)) return null;
  const x = (value) => (Math.min(value, BAR.fullGco2Kwh) / BAR.fullGco2Kwh) * BAR.widthPx;
  const [figure, expected, adjusted] = [x(zone.gco2_kwh), x(zone.expected_gco2_kwh), x(zone.adj_carbon_gco2_kwh)];
  return svg("svg", { class: `bar ${stepOf(zone.expected_gco2_kwh)}`, width: BAR.widthPx, height: 6, "aria-hidden": "true" },
    svg("rect", { class: "track", width: BAR.widthPx, height: 6 }),
    svg("rect", { class: "penalty", x: expected, width: adjusted - expected, height: 6 }),
    svg("rect", { class: "value", width: expected, height: 6 }),
    hasMoved(zone) && svg("path", { class: "figure", d: `M${figure},0V6` }));
}
