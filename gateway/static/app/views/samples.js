// Several pictures of one try-on: small ones side by side, of which one is shown large.
import { t } from "../words.js";

/** Fill the fieldset with one radio for each URL; `choose(index)` is called when the visitor takes another. */
export function showSamples(fieldset, urls, choose) {
  const template = document.querySelector("#sample-template");
  fieldset.hidden = urls.length < 2;
  const tiles = fieldset.hidden ? [] : urls.map((url, index) => tile(template, url, index, urls.length, choose));
  fieldset.querySelector(".samples-row").replaceChildren(...tiles);
}

function tile(template, url, index, count, choose) {
  const label = template.content.firstElementChild.cloneNode(true);
  const input = label.querySelector("input");
  input.setAttribute("aria-label", t("result.sample", { index: index + 1, count }));
  input.checked = index === 0;
  input.addEventListener("change", () => choose(index));
  label.querySelector("img").src = url;
  return label;
}
