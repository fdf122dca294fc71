import { removeBasePath } from "./addresses.ts";
import type { Config } from "./config.ts";
import { Decider } from "./decider.ts";
import type { Candidate } from "./decision.ts";
import { removeHopByHop, setDecisionHeaders } from "./headers.ts";
import { asksForWebsocket, OriginProxy } from "./origin.ts";
import type { Place } from "./place.ts";
import { type Plan, plan } from "./plan.ts";
import { type Assets, CACHE_PATH, type Ports, type WaitUntil } from "./ports.ts";
import { RouterClient } from "./router.ts";
import { Sampler } from "./samples.ts";
import { StatusPage } from "./status.ts";

/** The Worker of one isolate. What it remembers is lost when the isolate ends. */
export class GreenWorker {
  readonly #config: Config;
  readonly #ports: Ports;
  readonly #decider: Decider;
  readonly #origins: OriginProxy;
  readonly #sampler: Sampler;
  readonly #status: StatusPage;

  constructor(config: Config, assets: Assets, ports: Ports) {
    const router = new RouterClient(config, ports);
    this.#config = config;
    this.#ports = ports;
    this.#decider = new Decider(config, router, ports);
    this.#origins = new OriginProxy(config, ports);
    this.#sampler = new Sampler(config, router, ports);
    this.#status = new StatusPage(config, assets, router, ports);
  }

  /** Answer a visit, or a request for the status page. */
  async handle(request: Request, place: Place, waitUntil: WaitUntil): Promise<Response> {
    const { status_path } = this.#config;
    const { pathname, search } = new URL(request.url);
    if (pathname.startsWith(CACHE_PATH)) return new Response("Not Found", { status: 404 });
    if (status_path !== null && `${pathname}/` === status_path) {
      return Response.redirect(new URL(status_path + search, request.url).href, 308);
    }
    if (status_path !== null && pathname.startsWith(status_path)) {
      return this.#status.serve(request, pathname.slice(status_path.length), waitUntil);
    }
    return this.#visit(request, place, waitUntil);
  }

  async #visit(request: Request, place: Place, waitUntil: WaitUntil): Promise<Response> {
    const began_at_ms = this.#ports.now_ms();
    const visit_plan = await plan(place, request.url, this.#decider, this.#config, waitUntil);
    const decided_at_ms = this.#ports.now_ms();
    if (place.colo !== null && this.#sampler.isDue()) {
      waitUntil(this.#sampler.runRound(place.colo, request.url));
    }
    const { response, candidate } = await this.#answer(request, visit_plan);
    const [first] = visit_plan.order;
    setDecisionHeaders(
      response.headers,
      candidate,
      candidate.pop === first?.pop ? visit_plan.reason : "failover",
      this.#ports.now_ms(),
    );
    response.headers.append(
      "server-timing",
      `greenstream;desc=${visit_plan.basis};dur=${decided_at_ms - began_at_ms}, ` +
        `origin;desc=${candidate.pop};dur=${this.#ports.now_ms() - decided_at_ms}`,
    );
    return response;
  }

  async #answer(request: Request, { order, reason }: Plan): Promise<Answered> {
    const [first] = order;
    if (first === undefined) throw new Error("The plan contains no POP.");
    // No client follows a redirect of a websocket, so the Worker forwards it in this mode too.
    if (this.#config.mode === "redirect" && !asksForWebsocket(request)) {
      const location = this.#origins.target(request, first.pop).href;
      const headers = { location, "cache-control": "no-store" };
      return { response: new Response(null, { status: 307, headers }), candidate: first };
    }
    if (this.#config.mode === "headers") {
      const forwarded = new Request(request);
      setDecisionHeaders(forwarded.headers, first, reason, this.#ports.now_ms());
      const response = await this.#origins.pass(forwarded);
      return { response: this.#forVisitor(response), candidate: first };
    }
    const { response, candidate } = await this.#origins.serve(request, order);
    const copy = this.#forVisitor(response);
    removeBasePath(copy.headers, this.#origins.origin(candidate.pop), request.url);
    return { response: copy, candidate };
  }

  /** Copy an origin's response so that its headers can be changed. */
  #forVisitor(response: Response): Response {
    const headers = new Headers(response.headers);
    removeHopByHop(headers);
    const { body, status, statusText } = response;
    return (
      this.#ports.websocket(response, headers) ??
      new Response(body, { status, statusText, headers })
    );
  }
}

interface Answered {
  response: Response;
  candidate: Candidate;
}
