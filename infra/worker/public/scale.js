// The colour of an adj_carbon, in seven steps from clean (teal) to dirty (brown): told apart
// by every common kind of colour vision. The colours themselves are in style.css.

import { h } from "./dom.js";
import { isNumber } from "./words.js";

const EDGES = [50, 100, 200, 300, 450, 600];

/** The class that gives an element its `--step` colour. */
export const stepOf = (value) =>
  isNumber(value) ? `step-${EDGES.filter((edge) => value >= edge).length}` : "step-none";

/** The legend: the steps, and what hollow marks mean. */
export function legend() {
  const edges = [0, ...EDGES];
  return [
    h("ol", { "aria-label": "Colours, g/kWh" },
      edges.map((low, step) => {
        const high = edges[step + 1];
        return h("li", { class: `step-${step}` }, h("span", { class: "swatch" }), `${low}`,
          high === undefined ? "+" : h("span", { class: "unseen" }, ` to ${high}`));
      })),
    h("p", { class: "quiet" }, "g/kWh. Filled: measured or forecast for now. Hollow: a fallback."),
  ];
}
