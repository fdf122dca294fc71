/** A POP that can serve a visit, with its zone's carbon intensity. An unknown value is null. */
export interface Candidate {
  pop: string;
  zone: string | null;
  gco2_kwh: number | null;
  /** The end of the interval that the intensity describes, in ms since 1970. */
  valid_to_ms: number | null;
}

export interface Decision {
  reason: string;
  /** The chosen POP, then the others in the order in which they should replace it on failure. */
  order: readonly Candidate[];
}

export class DecisionError extends Error {}

/**
 * Read the router's answer and check each field that the Worker uses.
 * @param pops The POPs that were asked about. The answer may contain no others.
 * @throws DecisionError when the answer is not JSON or a field is missing or invalid.
 */
export function readDecision(text: string, pops: ReadonlySet<string>): Decision {
  const answer = readObject(parseJson(text), "The answer");
  const chosen = readName(answer.pop, "pop");
  const { candidates } = answer;
  if (!Array.isArray(candidates)) throw new DecisionError("The field candidates is not a list.");
  const rows = candidates.map(readRow);
  const listed = new Set(rows.map(({ pop }) => pop));
  if (listed.size !== rows.length || !listed.isSubsetOf(pops)) {
    throw new DecisionError("The candidates contain a POP twice, or one that was not asked about.");
  }
  if (!listed.has(chosen)) throw new DecisionError("The field pop is not among the candidates.");
  rows.sort(
    (a, b) => Number(b.pop === chosen) - Number(a.pop === chosen) || compareForFailover(a, b),
  );
  return {
    reason: readName(answer.reason, "reason"),
    order: rows.map(({ pop, zone, gco2_kwh, valid_to_ms }) => ({
      pop,
      zone,
      gco2_kwh,
      valid_to_ms,
    })),
  };
}

/**
 * Return the age of a candidate's intensity in seconds since the end of its interval. It is 0
 * before that end, and null if the intensity is unknown.
 */
export function ageInSeconds(candidate: Candidate, now_ms: number): number | null {
  const { valid_to_ms } = candidate;
  return valid_to_ms === null ? null : Math.max(0, Math.round((now_ms - valid_to_ms) / 1000));
}

interface Row extends Candidate {
  eligible: boolean;
  score: number | null;
  latency_ms: number | null;
}

/** Order eligible candidates by score, and after them the others by latency. */
function compareForFailover(a: Row, b: Row): number {
  const by = (of: (row: Row) => number | null) => (of(a) ?? Infinity) - (of(b) ?? Infinity) || 0;
  const eligible = Number(b.eligible) - Number(a.eligible);
  return eligible || (a.eligible && by((row) => row.score)) || by((row) => row.latency_ms);
}

function readRow(value: unknown): Row {
  const candidate = readObject(value, "A candidate");
  const { zone, eligible, valid_to } = candidate;
  if (typeof eligible !== "boolean") {
    throw new DecisionError("The field eligible is not a boolean.");
  }
  return {
    pop: readName(candidate.pop, "pop"),
    zone: zone === null ? null : readName(zone, "zone"),
    gco2_kwh: readNumber(candidate.gco2_kwh, "gco2_kwh"),
    valid_to_ms: valid_to === null ? null : readTimeMs(valid_to),
    eligible,
    score: readNumber(candidate.score, "score"),
    latency_ms: readNumber(candidate.latency_ms, "latency_ms"),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DecisionError("The answer is not JSON.");
  }
}

function readObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new DecisionError(`${what} is not an object.`);
}

/** Read a name that is safe to use in a header: letters, digits and `_`, `.`, `:`, `-`. */
function readName(value: unknown, field: string): string {
  if (typeof value === "string" && /^[\w.:-]{1,64}$/.test(value)) return value;
  throw new DecisionError(`The field ${field} is not a name.`);
}

function readNumber(value: unknown, field: string): number | null {
  if (value === null) return null;
  // JSON may hold a number that is too large, which JavaScript reads as infinite.
  if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new DecisionError(`The field ${field} is not a number of at least 0.`);
}

function readTimeMs(value: unknown): number {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw new DecisionError("The field valid_to is not a time.");
  return ms;
}
