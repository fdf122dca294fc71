// Functions that make elements. Text is always added as text nodes, because the texts of providers
// may contain markup.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** Make an HTML element. Attributes that are null or false are left out. */
export const html = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** Make an SVG element. Attributes that are null or false are left out. */
export const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG_NAMESPACE, tag), attributes, children);

/** Return the page's element with this id. */
export const byId = (id) => document.getElementById(id);

/** Set an element's text if it has changed. An unchanged live region is not read aloud again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
