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

const DECISION_HEADERS = ["pop", "zone", "gco2", "age", "reason"].map(
  (name) => `x-greenstream-${name}`,
);

/** Remove the hop-by-hop headers and those that the `Connection` header lists. */
export function removeHopByHop(headers: Headers): void {
  const listed = (headers.get("connection") ?? "").split(",").map((name) => name.trim());
  for (const name of [...HOP_BY_HOP, ...listed]) {
    if (/^[\w-]+$/.test(name)) headers.delete(name);
  }
}

/** Set the `x-greenstream-*` headers and remove any earlier ones. Unknown values are left out. */
export function setDecisionHeaders(
  headers: Headers,
  candidate: Candidate,
  reason: string,
  now_ms: number,
): void {
  for (const name of DECISION_HEADERS) headers.delete(name);
  headers.set("x-greenstream-pop", candidate.pop);
  headers.set("x-greenstream-reason", reason);
  const age_s = ageInSeconds(candidate, now_ms);
  if (candidate.zone !== null) headers.set("x-greenstream-zone", candidate.zone);
  if (candidate.gco2_kwh !== null) headers.set("x-greenstream-gco2", `${candidate.gco2_kwh}`);
  if (age_s !== null) headers.set("x-greenstream-age", `${age_s}`);
}
