// The state of each provider.

import { byId, html } from "./dom.js";
import { MISSING, age, count, instant, providerName, stateWord } from "./words.js";

export class Providers {
  #list = byId("providers");
  #shown = "";

  render({ providers, as_of: asOf }) {
    const open = new Set([...this.#list.querySelectorAll("details[open]")].map((details) => details.dataset.provider));
    const text = JSON.stringify([providers, asOf.slice(0, 10)]);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#list.replaceChildren(...providers.map((provider) => card(provider, asOf, open)));
  }
}

function card(provider, asOf, open) {
  const { last_error: error, zones } = provider;
  const facts = [
    ["Newest figure", provider.newest_valid_to ? (provider.age_s ? `${age(provider.age_s)} old` : "current") : MISSING],
    ["Last success", instant(provider.last_success_at, asOf)],
    ["Last run", instant(provider.last_run_at, asOf)],
  ];
  const rejected = Object.entries(provider.rejected ?? {});
  if (rejected.length) facts.push(["Rejected", rejected.map(([reason, times]) => `${reason} (${times})`).join(", ")]);
  if (provider.unconfigured_zones?.length) facts.push(["Without a key", provider.unconfigured_zones.join(", ")]);
  return html("li", { class: `provider state-${provider.state}` },
    html("details", { "data-provider": provider.provider, open: open.has(provider.provider) },
      html("summary", null, html("strong", null, providerName(provider.provider)), html("span", { class: "state" }, stateWord(provider.state)), html("span", { class: "quiet" }, facts[0][1])),
      html("dl", null, facts.map(([term, text]) => html("div", null, html("dt", null, term), html("dd", null, text)))),
      html("p", { class: "quiet" }, `${count(zones.length, "zone")}: ${zones.join(", ")}`)),
    error && html("p", { class: "error" }, html("strong", null, `Last error, ${instant(error.at, asOf)}`), ` ${error.kind}: ${error.text}`));
}
