import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/cloudflare/index.ts";
import { readConfig } from "../../src/core/config.ts";

describe("the configuration", () => {
  it("of wrangler.jsonc is complete", () => {
    const config = readConfig(env as unknown as Env);
    expect([...config.origins.keys()]).toEqual(["sfo", "lax", "iad", "nyc", "lon", "ams"]);
    expect(config.ttl_ms).toBe(30_000);
    expect(config.router_deadline_ms).toBe(800);
    expect(config.max_stale_ms).toBe(86_400_000);
    expect(config.credentials).toBeNull();
  });

  it("of wrangler.jsonc limits the status page's calls by address", async () => {
    const { API_LIMIT } = env as unknown as Env;
    const calls = Array.from({ length: 160 }, () => API_LIMIT?.limit({ key: "192.0.2.1" }));
    const allowed = (await Promise.all(calls)).filter((outcome) => outcome?.success);
    expect(allowed).toHaveLength(150);
    expect((await API_LIMIT?.limit({ key: "192.0.2.2" }))?.success).toBe(true);
  });
});
