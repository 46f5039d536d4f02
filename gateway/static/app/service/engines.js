// What this server can do, and how long it keeps things.
import { callJson } from "./http.js";

/** `{ default, engines, keeps }`, or null when the server does not say. */
export async function engines() {
  return callJson("/v1/engines").catch(() => null);
}
