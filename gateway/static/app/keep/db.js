// What stays in this browser: the job that runs, and the pictures of earlier ones. Nothing of it is sent.
import { openDB } from "../../vendor/idb.js";

const VERSION = 1;

const opened = open();

/** null where the browser keeps nothing (private windows of some, cookies forbidden): the page works without. */
async function open() {
  try {
    return await openDB("cabine", VERSION, {
      upgrade(db) {
        db.createObjectStore("running", { keyPath: "id" });
        db.createObjectStore("results", { keyPath: "id" }).createIndex("created", "created");
      },
    });
  } catch {
    return null;
  }
}

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
