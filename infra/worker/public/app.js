// Gets the router's answers, remembers the last good ones and gives them to the parts of the page.

import "./terms.js";
import { ageLaw } from "./age.js";
import { showCoverage } from "./coverage.js";
import { Decision } from "./decision.js";
import { byId, html, setText } from "./dom.js";
import { get } from "./feed.js";
import { WorldMap } from "./map.js";
import { Places } from "./places.js";
import { Providers } from "./providers.js";
import { Question } from "./question.js";
import { legend } from "./scale.js";
import { RUNGS, age, count, freshnessText, instant, providerName } from "./words.js";
import { Zones } from "./zones.js";

const REFRESH_MS = 10_000;
/** The end of a router's reason that the headline or the decision's sentence says in its place. */
const NOTHING_LIVE = /(; )?none of the \d+ figures is live; (\d+ rest on usual values|none is known)$/;

const question = new Question(refresh);
const parts = { decision: new Decision(question), map: new WorldMap(), zones: new Zones(), providers: new Providers() };
let places = null; // known when the router has listed them
let unlisted = false; // whether that has failed; places are then called by their codes
const answers = {}; // the newest good answers by name
let updatedAtMs = null; // performance.now() at the end of the last refresh without a failure
let failures = []; // the failures of the last refresh, as texts
let timer = null;
let newestRound = 0; // counts refreshes, so that answers of an older one are ignored

async function refresh() {
  clearTimeout(timer);
  timer = null;
  newestRound += 1;
  const round = newestRound;
  const newFailures = [];
  const drawings = []; // of the map, which needs several answers
  const load = async (name, path) => {
    try {
      const answer = await get(path);
      if (round !== newestRound) return;
      answers[name] = answer;
    } catch (error) {
      // What the router says of a field is shown beside it.
      const besideField = name === "route" && round === newestRound && question.refused(error.fields ?? []);
      if (!besideField) newFailures.push(`${name}: ${error.message}`);
      if (name === "places" && round === newestRound) {
        unlisted = true;
        renderDecision();
      }
      return;
    }
    for (const render of RENDERERS[name]) render();
    if (MAPPED.has(name)) drawings.push(renderMap().catch((error) => newFailures.push(`map: ${error.message}`)));
    // Later refreshes show their notices at the end, so that a live region is read aloud once.
    if (updatedAtMs === null) renderNotices();
    renderClock();
  };
  const listed = places ? null : load("places", "places");
  if (question.needsPlaces) await listed;
  const others = [load("zones", "zones"), load("providers", "providers")];
  if (question.check()) others.push(load("route", question.path()));
  else if (!answers.route) setText(byId("sentence"), "The question cannot be asked yet: see the field that is marked.");
  if (!answers.policy || answers.policy.version !== answers.route?.policy) others.push(load("policy", "policy"));
  await Promise.all([listed, ...others]);
  await Promise.all(drawings);
  if (round !== newestRound) return;
  if (newFailures.length === 0) updatedAtMs = performance.now();
  showFailures(newFailures);
  schedule();
}

/** Show what a refresh could not get. The order is fixed, so that the same failures look the same. */
function showFailures(newFailures) {
  failures = [...new Set(newFailures)].sort();
  renderNotices();
  renderClock();
}

function schedule() {
  clearTimeout(timer);
  timer = document.hidden ? null : setTimeout(refresh, REFRESH_MS);
}

const renderPolicy = () => byId("age-cost").replaceChildren(...ageLaw(answers.policy).map((text) => html("p", null, text)));
function renderDecision() {
  if (!answers.route || (!places && !unlisted)) return;
  const nameOf = places?.nameOf ?? String;
  parts.decision.render(answers.route, nameOf);
  parts.zones.setCompared(answers.route.candidates);
}

function renderPlaces() {
  places ??= new Places(answers.places.places);
  question.setPlaces(places, places.all.filter(({ kind }) => kind === "pop"));
}

