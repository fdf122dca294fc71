import { ageS, type Candidate } from "./decision.ts";

/** About one connection, not about the message (RFC 9110 §7.6.1, and the older names). */
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

const OURS = ["pop", "zone", "gco2", "age", "reason"].map((name) => `x-greenstream-${name}`);

/** Remove what ends with this connection: the known names and those `Connection` lists. */
export function removeHopByHop(headers: Headers): void {
  const listed = (headers.get("connection") ?? "").split(",").map((name) => name.trim());
  for (const name of [...HOP_BY_HOP, ...listed]) {
    if (/^[\w-]+$/.test(name)) headers.delete(name);
  }
}

/** Say which POP it is, in place of whatever stood there. What is not known is left out. */
export function tell(headers: Headers, candidate: Candidate, reason: string, now_ms: number): void {
  for (const name of OURS) headers.delete(name);
  headers.set("x-greenstream-pop", candidate.pop);
  headers.set("x-greenstream-reason", reason);
  const age_s = ageS(candidate, now_ms);
  if (candidate.zone !== null) headers.set("x-greenstream-zone", candidate.zone);
  if (candidate.gco2_kwh !== null) headers.set("x-greenstream-gco2", `${candidate.gco2_kwh}`);
  if (age_s !== null) headers.set("x-greenstream-age", `${age_s}`);
}
