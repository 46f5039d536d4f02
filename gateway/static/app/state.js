// The shape of the state, and questions about it.

/** Phases of a try-on: `choosing` -> `working` -> `done` (-> `choosing`). */
export const initialState = {
  phase: "choosing",
  person: null, // Photo, see flow/photos.js
  garments: [], // Garment[]: Photo with category, found, photo
  options: {}, // fields of the request beyond person and garments: engine, seed, steps, guidance, quality, samples
  tried: null, // `garments` of the last try-on: the same array while nothing was changed
  mask: null, // { blob, category }: the visitor's own, of the current person
  service: null, // answer of /v1/engines; null until it has come
  job: null, // { words, detail, share: 0..1 | null, previewUrl } while working
  result: null, // see flow/tryon.js
  notice: null, // words about the garments: what made room for what
  news: "", // told to screen readers: that the picture is ready, or the work was cancelled
  message: null, // { words, action: { words, run } | null }
};

/** Engines that can run here now. */
export function availableEngines(service) {
  return service?.engines.filter((engine) => engine.available) ?? [];
}

/** The engine that the next try-on would use; null when not known. */
export function chosenEngine({ service, options }) {
  const name = options.engine ?? service?.default;
  return availableEngines(service).find((engine) => engine.name === name) ?? null;
}

/** Categories that can be tried on: of the chosen engine, or of all where the service chooses. */
export function servedCategories({ service, options }) {
  if (service === null) return null;
  const engines = availableEngines(service).filter(({ name }) => !options.engine || name === options.engine);
  return new Set(engines.flatMap((engine) => engine.served));
}

/** Chosen garments that nothing here can put on, as far as it is known what they are. */
export function unservedGarments(state) {
  const served = servedCategories(state);
  const lacking = (category) => category !== "auto" && served !== null && !served.has(category);
  return state.garments.filter((garment) => lacking(categoryOf(garment)));
}

/** Does anything here put on a garment that somebody wears in its photo? */
export function takesWorn({ service, options }) {
  return availableEngines(service).some(
    (engine) => (!options.engine || engine.name === options.engine) && engine.photo_kinds.includes("worn"),
  );
}

/** Can the two be worn together? Unknown categories get the benefit of the doubt. */
export function together(one, other) {
  if (one === "auto" || other === "auto") return true;
  return one !== other && one !== "dress" && other !== "dress";
}

/** What a garment counts as: the visitor's word, or what was recognised. */
export function categoryOf(garment) {
  return garment.category === "auto" ? (garment.found ?? "auto") : garment.category;
}

/** Categories that the chosen garments are worn as; tops, as long as nothing better is known. */
export function categoriesWorn({ garments }) {
  const known = garments.map(categoryOf).map((category) => (category === "auto" ? "upper" : category));
  return known.length > 0 ? [...new Set(known)] : ["upper"];
}

/** Can the engine be told what may change? */
export function takesMask(state) {
  return state.garments.length < 2 && (chosenEngine(state)?.options.some(({ name }) => name === "mask") ?? false);
}

/** The visitor's own mask, where the next try-on can use it: for one garment, of the kind that it was made for. */
export function maskInUse(state) {
  const { mask } = state;
  return mask && takesMask(state) && categoriesWorn(state)[0] === mask.category ? mask : null;
}
