// Calls of the gateway. Errors carry words a person can act on.
import { sentence } from "./words.js";

export class ServiceError extends Error {
  constructor(problem, status) {
    super(sentence(problem.detail ?? "Something went wrong on the server."));
    this.slug = (problem.type ?? "").split(":").pop();
    this.field = problem.field ?? null;
    this.assetGone = status === 410 || (status === 404 && this.field !== null);
  }
}

// Where the server asks for keys, this page acts by its session, and shows that it is this page by this token.
const token = document.querySelector('meta[name="csrf-token"]')?.content;
const signed = token ? { "X-CSRF-Token": token } : {};

async function problemOf(response) {
  const type = response.headers.get("Content-Type") ?? "";
  const problem = type.startsWith("application/problem+json") ? await response.json() : {};
  return new ServiceError(problem, response.status);
}

/** Hold a photo on the server; resolves to its id and checks. */
export async function upload(blob, name, kind) {
  const body = new FormData();
  body.append("image", blob, name);
  body.append("kind", kind);
  const response = await fetch("/upload", { method: "POST", body, headers: signed });
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

/** Let go of a held photo, also while the page is being closed. */
export function discard(id) {
  fetch(`/v1/assets/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: true, headers: signed }).catch(() => {});
}

/** Put the garment on: resolves to the picture and what the engine says about it. */
export async function compose({ person, garment, category, photo }, signal) {
  const body = new FormData();
  body.append("person", person);
  body.append("garment", garment);
  body.append("category", category);
  body.append("photo", photo);
  const headers = { Accept: "application/json", ...signed };
  const response = await fetch("/compose", { method: "POST", body, headers, signal });
  if (!response.ok) throw await problemOf(response);
  const answer = await response.json();
  return { ...answer, picture: pngOf(answer.images[0]) };
}

function pngOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

/** What the engines of this server can dress, or null when it does not say. */
export async function offers() {
  try {
    const response = await fetch("/v1/engines");
    if (!response.ok) return null;
    const engines = (await response.json()).engines.filter((engine) => engine.available);
    return {
      categories: new Set(engines.flatMap((engine) => engine.served)),
      photos: new Set(engines.flatMap((engine) => engine.photo_kinds)),
    };
  } catch {
    return null;
  }
}
