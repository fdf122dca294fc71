import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// The core is tested twice: in plain Node, which shows that it needs no platform, and in workerd.
export default defineConfig({
  test: {
    silent: "passed-only",
    projects: [
      { test: { name: "core in Node", include: ["test/core/**/*.test.ts"] } },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.jsonc" } })],
        test: { name: "workerd", include: ["test/**/*.test.ts"] },
      },
    ],
  },
});
