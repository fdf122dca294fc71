import { describe, expect, it } from "vitest";
import openapi from "../../../../layers/greenstream/greenstream/data/openapi.json";
import { readConfig, SIGNALS, type Variables } from "../../src/core/config.ts";
import { byDistance, KNOWN_POPS } from "../../src/core/pops.ts";

const GOOD: Variables = {
  ROUTER_URL: "https://router.test/",
  ORIGINS: { sfo: "https://sfo.test", lon: "https://lon.test" },
};

describe("the configuration", () => {
  it("may let a decision be used for exactly as long as it is fresh", () => {
    const config = readConfig({ ...GOOD, TTL_S: 60, MAX_STALE_S: "60" });
    expect([config.ttl_ms, config.max_stale_ms]).toEqual([60_000, 60_000]);
  });

  it("may contain objects and numbers as text", () => {
    const config = readConfig({ ...GOOD, ORIGINS: '{"ams":"https://ams.test"}', TTL_S: "10" });
    expect(config.default_pop).toBe("ams");
    expect(config.ttl_ms).toBe(10_000);
  });

  it.each([
    ["ORIGINS", {}],
    ["ORIGINS", "not json"],
    ["ORIGINS", { xyz: "https://xyz.test" }],
    ["ORIGINS.sfo", { sfo: "ftp://sfo.test" }],
    ["ORIGINS.sfo", { sfo: "https://name:secret@sfo.test" }],
    ["ORIGINS.sfo", { sfo: "https://sfo.test/app?site=1" }],
    ["ORIGINS.sfo", { sfo: "https://sfo.test/#top" }],
    ["ROUTER_URL", "https://router.test/?stage=dev"],
    ["ROUTER_URL", "router"],
    ["DEFAULT_POP", "ams"],
    ["MODE", "guess"],
    ["TTL_S", 0],
    ["MAX_STALE_S", 29],
    ["LAST_ORIGIN_TIMEOUT_MS", 0],
    ["TTL_S", "soon"],
    ["SAMPLE_SHARE", 2],
    ["SAMPLE_SHARE", " "],
    ["MAX_LATENCY_MS", -1],
    ["MAX_LATENCY_MS", "  "],
    ["MAX_LATENCY_MS", true],
    ["MAX_LATENCY_MS", [80]],
    ["SIGNAL", "avrage"],
    ["PROBE_PATH", "ping"],
    ["PROBE_PATH", "/ping?deep=1"],
    ["PROBE_PATH", ["/ping"]],
    ["STATUS_PATH", "/"],
    ["STATUS_PATH", "/a/../"],
    ["STATUS_PATH", ["/a/"]],
    ["STATUS_PATH", "/_greenstream-cache/"],
    ["STATUS_PATH", "/_greenstream-cache/page/"],
    ["DEFAULT_POP", 5],
    ["ALLOW", ["EU"]],
    ["DENY", false],
    ["SIGNAL", false],
    ["MODE", 1],
    ["AWS_ACCESS_KEY_ID", "AKID"],
  ])("is refused with the variable's name: %s cannot be %o", (name, value) => {
    const changed = { ...GOOD, [name.split(".")[0] ?? ""]: value } as Variables;
    expect(() => readConfig(changed)).toThrow(
      new RegExp(`^${name.replace(".", "\\.")} (must|contains|and) `),
    );
  });
});

describe("the key for the router", () => {
  const KEY = { AWS_REGION: "eu-west-1", AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "s/+" };

  it("is read with its region", () => {
    expect(readConfig({ ...GOOD, ...KEY }).credentials).toEqual({
      region: "eu-west-1",
      accessKeyId: "AKID",
      secretAccessKey: "s/+",
    });
  });

  it.each([
    ["AWS_REGION", ""],
    ["AWS_REGION", "Ireland"],
    ["AWS_ACCESS_KEY_ID", "AKID "],
    ["AWS_ACCESS_KEY_ID", 7],
    ["AWS_SECRET_ACCESS_KEY", "s/+\n"],
  ])("is refused with the variable's name and not its value: %s cannot be %j", (name, value) => {
    const read = () => readConfig({ ...GOOD, ...KEY, [name]: value } as Variables);
    expect(read).toThrow(new RegExp(`^${name} must `));
    expect(read).not.toThrow("s/+");
  });
});

