import { describe, expect, it } from "vitest";
import { answering, SAN_JOSE, World } from "./world.ts";

const KEY = {
  AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "s",
  AWS_REGION: "eu-west-1",
  ROUTER_DEADLINE_MS: 5000, // a process' first signature takes a while on a busy machine
};

describe("a call of the router", () => {
  it("is signed for Lambda in its region", async () => {
    const world = new World(answering(), undefined, KEY);
    await world.visit();
    expect(world.asked[0]?.headers.get("authorization")).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/lambda\/aws4_request, SignedHeaders=accept;host;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
  });

  it("carries none of the visitor's headers", async () => {
    const world = new World(answering(), undefined, KEY);
    const headers = { cookie: "a=1", "cf-connecting-ip": "192.0.2.1", authorization: "Bearer v" };
    await world.visit("/", { headers, cf: SAN_JOSE });
    expect([...(world.asked[0]?.headers.keys() ?? [])]).toEqual([
      "accept",
      "authorization",
      "x-amz-date",
    ]);
  });

  it("is not signed when no key is configured", async () => {
    const world = new World(answering());
    await world.visit();
    expect(world.asked[0]?.headers.get("authorization")).toBeNull();
  });

  it("never sends its signature to the origins", async () => {
    let received: Headers | undefined;
    const world = new World(
      answering(),
      (request) => {
        received = request.headers;
        return new Response("ok");
      },
      KEY,
    );
    await world.visit();
    expect([...(received?.keys() ?? [])]).toEqual(["x-forwarded-host"]);
  });
});
