// The job under way, so that a reload finds it again.
import { withDb } from "./db.js";

/** `running`: { id, person, garments } with their photos as blobs. */
export function remember(running) {
  return withDb((db) => db.put("running", running));
}

export function forget(id) {
  return withDb((db) => db.delete("running", id));
}

/** What was under way when this page was left, and what other tabs work on, in no order. */
export function recall() {
  return withDb((db) => db.getAll("running"), []);
}
