// Results of this browser, newest first.
import { withDb } from "./db.js";

const MOST = 40; // pictures of a phone are large

/** A result as flow/tryon.js makes it, without its object URLs. */
export function keep(result) {
  return withDb(async (db) => {
    await db.put("results", result);
    const keys = await db.getAllKeysFromIndex("results", "created");
    await Promise.all(keys.slice(0, -MOST).map((key) => db.delete("results", key)));
  });
}

export async function kept() {
  return (await withDb((db) => db.getAllFromIndex("results", "created"), [])).reverse();
}

export function drop(id) {
  return withDb((db) => db.delete("results", id));
}

export function clear() {
  return withDb((db) => db.clear("results"));
}
