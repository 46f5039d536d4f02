// What this server can do, and how long it keeps things.
import { callJson } from "./http.js";

/** `{ default, engines, garments, keeps }`. */
export function engines() {
  return callJson("/v1/engines");
}
