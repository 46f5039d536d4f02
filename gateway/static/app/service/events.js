// Server-sent events over fetch(): EventSource shows neither the status of a refusal nor its Retry-After.
import { ServiceError, call, reached } from "./http.js";

const SILENCE_MS = 25_000; // the service says something every ten seconds; a proxy may swallow even that

/**
 * Read one stream to its end: `tell({ event, id, data })` for each event, `data` parsed.
 * Resolves when the server ends it, true if it ever said anything; rejects with a ServiceError when it breaks off,
 * and with what `tell` throws.
 */
export async function readEvents(path, { lastEventId, tell, signal }) {
  const over = new AbortController(); // by `signal`, by silence, or because nobody reads on
  const breakOff = () => over.abort();
  const headers = { Accept: "text/event-stream", ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) };
  let spoke = false;
  let timer;
  const patience = () => {
    clearTimeout(timer);
    timer = setTimeout(breakOff, SILENCE_MS);
  };
  signal.throwIfAborted();
  patience();
  signal.addEventListener("abort", breakOff);
  try {
    // Fetched with the first try-on, and before the stream: one that breaks throws away what nobody has read.
    const { createParser } = await reached(import("../../vendor/eventsource-parser.js"));
    const response = await call(path, { headers, signal: over.signal });
    if (response.status === 204) return spoke;
    const parser = createParser({
      onEvent: ({ event, id, data }) => {
        spoke = true;
        tell({ event, id, data: JSON.parse(data) });
      },
    });
    // Read as it comes: a pipe would throw away what it still holds when the stream breaks.
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reached(reader.read());
      if (done) return spoke;
      patience();
      parser.feed(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    throw over.signal.aborted && !signal.aborted ? new ServiceError("silent") : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", breakOff);
    breakOff();
  }
}
