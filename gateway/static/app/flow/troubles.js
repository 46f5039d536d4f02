// What went wrong, in words that say what to do.
import { ServiceError } from "../service/http.js";
import { pageData, t, tOr } from "../words.js";

/** A message for an error; `again` is what "Try again" does. */
export function explain(store, error, again = null) {
  if (error.name === "AbortError") return;
  if (!(error instanceof ServiceError)) console.error(error); // a fault of this page, not of the service
  store.set({ message: { words: wordsFor(error), action: actionFor(error, again) } });
}

export function wordsFor(error) {
  const values = { mb: pageData.maxFileMb, detail: error.detail ?? "", id: error.requestId ?? "" };
  const slug = slugOf(error);
  return tOr(`problems.${slug}`, sentence(error.detail) || t("problems.other"), values);
}

/** A few problems of the API mean something of their own here. */
function slugOf({ slug, field }) {
  if (slug === "option-unsupported" && field?.startsWith("garment")) return "garment-worn";
  if (slug === "image-too-large") return "photo-too-large";
  if (slug === "expired" || slug === "not-found") return "job-gone";
  return slug;
}

function actionFor(error, again) {
  if (error.slug === "unauthorized" || error.slug === "forbidden") {
    return { words: t("problems.reload"), run: () => location.reload() };
  }
  const worthIt = error.retryable || error.gone;
  return again && worthIt ? { words: t("problems.again"), run: again } : null;
}

/** The service's details may begin in the middle of a sentence. */
function sentence(words = "") {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
