// What is asked of the router, on this page's own origin and below its own path.

const TIMEOUT_MS = 8000;

/**
 * Get a JSON answer.
 * @throws {Error} with words for a reader when there is none.
 */
export async function ask(path) {
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
    throw new Error(`answer ${response.status} is not JSON`, { cause: error });
  }
  if (!response.ok) throw new Error(problem(response.status, body));
  return body;
}

/** RFC 9457 problem details in one line. */
function problem(status, body) {
  const fields = (body?.errors ?? []).map((each) => `${each.field} ${each.detail}`).join("; ");
  return `${status}: ${fields || body?.detail || body?.title || "no reason given"}`;
}

/** Run tasks a few at a time, the newest wish first: it is for the row now looked at. */
export class Queue {
  #waiting = [];
  #free;

  constructor(width) {
    this.#free = width;
  }

  add(task) {
    this.#waiting.push(task);
    this.#next();
  }

  async #next() {
    if (this.#free === 0 || this.#waiting.length === 0) return;
    this.#free -= 1;
    try {
      await this.#waiting.pop()();
    } finally {
      this.#free += 1;
      this.#next();
    }
  }
}
