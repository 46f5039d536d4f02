// Photos that the server holds for this page.
import { call, callJson } from "./http.js";

/** Hold a photo on the server: its id and first checks. `kind`: person or garment. */
export function upload(blob, title, kind) {
  const body = new FormData();
  body.append("image", blob, title);
  body.append("kind", kind);
  return callJson("/upload", { method: "POST", body });
}

/** What a try-on would find in it: warnings, a garment's category, or why it would be refused. */
export function look(id) {
  return callJson(`/v1/assets/${encodeURIComponent(id)}/look`);
}

/** Let go of a held photo, also while the page is being closed. */
export function discard(id) {
  call(`/v1/assets/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: true }).catch(() => {});
}
