import type { Position } from "./pops.ts";

/** Where a visit comes from. */
export interface Place {
  /** Cloudflare's code of the data centre that received it: three capital letters, as in AMS. */
  colo: string | null;
  position: Position | null;
}

/** Read what the platform says of a visit. What it does not say, or says wrongly, is null. */
export function placeOf(said: {
  readonly colo?: unknown;
  readonly latitude?: unknown;
  readonly longitude?: unknown;
}): Place {
  const colo = typeof said.colo === "string" && /^[A-Z]{3}$/.test(said.colo) ? said.colo : null;
  return { colo, position: positionOf(said.latitude, said.longitude) };
}

/** Read the degrees that Cloudflare gives as text. It leaves out a position it does not know. */
function positionOf(latitude: unknown, longitude: unknown): Position | null {
  if (!latitude || !longitude) return null;
  const position = { lat: Number(latitude), lon: Number(longitude) };
  return Math.abs(position.lat) <= 90 && Math.abs(position.lon) <= 180 ? position : null;
}
