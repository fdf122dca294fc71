// Calls to the router's API, which this page's own server forwards.

const TIMEOUT_MS = 8000;

/**
 * Get a JSON answer of the router.
 * @throws {Error} when the call fails. Its message is shown on the page; `fields` lists what the router
 * says of single fields of a refused question.
 */
export async function get(path) {
  let response;
  try {
    response = await fetch(`api/v1/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new Error(error.name === "TimeoutError" ? "no answer in 8 s" : "no connection", { cause: error });
  }
  let body;
  try {
    body = await response.json();
  } catch (error) {
    throw new Error(`the answer with status ${response.status} is not JSON`, { cause: error });
  }
  if (!response.ok) throw Object.assign(new Error(problem(response.status, body)), { fields: body?.errors ?? [] });
  return body;
}

/** Return problem details (RFC 9457) as one line of text. */
function problem(status, body) {
  const fields = (body?.errors ?? []).map(({ field, detail }) => `${field} ${detail}`).join("; ");
  return `${status}: ${fields || body?.detail || body?.title || "no reason given"}`;
}

/** Runs a few tasks at a time, the newest first, because it is for a row that is visible now. */
export class Queue {
  #waiting = [];
  #free;

  /** @param maxRunning is the number of tasks that may run at the same time. */
  constructor(maxRunning) {
    this.#free = maxRunning;
  }

  add(task) {
    this.#waiting.push(task);
    this.#runNext();
  }

  async #runNext() {
    if (this.#free === 0 || this.#waiting.length === 0) return;
    this.#free -= 1;
    try {
      await this.#waiting.pop()();
    } finally {
      this.#free += 1;
      this.#runNext();
    }
  }
}
