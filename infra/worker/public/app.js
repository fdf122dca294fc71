// Asks, keeps the last good answers, and hands them to the parts of the page.

import { Decision } from "./decision.js";
import { byId, h, say } from "./dom.js";
import { ask } from "./feed.js";
import { PopMap } from "./map.js";
import { Providers } from "./providers.js";
import { legend } from "./scale.js";
import { RUNGS, age, count, instant, providerName } from "./words.js";
import { Zones } from "./zones.js";

const EVERY_MS = 10_000;

const parts = { decision: new Decision(refresh), map: new PopMap(), zones: new Zones(), providers: new Providers() };
const last = {}; // the newest good answer by name
let updatedAt = null; // performance.now() of the last refresh in which all was answered
let failures = []; // what the last refresh did not get, in words
let timer = null;
let round = 0; // of questions; an answer to an older one comes too late

async function refresh() {
  clearTimeout(timer);
  timer = null;
  const mine = ++round;
  const lost = [];
  const get = async (name, path) => {
    try {
      const answer = await ask(path);
      if (mine !== round) return;
      last[name] = answer;
    } catch (error) {
      lost.push(`${name}: ${error.message}`);
      return;
    }
    for (const draw of DRAWN[name]) draw();
    if (updatedAt === null) notices(); // later all at once: half a round would speak twice
    clock();
  };
  const others = [get("zones", "zones"), get("providers", "providers"), get("route", parts.decision.question())];
  if (!last.policy) others.push(get("policy", "policy"));
  const pops = last.pops ? null : get("pops", "pops");
  const getMap = () => get("everywhere", parts.map.question(last.pops.pops, parts.decision.signal));
  const everywhere = pops ? pops.then(() => mine === round && last.pops && getMap()) : getMap();
  await Promise.all([pops ?? everywhere, ...others]);
  if (mine !== round) return;
  if (lost.length) tell(lost);
  await everywhere;
  if (mine !== round) return;
  if (lost.length === 0) updatedAt = performance.now();
  tell(lost);
  schedule();
}

/** Say what a refresh did not get. */
function tell(lost) {
  failures = [...lost].sort(); // in whatever order they were lost, it is the same news
  notices();
  clock();
}

function schedule() {
  clearTimeout(timer);
  timer = document.hidden ? null : setTimeout(refresh, EVERY_MS);
}

const drawPolicy = () => {
  const { penalty_grace_s: grace, penalty_slope_gco2_kwh_min: slope, max_stale_s: oldest } = last.policy;
  say(byId("age-cost"), `A figure is free for ${age(grace)} after the end of its interval, then each further minute adds ${slope} g/kWh. After ${age(oldest)} a fallback stands in, with the penalty of that age, so that old data never look better than new.`);
};
const drawDecision = () => last.pops && last.route && parts.decision.render(last.route, last.pops.pops);
const drawMap = () => last.pops && last.everywhere && parts.map.render(last.everywhere, last.pops.pops, last.route?.pop);

/** What is drawn anew when an answer comes, by its name. */
const DRAWN = {
  policy: [drawPolicy],
  pops: [drawDecision],
  route: [drawDecision, drawMap],
  everywhere: [drawMap],
  zones: [() => parts.zones.render(last.zones)],
  providers: [() => parts.providers.render(last.providers)],
};

function notices() {
  const answers = Object.values(last);
  const told = [];
  if (answers.some((answer) => answer.simulated)) told.push(["simulated", "Simulated data", "The upstream APIs are imitated on this machine. No figure on this page is real."]);
  const failing = last.providers?.providers.filter(({ state }) => state === "failed") ?? [];
  if (failing.length) told.push(["failing", ...failed(failing), "#providers-title"]);
  const reasons = new Set(answers.filter((answer) => answer.degraded).map((answer) => answer.degraded_reason));
  for (const reason of reasons) told.push(["degraded", "Degraded", `The router answers from what it has: ${reason}.`]);
  if (failures.length) {
    const since = last.zones ? ` What you see is from ${instant(last.zones.as_of)}.` : "";
    told.push(["failed", "The last refresh failed", `${failures.join(" · ")}.${since}`]);
  }
  const box = byId("notices");
  const text = JSON.stringify(told);
  if (box.dataset.told === text) return; // a live region speaks only of news
  box.dataset.told = text;
  box.replaceChildren(...told.map(([name, title, what, more]) => h("p", { class: `notice ${name}` }, h("strong", null, title), " ", what, more && [" ", h("a", { href: more }, "Providers")])));
}

/** How many providers fail, and since when: a title and a sentence. */
function failed(failing) {
  const { providers, as_of: asOf } = last.providers;
  const each = failing.map(({ provider, last_success_at: since }) => `${providerName(provider)}${since ? ` since ${instant(since, asOf)}` : ", which has never succeeded"}`);
  return [`${failing.length} of ${count(providers.length, "provider")} ${failing.length === 1 ? "is" : "are"} failing:`, `${each.join(", ")}.`];
}

function clock() {
  if (last.zones) say(byId("as-of"), `As of ${instant(last.zones.as_of)}`);
  const since = updatedAt === null ? "" : `Last updated ${age((performance.now() - updatedAt) / 1000)} ago`;
  const pace = document.hidden ? "paused" : `every ${EVERY_MS / 1000} s`;
  byId("updated").textContent = since ? `${since} · ${pace}` : "";
}

byId("scale").append(...legend());
for (const [rung, [word, meaning]] of RUNGS) {
  byId("rungs").append(h("dt", null, h("span", { class: `rung rung-${rung}` }, word)), h("dd", null, meaning));
}
byId("refresh").addEventListener("click", refresh);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) schedule();
  else refresh();
});
setInterval(clock, 1000);
refresh();
