// Asks, keeps the last good answers, and hands them to the parts of the page.

import { Decision } from "./decision.js";
import { byId, h, say } from "./dom.js";
import { ask } from "./feed.js";
import { PopMap } from "./map.js";
import { Providers } from "./providers.js";
import { legend } from "./scale.js";
import { RUNGS, age, instant } from "./words.js";
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
  const lostAtStart = last.pops && last.policy ? [] : await gather(mine, { pops: "pops", policy: "policy" });
  if (mine !== round) return;
  const questions = { zones: "zones", providers: "providers", route: parts.decision.question() };
  if (last.pops) questions.everywhere = parts.map.question(last.pops.pops, parts.decision.signal);
  const lost = await gather(mine, questions);
  if (mine !== round) return;
  failures = [...lostAtStart, ...lost];
  if (failures.length === 0) updatedAt = performance.now();
  render();
  schedule();
}

/** Ask several at once, keep what is answered, return what is not, in words. */
async function gather(mine, questions) {
  const names = Object.keys(questions);
  const answers = await Promise.allSettled(names.map((name) => ask(questions[name])));
  if (mine !== round) return [];
  const lost = [];
  answers.forEach((answer, i) => {
    if (answer.status === "fulfilled") last[names[i]] = answer.value;
    else lost.push(`${names[i]}: ${answer.reason.message}`);
  });
  return lost;
}

function schedule() {
  clearTimeout(timer);
  timer = document.hidden ? null : setTimeout(refresh, EVERY_MS);
}

function render() {
  if (last.policy) {
    const { penalty_grace_s: grace, penalty_slope_gco2_kwh_min: slope, max_stale_s: oldest } = last.policy;
    say(byId("age-cost"), `A figure is free for ${age(grace)} after the end of its interval, then each further minute adds ${slope} g/kWh. After ${age(oldest)} a fallback stands in, with the penalty of that age, so that old data never look better than new.`);
  }
  if (last.pops && last.route) parts.decision.render(last.route, last.pops.pops);
  if (last.pops && last.everywhere) parts.map.render(last.everywhere, last.pops.pops, last.route?.pop);
  if (last.zones) parts.zones.render(last.zones);
  if (last.providers) parts.providers.render(last.providers);
  notices();
  clock();
}

function notices() {
  const answers = Object.values(last);
  const told = [];
  if (answers.some((answer) => answer.simulated)) told.push(["simulated", "Simulated data", "The upstream APIs are imitated on this machine. No figure on this page is real."]);
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
  box.replaceChildren(...told.map(([name, title, what]) => h("p", { class: `notice ${name}` }, h("strong", null, title), " ", what)));
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
