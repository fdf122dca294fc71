import { AwsClient } from "aws4fetch";
import type { Config } from "./config.ts";
import { type Ports, within } from "./ports.ts";

/**
 * An answer about 300 POPs has 210,000 bytes; two days of a zone fed every five minutes in two
 * kinds have 620,000.
 */
const MAX_ANSWER_BYTES = 2_000_000;

export interface RouterAnswer {
  status: number;
  content_type: string;
  text: string;
}

/**
 * Asks the router's Function URL: signed where the URL wants that, one deadline over all, no
 * second try. Requests are made anew, for a visitor's headers would spoil the signature.
 */
export class RouterClient {
  readonly #config: Config;
  readonly #ports: Ports;
  readonly #aws: AwsClient | null;

  constructor(config: Config, ports: Ports) {
    this.#config = config;
    this.#ports = ports;
    const { credentials } = config;
    this.#aws = credentials && new AwsClient({ ...credentials, service: "lambda", retries: 0 });
  }

  /**
   * @param path with its query, from the API's root.
   * @param deadline_ms for the answer in full.
   * @throws when nothing came, in time and of bearable size.
   */
  get(path: string, deadline_ms: number): Promise<RouterAnswer> {
    return this.#call(
      path,
      { method: "GET", headers: { accept: "application/json" } },
      deadline_ms,
    );
  }

  /** @throws as `get`. */
  post(path: string, body: unknown, deadline_ms: number): Promise<RouterAnswer> {
    const headers = { accept: "application/json", "content-type": "application/json" };
    return this.#call(path, { method: "POST", headers, body: JSON.stringify(body) }, deadline_ms);
  }

  #call(path: string, init: RequestInit, deadline_ms: number): Promise<RouterAnswer> {
    const stop = new AbortController();
    const answer = this.#exchange(path, init, stop.signal);
    return within(answer, deadline_ms).catch((error: unknown) => {
      stop.abort();
      answer.catch(() => {}); // it was given up: the deadline is the error that is told
      throw error;
    });
  }

  async #exchange(path: string, init: RequestInit, signal: AbortSignal): Promise<RouterAnswer> {
    const url = this.#config.router_url + path;
    const request = this.#aws ? await this.#aws.sign(url, init) : new Request(url, init);
    const response = await this.#ports.fetch(request, { signal, redirect: "manual" });
    return {
      status: response.status,
      content_type: response.headers.get("content-type") ?? "",
      text: await bounded(response),
    };
  }
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer exceeds ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
