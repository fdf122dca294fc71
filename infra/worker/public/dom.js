// Elements made by hand. Text only ever enters as text nodes: what a provider says may be hostile.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element; attributes that are null or false are left out. */
export const h = (tag, attributes, ...children) =>
  furnish(document.createElement(tag), attributes, children);

/** Make an SVG element. */
export const s = (tag, attributes, ...children) =>
  furnish(document.createElementNS(SVG, tag), attributes, children);

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** Replace an element's content, unless it is that text already (live regions stay silent). */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
