// This is the router's own table, so that the two cannot differ.
import table from "../../../../layers/greenstream/greenstream/data/pops.json";

/** A position in degrees of latitude and longitude. */
export interface Position {
  lat: number;
  lon: number;
}

export const KNOWN_POPS: ReadonlyMap<string, Position> = new Map(
  table.pops.map(({ pop, lat, lon }) => [pop, { lat, lon }]),
);

/** Sort POPs by their distance from a position, the nearest first. */
export function byDistance(pops: Iterable<string>, from: Position): string[] {
  const distance = new Map([...pops].map((pop) => [pop, haversine(from, positionOf(pop))]));
  return [...distance.keys()].sort((a, b) => (distance.get(a) ?? 0) - (distance.get(b) ?? 0));
}

function positionOf(pop: string): Position {
  const position = KNOWN_POPS.get(pop);
  if (position === undefined) throw new Error(`The POP ${pop} is not in the table of POPs.`);
  return position;
}

/**
 * Return the haversine of the central angle between two positions. It grows with the great-circle
 * distance, so it is enough to sort by.
 */
function haversine(a: Position, b: Position): number {
  const radians = Math.PI / 180;
  return (
    Math.sin(((b.lat - a.lat) * radians) / 2) ** 2 +
    Math.cos(a.lat * radians) *
      Math.cos(b.lat * radians) *
      Math.sin(((b.lon - a.lon) * radians) / 2) ** 2
  );
}
