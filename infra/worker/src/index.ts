import { type Env, readConfig } from "./config.ts";
import { GreenWorker } from "./worker.ts";

let worker: GreenWorker | undefined;

export default {
  fetch(request, env, ctx) {
    worker ??= new GreenWorker(readConfig(env), env.ASSETS, {
      fetch: (outgoing, init) => fetch(outgoing, init),
      now_ms: Date.now,
      random: Math.random,
      cache: caches.default,
    });
    return worker.handle(request, (work) => ctx.waitUntil(work));
  },
} satisfies ExportedHandler<Env>;
