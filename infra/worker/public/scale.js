// The colours of the figures, in seven steps from clean (teal) to dirty (brown). People with any
// common kind of colour vision can distinguish them. The colours are defined in style.css.

import { html } from "./dom.js";
import { LIVE, isNumber } from "./words.js";

const EDGES_GCO2_KWH = [50, 100, 200, 300, 450, 600];

/** Return the class that gives an element its `--step` colour. */
export const stepOf = (value) =>
  isNumber(value) ? `step-${EDGES_GCO2_KWH.filter((edge) => value >= edge).length}` : "step-none";

/** Return the class of a mark by what its figure rests on: "solid" for live, "old" for stale, "hollow" for a fallback. */
export const ageMark = ({ rung }) => (LIVE.has(rung) ? "solid" : rung === "stale" ? "old" : "hollow");

/** Make the legend of the colours and of filled and hollow marks. */
export function legend() {
  const edges = [0, ...EDGES_GCO2_KWH];
  return [
    html("ol", { "aria-label": "Colours, g/kWh" },
      edges.map((low, step) => {
        const high = edges[step + 1];
        return html("li", { class: `step-${step}` }, html("span", { class: "swatch" }), `${low}`,
          high === undefined ? "+" : html("span", { class: "unseen" }, ` to ${high}`));
      })),
    html("p", { class: "quiet" }, "The colour is the figure in g/kWh. A filled mark is a live figure, a dashed mark is an old one, and a hollow mark is a fallback."),
  ];
}
