// The view in the page's address, so that a link shows what its sender saw.

/** Return a value of the address, or null where it has none. */
export const fromAddress = (name) => new URLSearchParams(location.search).get(name);

/** Write a value into the address. An empty one, or the usual one, is left out of it. */
export function toAddress(name, value, usual = "") {
  const query = new URLSearchParams(location.search);
  if (value === null || value === "" || String(value) === String(usual)) query.delete(name);
  else query.set(name, value);
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  const address = `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
  if (address !== location.pathname + location.search + location.hash) history.replaceState(null, "", address);
}
