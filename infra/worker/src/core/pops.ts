// These are the router's own tables, so that the two cannot differ.
import colo_table from "../../../../layers/greenstream/greenstream/data/colos.json";
import group_table from "../../../../layers/greenstream/greenstream/data/country_groups.json";
import pop_table from "../../../../layers/greenstream/greenstream/data/pops.json";
import region_table from "../../../../layers/greenstream/greenstream/data/regions.json";

/** A position in degrees of latitude and longitude. */
export interface Position {
  lat: number;
  lon: number;
}

/** A place where a request can be served: where it stands, and in which country (ISO 3166-1). */
export interface KnownPop extends Position {
  country: string;
}

/**
 * Every place by the name that the router answers with: a POP, a data centre of Cloudflare in small
 * letters, or a cloud region with its provider. A colo whose code is that of a POP is that POP.
 */
export const KNOWN_POPS: ReadonlyMap<string, KnownPop> = new Map<string, KnownPop>([
  ...colo_table.colos.map((row): [string, KnownPop] => [row.colo.toLowerCase(), knownPop(row)]),
  ...pop_table.pops.map((row): [string, KnownPop] => [row.pop, knownPop(row)]),
  ...region_table.regions.map((row): [string, KnownPop] => [row.region, knownPop(row)]),
]);

/** The countries of each group of countries, by its name. */
const GROUPS: ReadonlyMap<string, readonly string[]> = new Map(
  group_table.groups.map(({ group, countries }) => [group, countries]),
);

const COUNTRIES: ReadonlySet<string> = new Set([...KNOWN_POPS.values()].map((pop) => pop.country));

function knownPop({ lat, lon, country }: KnownPop): KnownPop {
  return { lat, lon, country };
}

/**
 * Return the router's name of a place that is written in any case, and of a region that may lack
 * its provider where one provider alone has it. Null means that no place has the name.
 */
export function popNamed(text: string): string | null {
  const name = text.toLowerCase();
  if (KNOWN_POPS.has(name)) return name;
  const [region, ...others] = [...KNOWN_POPS.keys()].filter((known) => known.endsWith(`:${name}`));
  return region !== undefined && others.length === 0 ? region : null;
}

/** Return the countries of a country or a group of countries, or null if there is no such. */
export function countriesNamed(text: string): readonly string[] | null {
  const name = text.toUpperCase();
  return GROUPS.get(name) ?? (COUNTRIES.has(name) ? [name] : null);
}

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
