// What is to be said about a photo before it is used, in plain words.
import { t, tOr } from "../words.js";

/** Fill a `.coach` element for a photo's check; `good` is said where there is nothing to mend. */
export function coach(element, { state, tips }, { looking, good }) {
  const grave = tips.some((tip) => tip.grave);
  element.dataset.mood = state === "done" ? (grave ? "bad" : tips.length > 0 ? "fair" : "good") : state;
  const lines = tips.map(wordsOf);
  const head = {
    none: "",
    looking,
    unknown: t("coach.unknown"),
    done: grave ? t("coach.stop") : tips.length > 0 ? t("coach.go_on") : good,
  }[state];
  element.replaceChildren(...(head ? [paragraph(head)] : []), ...(lines.length > 0 ? [list(lines)] : []));
}

function wordsOf({ name, category, words }) {
  return words ?? tOr(`tips.${name}`, name, { category });
}

function paragraph(words) {
  const element = document.createElement("p");
  element.textContent = words;
  return element;
}

function list(lines) {
  const element = document.createElement("ul");
  for (const words of lines) {
    const item = document.createElement("li");
    item.textContent = words;
    element.append(item);
  }
  return element;
}
