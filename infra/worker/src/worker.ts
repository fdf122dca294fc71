import type { Config, Env } from "./config.ts";
import { Decider, type Place } from "./decider.ts";
import type { Candidate } from "./decision.ts";
import { removeHopByHop, tell } from "./headers.ts";
import { OriginProxy } from "./origin.ts";
import { type Plan, plan } from "./plan.ts";
import type { Position } from "./pops.ts";
import type { Ports, WaitUntil } from "./ports.ts";
import { RouterClient } from "./router.ts";
import { Sampler } from "./samples.ts";
import { StatusPage } from "./status.ts";

/** One isolate's Worker: what it has learnt lives as long as it does. */
export class GreenWorker {
  readonly #config: Config;
  readonly #ports: Ports;
  readonly #decider: Decider;
  readonly #origins: OriginProxy;
  readonly #sampler: Sampler;
  readonly #status: StatusPage;

  constructor(config: Config, assets: Env["ASSETS"], ports: Ports) {
    const router = new RouterClient(config, ports);
    this.#config = config;
    this.#ports = ports;
    this.#decider = new Decider(config, router, ports);
    this.#origins = new OriginProxy(config, ports);
    this.#sampler = new Sampler(config, router, ports);
    this.#status = new StatusPage(config, assets, router, ports);
  }

  async handle(request: Request, waitUntil: WaitUntil): Promise<Response> {
    const { status_path } = this.#config;
    const { pathname } = new URL(request.url);
    if (status_path !== null && `${pathname}/` === status_path) {
      return Response.redirect(new URL(status_path, request.url).href, 308);
    }
    if (status_path !== null && pathname.startsWith(status_path)) {
      return this.#status.serve(request, pathname.slice(status_path.length), waitUntil);
    }
    return this.#visit(request, waitUntil);
  }

  async #visit(request: Request, waitUntil: WaitUntil): Promise<Response> {
    const began_ms = this.#ports.now_ms();
    const place = placeOf(request.cf);
    const chosen = await plan(place, this.#decider, this.#config, waitUntil);
    const decided_ms = this.#ports.now_ms();
    if (place.colo !== null && this.#sampler.wanted()) waitUntil(this.#sampler.round(place.colo));
    const { response, candidate } = await this.#answer(request, chosen);
    const [first] = chosen.order;
    tell(
      response.headers,
      candidate,
      candidate.pop === first?.pop ? chosen.reason : "failover",
      this.#ports.now_ms(),
    );
    response.headers.append(
      "server-timing",
      `greenstream;desc=${chosen.basis};dur=${decided_ms - began_ms}, ` +
        `origin;desc=${candidate.pop};dur=${this.#ports.now_ms() - decided_ms}`,
    );
    return response;
  }

  async #answer(request: Request, chosen: Plan): Promise<Answered> {
    const [first] = chosen.order;
    if (first === undefined) throw new Error("a plan is never empty");
    const upgrades = request.headers.has("upgrade"); // no client follows a redirect of these
    if (this.#config.mode === "redirect" && !upgrades) {
      const location = this.#origins.target(request, first.pop).href;
      const headers = { location, "cache-control": "no-store" };
      return { response: new Response(null, { status: 307, headers }), candidate: first };
    }
    if (this.#config.mode === "headers") {
      const onward = new Request(request);
      tell(onward.headers, first, chosen.reason, this.#ports.now_ms());
      const response = await this.#ports.fetch(onward, { redirect: "manual" });
      return { response: passedOn(response), candidate: first };
    }
    const { response, candidate } = await this.#origins.serve(request, chosen.order);
    return { response: passedOn(response), candidate };
  }
}

interface Answered {
  response: Response;
  candidate: Candidate;
}

function passedOn(response: Response): Response {
  const headers = new Headers(response.headers);
  removeHopByHop(headers);
  if (response.webSocket) {
    return new Response(null, { status: 101, webSocket: response.webSocket, headers });
  }
  return new Response(response.body, {
    status: response.status,
    statusText: response.statusText,
    headers,
  });
}

function placeOf(cf: Request["cf"]): Place {
  const colo = typeof cf?.colo === "string" && /^[A-Z]{3}$/.test(cf.colo) ? cf.colo : null;
  return { colo, position: positionOf(cf?.latitude, cf?.longitude) };
}

/** Cloudflare gives degrees as text, or nothing where it does not know. */
function positionOf(latitude: unknown, longitude: unknown): Position | null {
  if (!latitude || !longitude) return null;
  const position = { lat: Number(latitude), lon: Number(longitude) };
  return Math.abs(position.lat) <= 90 && Math.abs(position.lon) <= 180 ? position : null;
}
