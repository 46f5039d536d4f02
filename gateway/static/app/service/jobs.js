// Jobs: hand a try-on in, follow it to its end through whatever the network does, fetch the pictures, remove it.
import { ServiceError, call, callJson, reached } from "./http.js";
import { readEvents } from "./events.js";

const FINISHED = new Set(["succeeded", "failed", "cancelled", "expired"]);
const WAIT_S = 20; // of one long poll
const PAUSES_MS = [500, 1000, 2000, 4000, 8000];

/** Hand in a form; the same `key` makes one job, however often it is sent. */
export function submit(form, key) {
  const headers = { Prefer: "respond-async", Accept: "application/json", "Idempotency-Key": key };
  return callJson("/v1/tryon", { method: "POST", body: form, headers });
}

/**
 * Follow a job; resolves to the finished job object.
 * `tell(change)` gets fields of the job object as they change; `tellNetwork(slug | null)` when the way to the
 * server is lost ("offline", "unreachable") and found again.
 */
export async function follow(id, { tell, tellNetwork, signal }) {
  const watch = new Watch(id, tell, signal);
  for (let failures = 0; ; ) {
    try {
      const done = await watch.once();
      if (done) return done;
      failures = 0;
    } catch (error) {
      if (!(error instanceof ServiceError) || (!error.unreachable && error.status < 500)) throw error;
      tellNetwork(error.unreachable ? error.slug : "unreachable");
      await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)], signal);
      failures += 1;
      continue;
    }
    tellNetwork(null);
  }
}

/** One job's stream, and the long poll that stands in where a stream cannot be had. */
class Watch {
  #id;
  #tell;
  #signal;
  #lastEventId = null;
  #canStream = true;

  constructor(id, tell, signal) {
    this.#id = id;
    this.#tell = tell;
    this.#signal = signal;
  }

  /** The finished job, or null when it is to be asked again. */
  async once() {
    if (!this.#canStream) return this.#poll();
    try {
      return await this.#stream();
    } catch (error) {
      // A proxy that gathers events, or no place among the watchers: ask now and then instead.
      if (error.slug !== "silent" && error.slug !== "busy") throw error;
      this.#canStream = false;
      return this.#poll();
    }
  }

  async #stream() {
    let finished = null;
    const tell = ({ event, id, data }) => {
      if (id) this.#lastEventId = id;
      if (event === "done") finished = data;
      else this.#hear(event, data);
    };
    const options = { lastEventId: this.#lastEventId, tell, signal: this.#signal };
    await readEvents(`/v1/jobs/${this.#id}/events`, options);
    return finished ?? this.#poll(0); // 204: it is done, and we know; or the service is being restarted
  }

  #hear(event, data) {
    if (event === "preview") this.#tell({ preview: data });
    else if (event === "job") this.#tell({ ...data, preview: data.previews?.length ? { url: data.previews.at(-1) } : null });
    else this.#tell(data);
  }

  async #poll(wait = WAIT_S) {
    try {
      const job = await callJson(`/v1/jobs/${this.#id}?wait=${wait}`, { signal: this.#signal });
      if (FINISHED.has(job.state)) return job;
      this.#hear("job", job);
    } catch (error) {
      if (error.slug !== "busy") throw error;
      await pause(1000 * (error.retryAfterS ?? 2), this.#signal);
    }
    return null;
  }
}

/** A picture or mask of a job. */
export async function picture(url, signal) {
  return reached((await call(url, { signal })).blob());
}

/** Cancel a running job, or remove what is left of a finished one; also while the page is being closed. */
export function remove(id) {
  return call(`/v1/jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** Resolves after `ms`, or at once when the browser is online again; rejects when aborted. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = (settle) => () => {
      clearTimeout(timer);
      removeEventListener("online", back);
      signal.removeEventListener("abort", stop);
      settle(signal.reason);
    };
    const back = end(resolve);
    const stop = end(reject);
    const timer = setTimeout(back, ms);
    addEventListener("online", back);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
}
