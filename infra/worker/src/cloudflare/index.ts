import { readConfig, type Variables } from "../core/config.ts";
import { placeOf } from "../core/place.ts";
import type { Ports } from "../core/ports.ts";
import { GreenWorker } from "../core/worker.ts";
import { copyWebsocket } from "./websocket.ts";

/** What wrangler.jsonc, `.dev.vars` and the secrets give to the Worker. */
export interface Env extends Variables {
  ASSETS: { fetch: typeof fetch };
  /** Counts the status page's calls by address. Without it, only the isolate's limit holds. */
  API_LIMIT?: RateLimit;
}

let worker: GreenWorker | undefined;

export default {
  fetch(request, env, ctx) {
    worker ??= new GreenWorker(readConfig(env), env.ASSETS, portsOf(env));
    return worker.handle(request, placeOf(request.cf ?? {}), (work) => ctx.waitUntil(work));
  },
} satisfies ExportedHandler<Env>;

/** Return what Cloudflare's runtime provides. */
function portsOf(env: Env): Ports {
  return {
    fetch: (outgoing, options) => fetch(outgoing, options),
    now_ms: Date.now,
    random: Math.random,
    cache: caches.default,
    websocket: copyWebsocket,
    mayCallApi: async (address) => (await env.API_LIMIT?.limit({ key: address }))?.success ?? true,
  };
}
