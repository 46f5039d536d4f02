// Photos that were chosen, and what the server holds and thinks of them.
import { discard, look, upload } from "../service/assets.js";
import { call } from "../service/http.js";

let made = 0;

/**
 * A photo: { key, kind: "person" | "garment", own, title, url to show, blob | null, source: url | null, check }
 * A garment also has { category: the visitor's word or "auto", found: what was recognised | null, photo }.
 * `check`: { state: "none" | "looking" | "done" | "unknown", tips: [{ name, grave }] }; `words` instead of a tip's
 * `name` where the server refused the photo.
 */
export function ownPhoto(kind, blob, title) {
  return photo(kind, { own: true, title, url: URL.createObjectURL(blob), blob, source: null });
}

export function samplePhoto(kind, { url, title, category = "auto" }) {
  return photo(kind, { own: false, title, url, blob: null, source: url, category });
}

function photo(kind, { category = "auto", ...rest }) {
  made += 1;
  const check = { state: "none", tips: [] };
  const garment = kind === "garment" ? { category, found: null, photo: "auto" } : {};
  return { key: `${kind}-${made}`, kind, ...rest, check, ...garment };
}

/** A photo that was kept as { title, own, source, category, found, photo, blob }, alive again. */
export function revived(kind, kept) {
  return { ...ownPhoto(kind, kept.blob, kept.title), ...kept };
}

/** The bytes of a photo; those of a sample are fetched once. */
export async function blobOf(photo) {
  if (photo.blob) return photo.blob;
  if (!samples.has(photo.source)) samples.set(photo.source, call(photo.source).then((answer) => answer.blob()));
  try {
    return await samples.get(photo.source);
  } catch (error) {
    samples.delete(photo.source);
    throw error;
  }
}

const samples = new Map();

/** Which photos the server holds, by their keys: each is sent once, whoever asks first. */
export class Held {
  #assets = new Map();

  /** The id under which the server holds it; sends it first where needed. */
  async id(photo) {
    return (await this.#asset(photo)).id;
  }

  /**
   * What is to be said about a photo before it is used: { tips, found: category | null }.
   * Rejects where the server refuses to hold it at all.
   */
  async check(photo, onFirst) {
    const { id, checks } = await this.#asset(photo);
    onFirst(tipsOf(checks.warnings));
    const closer = await look(id);
    const tips = tipsOf(closer.warnings);
    if (!closer.refusal) return { tips, found: closer.category };
    // "Come closer" would contradict "step back".
    const others = tips.filter(({ name }) => name !== "low-resolution");
    return { tips: [{ name: closer.refusal.name, grave: true }, ...others], found: null };
  }

  /** Does the server no longer hold it? Then it is sent again when it is next needed. */
  forget(photo) {
    this.#assets.delete(photo.key);
  }

  /** Tell the server to let it go. */
  release(photo) {
    this.#assets.get(photo.key)?.then(({ id }) => discard(id), () => {});
    this.forget(photo);
  }

  #asset(photo) {
    const { key } = photo;
    if (!this.#assets.has(key)) {
      const sent = blobOf(photo).then((blob) => upload(blob, photo.title, photo.kind));
      this.#assets.set(key, sent);
      sent.catch(() => this.#assets.get(key) === sent && this.#assets.delete(key));
    }
    return this.#assets.get(key);
  }
}

const GRAVE = new Set(["no-person"]);

function tipsOf(warnings) {
  return warnings.map(({ name }) => ({ name, grave: GRAVE.has(name) }));
}
