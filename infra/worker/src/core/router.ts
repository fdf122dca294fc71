import { AwsClient } from "aws4fetch";
import type { Config } from "./config.ts";
import { type Ports, withDeadline } from "./ports.ts";

/**
 * The largest answer has about 620,000 bytes: two days of history of a zone that has two kinds of
 * readings every five minutes. An answer about 300 POPs has 210,000 bytes.
 */
const MAX_ANSWER_BYTES = 2_000_000;

export interface RouterAnswer {
  status: number;
  content_type: string;
  text: string;
}

/**
 * Calls the router's Function URL once, without a retry, and signs the call if there is a key.
 * Each call is built from scratch and carries none of the visitor's headers.
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
   * Send a GET request.
   * @param path The path from the API's root, with its query string.
   * @param deadline_ms The time until the whole answer must have arrived.
   * @throws when the call fails, takes too long, or the answer is larger than MAX_ANSWER_BYTES.
   */
  get(path: string, deadline_ms: number): Promise<RouterAnswer> {
    return this.#call(
      path,
      { method: "GET", headers: { accept: "application/json" } },
      deadline_ms,
    );
  }

  /** Send a POST request with a JSON body. The parameters and errors are those of `get`. */
  post(path: string, body: unknown, deadline_ms: number): Promise<RouterAnswer> {
    const headers = { accept: "application/json", "content-type": "application/json" };
    return this.#call(path, { method: "POST", headers, body: JSON.stringify(body) }, deadline_ms);
  }

  #call(path: string, init: RequestInit, deadline_ms: number): Promise<RouterAnswer> {
    const abort = new AbortController();
    const answer = this.#exchange(path, init, abort.signal);
    return withDeadline(answer, deadline_ms).catch((error: unknown) => {
      abort.abort();
      answer.catch(() => {}); // the abort is reported as the error of the deadline
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
      text: await readText(response),
    };
  }
}

/** Read the body up to MAX_ANSWER_BYTES. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`The answer is over ${MAX_ANSWER_BYTES} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