describe("the preferences", () => {
  it("are sent to the router as they are set, also when one is 0", () => {
    expect(readConfig({ ...GOOD, SIGNAL: "marginal", MAX_LATENCY_MS: 0 }).preferences).toEqual({
      signal: "marginal",
      max_latency_ms: "0",
    });
    expect(readConfig({ ...GOOD, MAX_LATENCY_MS: "80" }).preferences).toEqual({
      max_latency_ms: "80",
    });
  });

  it("are left to the router's policy when they are empty or not set", () => {
    expect(readConfig(GOOD).preferences).toEqual({});
    expect(readConfig({ ...GOOD, SIGNAL: "", MAX_LATENCY_MS: "" }).preferences).toEqual({});
  });

  it("allow the signals that the router accepts", () => {
    const parameter = openapi.paths["/v1/route"].get.parameters.find(
      (candidate) => "name" in candidate && candidate.name === "signal",
    );
    expect(parameter).toMatchObject({ schema: { enum: SIGNALS } });
  });
});

describe("names of places", () => {
  const origins = (names: string[]) =>
    Object.fromEntries(names.map((name) => [name, "https://a.example"]));

  it("are taken in any case, and a region without its provider", () => {
    const config = readConfig({
      ...GOOD,
      ORIGINS: origins(["LHR", "eu-west-2", "GCP:asia-southeast1", "AMS"]),
      DEFAULT_POP: "lhr",
    });
    expect([...config.origins.keys()]).toEqual([
      "lhr",
      "aws:eu-west-2",
      "gcp:asia-southeast1",
      "ams",
    ]);
    expect(config.default_pop).toBe("lhr");
  });

  it("are refused when two of them are one place", () => {
    const twice = { ...GOOD, ORIGINS: origins(["eu-west-2", "aws:eu-west-2"]) };
    expect(() => readConfig(twice)).toThrow("ORIGINS contains aws:eu-west-2 more than once");
  });
});

describe("countries", () => {
  const ORIGINS = {
    ams: "https://a.example",
    lon: "https://b.example",
    sfo: "https://c.example",
  };
  const left = (settings: object) => [
    ...readConfig({ ...GOOD, ORIGINS, DEFAULT_POP: "", ...settings }).origins.keys(),
  ];

  it("leave only the origins where requests may be served", () => {
    expect(left({ ALLOW: "EU,gb" })).toEqual(["ams", "lon"]);
    expect(left({ DENY: "US" })).toEqual(["ams", "lon"]);
    expect(left({ ALLOW: "EU, GB", DENY: "GB" })).toEqual(["ams"]);
  });

  it("are an error when they leave no origin, or not the default one", () => {
    expect(() => left({ ALLOW: "JP" })).toThrow("ALLOW leaves none of the POPs in ORIGINS");
    expect(() => left({ ALLOW: "EU", DEFAULT_POP: "lon" })).toThrow("DEFAULT_POP must be one of");
    expect(() => left({ DENY: "Europe" })).toThrow("DENY contains Europe, which is no country");
  });
});

describe("the table of POPs", () => {
  it("sorts POPs by distance", () => {
    const pops = ["ams", "iad", "lax", "lon", "nyc", "sfo"];
    const from = (lat: number, lon: number) => byDistance(pops, { lat, lon });
    expect(from(37.34, -121.89)).toEqual(["sfo", "lax", "iad", "nyc", "lon", "ams"]);
    expect(from(53.35, -6.26)[0]).toBe("lon");
    expect(from(-36.85, 174.76)[0]).toBe("lax"); // the shortest way crosses the date line
    expect(KNOWN_POPS.size).toBeGreaterThan(480);
  });
});
