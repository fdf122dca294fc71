import { describe, expect, it } from "vitest";
import { copyWebsocket } from "../../src/cloudflare/websocket.ts";
import { answering, World } from "../core/world.ts";

describe("the visitor's request", () => {
  it("may open a websocket", async () => {
    const world = new World(answering(), (request) => {
      expect(request.headers.get("upgrade")).toBe("websocket");
      const [client, server] = Object.values(new WebSocketPair());
      server?.accept();
      server?.addEventListener("message", ({ data }) => server.send(`echo ${data}`));
      return new Response(null, { status: 101, webSocket: client ?? null });
    });
    world.platform.websocket = copyWebsocket;
    const response = await world.visit("/", { headers: { upgrade: "websocket" } });
    expect(response.status).toBe(101);
    const socket = response.webSocket;
    const echoed = new Promise((resolve) =>
      socket?.addEventListener("message", ({ data }) => resolve(data)),
    );
    socket?.accept();
    socket?.send("hello");
    expect(await echoed).toBe("echo hello");
  });
});
