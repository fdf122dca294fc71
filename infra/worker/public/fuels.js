// What a zone's electricity is made from, as a bar for each fuel.

import { html, svg } from "./dom.js";
import { MISSING, instant, providerName } from "./words.js";

/** ENTSO-E's codes of fuels, by its code list "PsrType". Other providers' names are words already. */
const ENTSOE = {
  B01: "Biomass", B02: "Lignite", B03: "Coal-derived gas", B04: "Gas", B05: "Hard coal", B06: "Oil", B07: "Oil shale", B08: "Peat",
  B09: "Geothermal", B10: "Pumped storage", B11: "Run-of-river hydro", B12: "Water reservoirs", B13: "Marine", B14: "Nuclear",
  B15: "Other renewable", B16: "Solar", B17: "Waste", B18: "Wind offshore", B19: "Wind onshore", B20: "Other", B25: "Batteries",
};
const WIDTH_PX = 110;
const FEWEST_SHARE = 0.005; // smaller fuels are added up

/** Return a mix as a list with a bar for each fuel, the largest first. Fuels that are at zero are left out. */
export function mixOf(mix, asOf) {
  const amounts = Object.entries(mix.fuels).filter(([, amount]) => amount > 0).sort((a, b) => b[1] - a[1]);
  const taken = Object.entries(mix.fuels).filter(([, amount]) => amount < 0);
  const total = amounts.reduce((sum, [, amount]) => sum + amount, 0);
  if (total === 0) return html("p", { class: "quiet" }, MISSING);
  const large = amounts.filter(([, amount]) => amount / total >= FEWEST_SHARE);
  const rest = total - large.reduce((sum, [, amount]) => sum + amount, 0);
  const rows = rest > total / 1e6 ? [...large, ["others", rest]] : large;
  const least = mix.unit === "MW" ? (amount) => `${Math.round(amount).toLocaleString("en-GB")} MW` : null;
  return html("div", { class: "mix" },
    html("p", { class: "quiet" }, `${providerName(mix.provider)}, ${instant(mix.valid_to, asOf)}`),
    html("dl", null, rows.map(([fuel, amount]) => html("div", null,
      html("dt", null, nameOf(fuel)),
      html("dd", null, svg("svg", { width: WIDTH_PX, height: 8, "aria-hidden": "true" }, svg("rect", { class: "share", width: Math.max(1, (amount / total) * WIDTH_PX), height: 8 })),
        html("span", null, `${Math.round((amount / total) * 100)} %`), least && html("small", null, least(amount)))))),
    taken.length > 0 && html("p", { class: "quiet" }, `Taken out by ${taken.map(([fuel, amount]) => `${nameOf(fuel)} (${Math.round(-amount)} ${mix.unit})`).join(", ")}.`));
}

const nameOf = (fuel) => ENTSOE[fuel] ?? fuel.replaceAll("_", " ");
