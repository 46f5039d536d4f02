// Results of this browser: the newest ones, as many and as large as it is polite to keep.
import { asJpeg } from "../pictures.js";
import { withDb } from "./db.js";

const MOST = 40;
const MOST_BYTES = 200 * 2 ** 20;
const THUMBNAIL = { width: 360, quality: 0.8 };

/** A result as flow/tryon.js makes it. What is too old or too much beside it goes. */
export async function keep(result) {
  const thumbnail = await asJpeg(result.pictures[0], THUMBNAIL).catch(() => result.pictures[0]);
  return withDb(async (db) => {
    const writing = db.transaction("results", "readwrite");
    await writing.store.put({ ...result, thumbnail });
    for (const { id } of beyond(await newestFirst(writing.store))) writing.store.delete(id);
    await writing.done;
  });
}

/** Newest first, each with its `thumbnail`; null where this browser keeps nothing. */
export function kept() {
  return withDb((db) => newestFirst(db.transaction("results").store), null);
}

export function drop(id) {
  return withDb((db) => db.delete("results", id));
}

export function clear() {
  return withDb((db) => db.clear("results"));
}

async function newestFirst(store) {
  return (await store.index("created").getAll()).reverse();
}

/** Those that are too many; the newest always stays. */
function beyond(results) {
  let bytes = 0;
  return results.filter((result, index) => {
    bytes += sizeOf(result);
    return index > 0 && (index >= MOST || bytes > MOST_BYTES);
  });
}

function sizeOf({ person, garments, pictures, mask, thumbnail }) {
  const blobs = [person.blob, ...garments.map(({ blob }) => blob), ...pictures, mask, thumbnail];
  return blobs.reduce((sum, blob) => sum + blob.size, 0);
}
