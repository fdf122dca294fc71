// How each provider fares.

import { byId, h } from "./dom.js";
import { MISSING, age, count, instant, providerName, stateWord } from "./words.js";

export class Providers {
  #list = byId("providers");
  #shown = "";

  render({ providers, as_of: asOf }) {
    const open = new Set([...this.#list.querySelectorAll("details[open]")].map((each) => each.dataset.provider));
    const text = JSON.stringify([providers, asOf.slice(0, 10)]);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#list.replaceChildren(...providers.map((provider) => card(provider, asOf, open)));
  }
}

function card(provider, asOf, open) {
  const { last_error: error, zones } = provider;
  const facts = [
    ["Newest figure", provider.newest_valid_to ? (provider.age_s ? `${age(provider.age_s)} old` : "for now") : MISSING],
    ["Last success", instant(provider.last_success_at, asOf)],
    ["Last run", instant(provider.last_run_at, asOf)],
  ];
  const rejected = Object.entries(provider.rejected ?? {});
  if (rejected.length) facts.push(["Rejected", rejected.map(([why, times]) => `${why} (${times})`).join(", ")]);
  if (provider.unconfigured_zones?.length) facts.push(["Without a key", provider.unconfigured_zones.join(", ")]);
  return h("li", { class: `provider state-${provider.state}` },
    h("h3", null, providerName(provider.provider), h("span", { class: "state" }, stateWord(provider.state))),
    h("dl", null, facts.map(([term, text]) => h("div", null, h("dt", null, term), h("dd", null, text)))),
    error && h("p", { class: "error" }, h("strong", null, `Last error, ${instant(error.at, asOf)}`), ` ${error.kind}: ${error.text}`),
    h("details", { "data-provider": provider.provider, open: open.has(provider.provider) },
      h("summary", null, count(zones.length, "zone")),
      h("p", { class: "quiet" }, zones.join(", "))));
}
