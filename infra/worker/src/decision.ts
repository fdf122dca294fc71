/** A POP that can serve, with its zone's figure; what is not known is null, never zero. */
export interface Candidate {
  pop: string;
  zone: string | null;
  gco2_kwh: number | null;
  /** End of the interval the figure is about, ms since 1970; its age is told from this. */
  valid_to_ms: number | null;
}

export interface Decision {
  reason: string;
  /** The chosen POP first, then the others in the order in which they should take over. */
  order: readonly Candidate[];
}

export class DecisionError extends Error {}

/**
 * Read the router's answer, believing nothing of it unseen.
 * @param pops those that were asked about; the answer may name no other.
 * @throws DecisionError when it cannot be understood.
 */
export function readDecision(text: string, pops: ReadonlySet<string>): Decision {
  const answer = object(parse(text), "answer");
  const chosen = name(answer.pop, "pop");
  const { candidates } = answer;
  if (!Array.isArray(candidates)) throw new DecisionError("candidates is no list");
  const rows = candidates.map(row);
  const named = new Set(rows.map(({ pop }) => pop));
  if (named.size !== rows.length || !named.isSubsetOf(pops)) {
    throw new DecisionError("candidates are not the POPs asked about");
  }
  if (!named.has(chosen)) throw new DecisionError("pop is no candidate");
  rows.sort((a, b) => Number(b.pop === chosen) - Number(a.pop === chosen) || takesOver(a, b));
  return {
    reason: name(answer.reason, "reason"),
    order: rows.map(({ pop, zone, gco2_kwh, valid_to_ms }) => ({
      pop,
      zone,
      gco2_kwh,
      valid_to_ms,
    })),
  };
}

/** The age of a candidate's figure now, s; 0 while its interval lasts, null when unknown. */
export function ageS(candidate: Candidate, now_ms: number): number | null {
  const { valid_to_ms } = candidate;
  return valid_to_ms === null ? null : Math.max(0, Math.round((now_ms - valid_to_ms) / 1000));
}

interface Row extends Candidate {
  eligible: boolean;
  score: number | null;
  latency_ms: number | null;
}

/** Those within the latency limit by score, then the others by latency. */
function takesOver(a: Row, b: Row): number {
  const by = (of: (row: Row) => number | null) => (of(a) ?? Infinity) - (of(b) ?? Infinity) || 0;
  const within = Number(b.eligible) - Number(a.eligible);
  return within || (a.eligible && by((row) => row.score)) || by((row) => row.latency_ms);
}

function row(value: unknown): Row {
  const candidate = object(value, "candidate");
  const { zone, eligible, valid_to } = candidate;
  if (typeof eligible !== "boolean") throw new DecisionError("eligible is no boolean");
  return {
    pop: name(candidate.pop, "pop"),
    zone: zone === null ? null : name(zone, "zone"),
    gco2_kwh: figure(candidate.gco2_kwh, "gco2_kwh"),
    valid_to_ms: valid_to === null ? null : instant(valid_to),
    eligible,
    score: figure(candidate.score, "score"),
    latency_ms: figure(candidate.latency_ms, "latency_ms"),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DecisionError("the answer is not JSON");
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new DecisionError(`${what} is no object`);
}

/** A plain name, so that it can stand in a header as it is. */
function name(value: unknown, what: string): string {
  if (typeof value === "string" && /^[\w.:-]{1,64}$/.test(value)) return value;
  throw new DecisionError(`${what} is no name`);
}

function figure(value: unknown, what: string): number | null {
  if (value === null || (typeof value === "number" && value >= 0)) return value;
  throw new DecisionError(`${what} is no figure`);
}

function instant(value: unknown): number {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw new DecisionError("valid_to is no time");
  return ms;
}
