import { describe, expect, it } from "vitest";
import openapi from "../../../../layers/greenstream/greenstream/data/openapi.json";
import { ageInSeconds, readDecision } from "../../src/core/decision.ts";
import { routeAnswer } from "./world.ts";

const POPS = new Set(["sfo", "lon", "ams"]);
const read = (changes: object) => readDecision(JSON.stringify(routeAnswer(changes)), POPS);

const { example } = openapi.paths["/v1/route"].get.responses["200"].content["application/json"];
const reasons = openapi.components.schemas.Decision.allOf.flatMap(
  ({ properties }) => properties?.reason.enum ?? [],
);

describe("the router's answer", () => {
  it("is read as the router's own description shows it", () => {
    const { reason, order } = readDecision(JSON.stringify(example), new Set(["sfo", "nyc"]));
    expect(reason).toBe("cleanest");
    expect(order.map(({ pop, gco2_kwh }) => [pop, gco2_kwh])).toEqual([
      ["sfo", 210],
      ["nyc", 260],
    ]);
  });

  it.each(reasons)("may have the reason %s", (reason) => {
    expect(read({ reason }).reason).toBe(reason);
  });

  it("is ordered by the choice, then by score within the limit, then by latency", () => {
    const row = (
      pop: string,
      eligible: boolean,
      score: number | null,
      latency_ms: number | null,
    ) => ({
      pop,
      eligible,
      score,
      latency_ms,
      zone: null,
      gco2_kwh: null,
      valid_to: null,
    });
    const candidates = [
      row("ams", false, 10, null),
      row("lon", false, 20, 90),
      row("nyc", true, 300, 40),
      row("iad", true, 200, 60),
      row("sfo", true, 210, 4),
    ];
    const text = JSON.stringify({ pop: "sfo", reason: "stayed_within_margin", candidates });
    const { order, reason } = readDecision(text, new Set(["sfo", "iad", "nyc", "lon", "ams"]));
    expect(order.map(({ pop }) => pop)).toEqual(["sfo", "iad", "nyc", "lon", "ams"]);
    expect(reason).toBe("stayed_within_margin");
  });

  it("keeps a candidate whose round trip is unknown for the last", () => {
    const [sfo, nyc] = example.candidates;
    const unknown = {
      ...sfo,
      pop: "lon",
      eligible: false,
      exclusion: "unknown_round_trip",
      latency_ms: null,
      latency_source: "unknown",
    };
    const outside = { ...nyc, pop: "ams", eligible: false, exclusion: "outside_limit" };
    const text = JSON.stringify({ ...example, candidates: [unknown, outside, nyc, sfo] });
    const { order } = readDecision(text, new Set(["sfo", "nyc", "ams", "lon"]));
    expect(order.map(({ pop }) => pop)).toEqual(["sfo", "nyc", "ams", "lon"]);
  });

  it("keeps unknown values as null", () => {
    const [first] = read({
      candidates: [
        {
          pop: "sfo",
          zone: null,
          eligible: true,
          score: null,
          latency_ms: null,
          gco2_kwh: null,
          valid_to: null,
        },
      ],
    }).order;
    expect(first).toEqual({ pop: "sfo", zone: null, gco2_kwh: null, valid_to_ms: null });
    expect(first && ageInSeconds(first, 0)).toBeNull();
  });

  it("has age 0 until the end of its interval and grows older from then on", () => {
    const candidate = { pop: "sfo", zone: "X", gco2_kwh: 1, valid_to_ms: 10_000 };
    expect([9000, 10_000, 70_000].map((now_ms) => ageInSeconds(candidate, now_ms))).toEqual([
      0, 0, 60,
    ]);
  });

  it.each([
    ["broken JSON", "[1"],
    ["null", "null"],
    ["no candidates", JSON.stringify({ pop: "sfo", reason: "cleanest" })],
    ["a POP that is no candidate", JSON.stringify(routeAnswer({ pop: "nyc" }))],
    ["a reason that could break a header", JSON.stringify(routeAnswer({ reason: "a\r\nb: c" }))],
    ["a POP that was not asked about", JSON.stringify(routeAnswer()).replaceAll("lon", "iad")],
    ["a POP twice", JSON.stringify(routeAnswer()).replaceAll('"lon"', '"ams"')],
    ["a negative number", JSON.stringify(routeAnswer()).replace("189.4", "-1")],
    ["a number beyond all numbers", JSON.stringify(routeAnswer()).replace("189.4", "1e999")],
    ["a number as text", JSON.stringify(routeAnswer()).replace("189.4", '"189.4"')],
    [
      "a text that is not a time",
      JSON.stringify(routeAnswer()).replace("2026-11-22T11:50:00Z", "soon"),
    ],
  ])("is refused with %s", (_name, text) => {
    expect(() => readDecision(text, POPS)).toThrow();
  });
});
