// What the server sees in a photo that it holds.
import { call, callJson } from "./http.js";

/** What may change for garments of this category: a grey PNG of the upright photo's size, white = may change. */
export async function findMask(id, category) {
  return (await ask("mask", { person: id, category })).blob();
}

/** Joints of the body: `{ points, visibility, frame }`, COCO's eighteen in pixels of the frame. */
export function findPose(id) {
  return askJson("pose", { person: id, tag: "coco18" });
}

/** Parts of the body: `{ labels, map, frame }`, `map` a grey PNG in base64 with one label a pixel. */
export function findParts(id) {
  return askJson("parse", { person: id });
}

const ask = (what, fields) => call(`/v1/preprocess/${what}`, post(fields, "image/png"));
const askJson = (what, fields) => callJson(`/v1/preprocess/${what}`, post(fields, "application/json"));

function post(fields, accept) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return { method: "POST", body, headers: { Accept: accept } };
}
