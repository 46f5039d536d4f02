// The rack: samples to take from it, as far as they can be worn here.
import { categoryOf, servedCategories } from "../state.js";
import { t } from "../words.js";

const EVERYTHING = "all";

export function showRack({ store, choices }) {
  const rack = document.querySelector(".rack");
  const filter = document.querySelector(".filter");
  const notice = document.querySelector("#garment-notice");
  const tiles = [...rack.querySelectorAll(".tile input[type=checkbox]")];
  let shown = EVERYTHING;

  for (const tile of tiles) {
    tile.addEventListener("change", () => {
      const chosen = store.state.garments.find((garment) => garment.source === tile.value);
      if (chosen) choices.remove(chosen.key);
      else choices.addSample(sampleOf(tile));
      tick(store.state.garments); // one too many was not taken
    });
  }

  const first = tiles.find((tile) => "first" in tile.dataset);
  if (first) choices.addSample(sampleOf(first));

  // Nothing moves when it turns out what the server can do: until then the rack, and what is below it, waits.
  const form = document.querySelector("#tryon");
  form.toggleAttribute("data-waiting", true);
  store.watch(
    ({ service, message }) => service !== null || message !== null,
    (known) => known && form.removeAttribute("data-waiting"), // for good: messages go again
  );
  store.watch(servedKey, (key, state) => {
    const wearable = tiles.filter(isWearable);
    fillFilter([...new Set(wearable.map((tile) => tile.dataset.category))]);
    hang();
    for (const garment of state.garments) if (!garment.own && !canWear(categoryOf(garment))) choices.remove(garment.key);
    if (store.state.garments.length === 0 && wearable.length > 0) choices.addSample(sampleOf(wearable[0]));
  });
  store.watch((state) => state.garments, tick);
  store.watch(
    (state) => state.notice ?? (tiles.some(isWearable) || tiles.length === 0 ? "" : t("garments.none_served")),
    (words) => (notice.textContent = words),
  );

  function tick(garments) {
    for (const tile of tiles) tile.checked = garments.some((garment) => garment.source === tile.value);
  }

  function canWear(category) {
    const served = servedCategories(store.state);
    return served === null || category === "auto" || served.has(category);
  }

  function isWearable(tile) {
    return canWear(tile.dataset.category);
  }

  function hang() {
    for (const tile of tiles) {
      const narrowedOut = shown !== EVERYTHING && shown !== tile.dataset.category && !tile.checked;
      tile.closest(".tile").hidden = !isWearable(tile) || narrowedOut;
    }
  }

  /** Kinds to choose from, where there is a choice. */
  function fillFilter(categories) {
    shown = EVERYTHING;
    filter.hidden = categories.length < 2;
    filter.replaceChildren(...[EVERYTHING, ...categories].map((category) => chip(category)));
  }

  function chip(category) {
    const label = document.querySelector("#chip-template").content.firstElementChild.cloneNode(true);
    const input = label.querySelector("input");
    Object.assign(input, { name: "rack-filter", value: category, checked: category === shown });
    label.querySelector("span").textContent = category === EVERYTHING ? t("garments.everything") : t(`categories.${category}`);
    input.addEventListener("change", () => {
      shown = category;
      hang();
    });
    return label;
  }
}

const servedKey = (state) => [...(servedCategories(state) ?? ["?"])].sort().join();

function sampleOf({ value, dataset }) {
  return { url: value, title: dataset.title, category: dataset.category };
}
