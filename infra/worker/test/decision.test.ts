import { describe, expect, it } from "vitest";
import { ageS, readDecision } from "../src/decision.ts";
import { routeAnswer } from "./world.ts";

const POPS = new Set(["sfo", "lon", "ams"]);
const read = (changes: object) => readDecision(JSON.stringify(routeAnswer(changes)), POPS);

describe("the router's answer", () => {
  it("puts the chosen POP first, then those within the limit by score, then by latency", () => {
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

  it("keeps what is unknown unknown", () => {
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
    expect(first && ageS(first, 0)).toBeNull();
  });

  it("has no age while its interval lasts and grows old from its end", () => {
    const candidate = { pop: "sfo", zone: "X", gco2_kwh: 1, valid_to_ms: 10_000 };
    expect([9000, 10_000, 70_000].map((now_ms) => ageS(candidate, now_ms))).toEqual([0, 0, 60]);
  });

  it.each([
    ["no object", "[1"],
    ["null", "null"],
    ["no candidates", JSON.stringify({ pop: "sfo", reason: "cleanest" })],
    ["a POP that is no candidate", JSON.stringify(routeAnswer({ pop: "nyc" }))],
    ["a reason that could break a header", JSON.stringify(routeAnswer({ reason: "a\r\nb: c" }))],
    ["a POP nobody asked about", JSON.stringify(routeAnswer()).replaceAll("lon", "iad")],
    ["a POP twice", JSON.stringify(routeAnswer()).replaceAll('"lon"', '"ams"')],
    ["a negative figure", JSON.stringify(routeAnswer()).replace("189.4", "-1")],
    ["a figure as text", JSON.stringify(routeAnswer()).replace("189.4", '"189.4"')],
    ["no time", JSON.stringify(routeAnswer()).replace("2026-11-22T11:50:00Z", "soon")],
  ])("is refused with %s", (_what, text) => {
    expect(() => readDecision(text, POPS)).toThrow();
  });
});
