import { ageInSeconds, type Candidate } from "./decision.ts";

/** Headers that describe one connection, which a proxy must not forward (RFC 9110 §7.6.1). */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

const OWN_PREFIX = "x-greenstream-";

/** Remove the hop-by-hop headers and those that the `Connection` header lists. */
export function removeHopByHop(headers: Headers): void {
  const listed = (headers.get("connection") ?? "").split(",").map((name) => name.trim());
  for (const name of [...HOP_BY_HOP, ...listed]) {
    if (/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) headers.delete(name);
  }
}

/**
 * Remove all `x-greenstream-*` headers, since nobody but the Worker may set them. An application
 * behind CGI or WSGI cannot tell `x_greenstream_pop` from `x-greenstream-pop`, so both are removed.
 */
export function removeOwn(headers: Headers): void {
  for (const name of [...headers.keys()]) {
    if (name.replaceAll("_", "-").startsWith(OWN_PREFIX)) headers.delete(name);
  }
}

/** Set the `x-greenstream-*` headers and remove any earlier ones. Unknown values are left out. */
export function setDecisionHeaders(
  headers: Headers,
  candidate: Candidate,
  reason: string,
  now_ms: number,
): void {
  removeOwn(headers);
  headers.set("x-greenstream-pop", candidate.pop);
  headers.set("x-greenstream-reason", reason);
  const age_s = ageInSeconds(candidate, now_ms);
  if (candidate.zone !== null) headers.set("x-greenstream-zone", candidate.zone);
  if (candidate.gco2_kwh !== null) headers.set("x-greenstream-gco2", `${candidate.gco2_kwh}`);
  if (age_s !== null) headers.set("x-greenstream-age", `${age_s}`);
}
