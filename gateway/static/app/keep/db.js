// What stays in this browser: the job that runs, and the pictures of earlier ones. Nothing of it is sent.
import { openDB } from "../../vendor/idb.js";

const VERSION = 1;

const opened = openDB("cabine", VERSION, {
  upgrade(db) {
    db.createObjectStore("running", { keyPath: "id" });
    db.createObjectStore("results", { keyPath: "id" }).createIndex("created", "created");
  },
}).catch(() => null); // a browser that keeps nothing (private windows of some): the page works without

/** `use(db)` where there is a database, else and when it fails (no room left, say) `otherwise`. */
export async function withDb(use, otherwise) {
  const db = await opened;
  if (db === null) return otherwise;
  try {
    return await use(db);
  } catch (error) {
    console.warn("not kept:", error);
    return otherwise;
  }
}
