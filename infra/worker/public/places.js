// The places that a question may name: which of them a text means, and what is known of each.

const OPERATORS = new Map([["aws", "AWS"], ["gcp", "Google Cloud"], ["azure", "Azure"]]);
const KIND_ORDER = ["pop", "region", "colo"]; // which place says where a city is: a colo is at its airport
const SAME_CITY_KM = 120; // as in the router
const MOST_NEAR = 6;

export class Places {
  #byCode;
  #byText = new Map(); // what may be typed, folded, and the places that it means

  constructor(places) {
    this.all = places;
    this.#byCode = new Map(places.map((place) => [place.pop, place]));
    for (const place of places) {
      const short = place.kind === "region" ? place.pop.slice(place.pop.indexOf(":") + 1) : null;
      const texts = [place.name, place.name.split(",")[0], short].filter(Boolean).map(fold);
      for (const text of new Set(texts)) this.#byText.set(text, [...(this.#byText.get(text) ?? []), place]);
    }
  }

  /** Return the name of a place by its code, or the code where it is not known. */
  nameOf = (code) => this.#byCode.get(code)?.name ?? String(code);

  get = (code) => this.#byCode.get(code);

  /** Return the places that a text means: none, one, or several where the text is ambiguous. */
  meant(text) {
    const code = /\(([^()]+)\)\s*$/.exec(text)?.[1] ?? text;
    const exact = this.#byCode.get(code.trim().toLowerCase());
    return exact ? [exact] : (this.#byText.get(fold(text)) ?? []);
  }

  /** Return the place whose position stands for a text: that of a city with several places is one of them. */
  origin(text) {
    const meant = this.meant(text);
    const apart = meant.some((place) => distanceKm(place, meant[0]) > SAME_CITY_KM);
    return apart ? undefined : [...meant].sort((a, b) => KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind))[0];
  }

  /** Return places whose names are like a text that means none or several, the likest first. */
  near(text) {
    const meant = this.meant(text);
    if (meant.length > 1) return meant.slice(0, MOST_NEAR);
    const typed = fold(text);
    const scored = this.all.map((place) => ({ place, score: Math.max(likeness(typed, fold(place.name)), likeness(typed, place.pop)) }));
    return scored.filter(({ score }) => score >= 0.5).sort((a, b) => b.score - a.score).slice(0, MOST_NEAR).map(({ place }) => place);
  }
}

/** Write a place as "London (lon)", which `meant` understands. */
export const labelOf = (place) => `${place.name} (${place.pop})`;

/** Say who is at a place, as "AWS region, GB". */
export function kindOf({ kind, pop, country }) {
  if (kind === "region") return `${OPERATORS.get(pop.split(":")[0]) ?? "cloud"} region, ${country}`;
  return `${kind === "colo" ? "Cloudflare data centre" : "point of presence"}, ${country}`;
}

/** Write a text in small letters without accents, with one space between words. */
export const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[-_\s]+/g, " ").trim();

/** Return how like two texts are, from 0 to 1: the share of pairs of letters that both have. */
function likeness(a, b) {
  if (a.length > 1 && b.startsWith(a)) return 0.9 + a.length / b.length / 10;
  const pairs = (text) => new Set([...text].slice(1).map((letter, i) => text[i] + letter));
  const [left, right] = [pairs(a), pairs(b)];
  const shared = [...left].filter((pair) => right.has(pair)).length;
  return left.size + right.size === 0 ? 0 : (2 * shared) / (left.size + right.size);
}

/** Return the distance along the great circle between two positions in degrees. */
function distanceKm(a, b) {
  const rad = (degrees) => (degrees * Math.PI) / 180;
  const h = Math.sin(rad(b.lat - a.lat) / 2) ** 2 + Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(rad(b.lon - a.lon) / 2) ** 2;
  return 12_742 * Math.asin(Math.sqrt(h));
}
