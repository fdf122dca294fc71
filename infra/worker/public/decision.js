// The decision as a sentence, a chart and a table.

import { draw } from "./chart.js";
import { byId, html, setText } from "./dom.js";
import { gain } from "./gain.js";
import { LIVE, MISSING, age, bounds, counting, disputeText, exclusionWord, freshnessText, grams, hasMoved, isNumber, kind, milliseconds, nearestWords, penalty, providerName, reasonWords, rungWord } from "./words.js";

export class Decision {
  #route = null;
  #question;
  #nameOf = String;

  /** @param question is the form, which says where the request comes from and within what limit. */
  constructor(question) {
    this.#question = question;
    byId("why").open = matchMedia("(min-width: 36rem)").matches; // on a phone the chart comes first
    new ResizeObserver(() => this.draw()).observe(byId("chart"));
  }

  /** @param nameOf returns the name of a place by its code. */
  render(route, nameOf) {
    this.#route = route;
    this.#nameOf = nameOf;
    const [chosen] = route.candidates;
    const saved = gain(route, nameOf);
    const parts = [
      route.freshness === "live" ? null : "Nothing is live. ",
      `A request from ${this.#question.from} goes to `, html("strong", null, nameOf(route.pop)), `, ${gridOf(chosen)}${saved ? `, ${saved}` : ""}: ${reasonWords(route)}.`,
    ];
    const sentence = html("span", null, parts);
    if (sentence.textContent !== byId("sentence").textContent) byId("sentence").replaceChildren(sentence);
    setText(byId("reason"), [route.reason_text, difference(route, nameOf), comparison(route)].filter(Boolean).join(" "));
    setText(byId("counts"), freshnessText(route, "candidates"));
    setText(byId("counting"), countedAs(route));
    this.#showDisputes(route.candidates);
    this.draw();
    byId("candidates").replaceChildren(...rows(route, nameOf));
  }

  /** Draw the chart, which shows the form's limit before the router has answered. */
  draw() {
    if (this.#route === null) return;
    draw(byId("chart"), byId("chart-key"), this.#route, this.#question.limitMs, this.#nameOf);
  }

  #showDisputes(candidates) {
    const texts = [...new Set(candidates.map(disputeText).filter(Boolean))];
    const shown = texts.join();
    if (byId("disputes").dataset.shown === shown) return;
    byId("disputes").dataset.shown = shown;
    byId("disputes").replaceChildren(...texts.map((text) => html("li", null, html("strong", { class: "disputed" }, "Disputed."), ` ${text}`)));
  }
}

/** Say in which ways the figures of a decision were counted. */
function countedAs({ ranking: { kinds, scopes, factor_sets: sets } }) {
  const parts = [kinds.join("; "), scopes.join(" and "), sets.length ? `factors of ${sets.join(", ")}` : ""];
  return kinds.length ? `Compared by: ${parts.filter(Boolean).join(" · ")}.` : "";
}

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
  const nearestPlace = nearestWords(candidates);
  if (baseline.pop === pop) return `It is also ${nearestPlace}.`;
  const [amount, nearest] = [grams(Math.abs(differenceGco2Kwh)), `the grid of ${nearestPlace}, ${nameOf(baseline.pop)}`];
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
