// How many places rest on live figures, on usual values and on yearly means now, beside the map.

import { byId, html } from "./dom.js";
import { figuresOf } from "./map.js";
import { LIVE, count, providerName } from "./words.js";

const GROUPS = [
  ["Cloudflare data centres", ({ colo }) => colo !== null],
  ["AWS regions", ({ pop, status }) => pop.startsWith("aws:") && status === "public"],
  ["Google Cloud regions", ({ pop, status }) => pop.startsWith("gcp:") && status === "public"],
  ["Azure regions", ({ pop, status }) => pop.startsWith("azure:") && status === "public"],
];
const STEPS = [
  ["Live", (rung) => LIVE.has(rung)],
  ["Old", (rung) => rung === "stale"],
  ["Usual for the hour", (rung) => rung === "same_hour_7d"],
  ["Yearly mean", (rung) => rung === "annual_mean"],
  ["None", (rung) => rung === undefined || rung === "none"],
];

/** Count the places of each group by what their figure rests on, and the live ones by their provider. */
export function showCoverage({ all }, zones) {
  const figures = figuresOf(all, zones);
  const rows = GROUPS.map(([name, belongs]) => {
    const rungs = all.filter(belongs).map(({ pop }) => figures.get(pop)?.rung);
    return [name, rungs.length, ...STEPS.map(([, counts]) => rungs.filter(counts).length)];
  });
  const counted = all.filter((place) => GROUPS.some(([, belongs]) => belongs(place)));
  const live = counted.map(({ pop }) => figures.get(pop)).filter((figure) => figure && LIVE.has(figure.rung));
  const feeds = [...Map.groupBy(live, ({ provider }) => provider)].map(([provider, { length }]) => [providerName(provider), length]).sort((a, b) => b[1] - a[1]);
  const text = JSON.stringify([rows, feeds]);
  if (byId("coverage").dataset.shown === text) return;
  byId("coverage").dataset.shown = text;
  const head = html("tr", null, ["Places", "All", ...STEPS.map(([title]) => title)].map((title) => html("th", { scope: "col" }, title)));
  byId("coverage").replaceChildren(
    html("caption", { class: "unseen" }, "Places by what their figure rests on now"), html("thead", null, head),
    html("tbody", null, rows.map(([name, ...numbers]) => html("tr", null, html("th", { scope: "row" }, name), numbers.map((number) => html("td", null, String(number)))))));
  const listed = feeds.map(([name, number]) => `${name} ${number}`).join(", ");
  byId("coverage-feeds").textContent = live.length ? `${count(live.length, "live place")} by feed: ${listed}.` : "No place has a live figure.";
}