/** Draw the map and the coverage by figures of the signal that the decision ranks. */
async function renderMap() {
  if (!places || !answers.zones || !answers.route) return;
  const { signal } = question;
  const asked = signal === "any" ? null : signal === "marginal" ? "marginal" : "average";
  const suits = asked === null || answers.zones.zones.every((zone) => zone.signal === asked || zone.signal === null);
  const { zones } = suits ? answers.zones : await get(`zones?signal=${asked}`);
  showCoverage(places, zones);
  await parts.map.render(places, zones, answers.route);
}

/** The answers that the map shows. */
const MAPPED = new Set(["places", "route", "zones"]);

/** What to render when an answer arrives, by the answer's name. */
const RENDERERS = {
  policy: [renderPolicy],
  places: [renderPlaces, renderDecision],
  route: [renderDecision],
  zones: [() => parts.zones.render(answers.zones), renderHeadline],
  providers: [() => parts.providers.render(answers.providers)],
};

/** Say how many figures of all zones are live, so that old data never look like a good answer. */
function renderHeadline() {
  byId("headline").classList.toggle("not-live", answers.zones.freshness !== "live");
  setText(byId("headline"), freshnessText(answers.zones, "zones"));
}

function renderNotices() {
  const newest = Object.values(answers);
  const notices = [];
  if (newest.some((answer) => answer.simulated)) notices.push(["simulated", "Simulated data", "Simulators replace the providers’ APIs. No figure on this page is real."]);
  const failing = answers.providers?.providers.filter(({ state }) => state === "failed") ?? [];
  if (failing.length) notices.push(["failing", ...failingText(failing), "#providers-title"]);
  const reasons = newest.filter((answer) => answer.degraded).map((answer) => answer.degraded_reason.replace(NOTHING_LIVE, ""));
  for (const reason of new Set(reasons.filter(Boolean))) notices.push(["degraded", "Degraded", `The router’s answers are worse than usual: ${reason}.`]);
  if (failures.length) {
    const since = answers.zones ? ` This page shows data from ${instant(answers.zones.as_of)}.` : "";
    notices.push(["failed", "The last refresh failed", `${failures.join(" · ")}.${since}`]);
  }
  const box = byId("notices");
  const shown = JSON.stringify(notices);
  if (box.dataset.shown === shown) return; // an unchanged live region is not read aloud again
  box.dataset.shown = shown;
  box.replaceChildren(...notices.map(([name, title, text, link]) => html("p", { class: `notice ${name}` }, html("strong", null, title), " ", text, link && [" ", html("a", { href: link }, "Providers")])));
}

/** Return a title and a sentence that say which providers fail, and since when. */
function failingText(failing) {
  const { providers, as_of: asOf } = answers.providers;
  const names = failing.map(({ provider, last_success_at: since }) => `${providerName(provider)}${since ? ` since ${instant(since, asOf)}` : ", which has never succeeded"}`);
  return [`${failing.length} of ${count(providers.length, "provider")} ${failing.length === 1 ? "is" : "are"} failing:`, `${names.join(", ")}.`];
}

function renderClock() {
  if (answers.zones) setText(byId("as-of"), `As of ${instant(answers.zones.as_of)}`);
  const since = updatedAtMs === null ? "" : `Last updated ${age((performance.now() - updatedAtMs) / 1000)} ago`;
  const interval = document.hidden ? "paused" : `every ${REFRESH_MS / 1000} s`;
  byId("updated").textContent = since ? `${since} · ${interval}` : "";
}

byId("scale").append(...legend());
for (const [rung, [word, meaning]] of RUNGS) {
  byId("rungs").append(html("dt", null, html("span", { class: `rung rung-${rung}` }, word)), html("dd", null, meaning));
}
byId("refresh").addEventListener("click", refresh);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) schedule();
  else refresh();
});
setInterval(renderClock, 1000);
refresh();
