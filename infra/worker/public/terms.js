// Explains the page's words where they stand: a button beside them opens a note.

import { html } from "./dom.js";

const TERMS = {
  intensity: "Carbon intensity: how much CO₂ the electricity of a grid zone causes, in grams per kilowatt-hour (g/kWh). A missing figure is shown as a dash, never as zero.",
  pop: "A point of presence (POP) is a data centre that can serve the request: one of GreenStream’s own list, a data centre of Cloudflare, or a region of AWS, Google Cloud or Azure.",
  zone: "A grid zone is an area of one electricity grid that has one carbon intensity at a time.",
  rtt: "The round trip is the time that a signal takes there and back, in milliseconds. The router takes a measured one where it has it, and else estimates it from the distance.",
  kind: "Average intensity is all emissions divided by all generation. Marginal intensity is what one more kilowatt-hour would emit. They answer different questions, so they are ranked against each other only if you choose “any”. Direct figures count what power plants emit from burning fuel; lifecycle figures add construction, mining and transport.",
  scope: "Production figures count the electricity that a zone generates. Consumption figures also count its imports. The factor set is the table of emission factors that made the figure.",
  adj: "The value that is expected by now, plus a penalty for the age of the figure. Candidates are ranked by it (adj_carbon).",
  bounds: "If the fuel of some generation is unknown, two bounds show the range in which the true figure lies.",
  status: "Live: a provider’s own figure, no older than usual. Stale: its last one, which is older. Same hour, 7 days: the mean of this hour of the day over the last week. Annual mean: a published mean of a whole year.",
  coverage: "A place is live when its grid has a figure that is no older than usual. Else the grid’s usual value for the hour stands, and where that is not known, its mean of a year.",
};

/** Make a button that explains a word. `word` is what the button says it explains. */
export function termOf(name, word) {
  const note = html("span", { id: `term-${name}`, class: "term-note", popover: true, role: "note" }, TERMS[name.replace("-column", "")]);
  const button = html("button", { type: "button", class: "term", popovertarget: note.id, "aria-label": `What is meant by ${word}?` }, "?");
  note.addEventListener("toggle", (event) => event.newState === "open" && moveTo(note, button));
  return html("span", { class: "term-of" }, button, note);
}

for (const element of document.querySelectorAll("[data-term]")) element.replaceWith(termOf(element.dataset.term, element.dataset.word));

/** Put a note below its button, inside the window. */
function moveTo(note, button) {
  const at = button.getBoundingClientRect();
  const box = note.getBoundingClientRect();
  note.style.left = `${Math.max(8, Math.min(at.left - 12, innerWidth - box.width - 8))}px`;
  note.style.top = `${at.bottom + box.height + 12 > innerHeight ? Math.max(8, at.top - box.height - 6) : at.bottom + 6}px`;
}
