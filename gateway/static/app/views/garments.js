// What is worn: the rack, and the garments that were taken from it or brought along.
import { categoryOf, servedCategories, takesWorn, unservedGarments } from "../state.js";
import { t } from "../words.js";
import { coach } from "./coach.js";

const FIRST_GARMENT = "tshirt_print.jpg";
const CATEGORIES = ["upper", "lower", "dress"];

export function showGarments({ store, choices }) {
  const root = document.querySelector("#garments");
  const file = root.querySelector(".file");
  const worn = root.querySelector(".worn");
  const tiles = [...root.querySelectorAll(".tile input[type=checkbox]")];

  file.addEventListener("change", () => {
    for (const chosen of file.files) choices.takeOwn("garment", chosen);
    file.value = "";
  });
  const sampleOf = ({ value, dataset }) => ({ url: value, title: dataset.title, category: dataset.category });
  for (const tile of tiles) {
    tile.addEventListener("change", () => {
      const chosen = store.state.garments.find((garment) => garment.source === tile.value);
      if (chosen) choices.remove(chosen.key);
      else choices.addSample(sampleOf(tile));
    });
  }

  store.watch(
    (state) => state.phase === "working",
    (working) => (root.disabled = working),
  );
  // Nothing moves when it turns out what the server can do: until then the rack keeps its tiles to itself.
  store.watch(
    ({ service, message }) => service === null && message === null,
    (waiting) => root.querySelector(".rack").toggleAttribute("data-waiting", waiting),
  );
  store.watch(servedKey, () => {
    const served = servedCategories(store.state);
    for (const tile of tiles) {
      const { category } = tile.dataset;
      tile.closest(".tile").hidden = served !== null && category !== "auto" && !served.has(category);
    }
    render();
  });
  store.watch((state) => state.garments, render);

  function render() {
    const { garments } = store.state;
    for (const tile of tiles) tile.checked = garments.some((garment) => garment.source === tile.value);
    const own = garments.filter((garment) => garment.own);
    reconcile(worn, own, () => newItem(choices), (item, garment) => fillItem(item, garment, store.state));
    worn.hidden = own.length === 0;
  }

  store.watch(
    (state) => state.notice ?? (tiles.every(isHidden) && servedKey(state) !== "?" ? t("garments.none_served") : ""),
    (words) => (root.querySelector(".notice").textContent = words),
  );

  const first = tiles.find((tile) => tile.dataset.name === FIRST_GARMENT) ?? tiles[0];
  if (first) choices.addSample(sampleOf(first));
}

/** What was found, and what it means with what this server can do and the visitor has said. */
function tipsOf(garment, named, state) {
  const unserved = unservedGarments(state).includes(garment);
  const found = garment.check.tips.filter((tip) => !isWorn(tip) || garment.photo === "auto");
  return [
    ...found.map((tip) => (isWorn(tip) ? { ...tip, grave: !takesWorn(state) } : tip)),
    ...(unserved ? [{ name: "category-not-served", grave: true, ...named }] : []),
  ];
}

const isWorn = ({ name }) => name === "garment-worn";

const isHidden = (tile) => tile.closest(".tile").hidden;

const servedKey = (state) => [...(servedCategories(state) ?? ["?"])].sort().join();

/** Elements of `list` become those of `things`, by their keys, without touching what stays. */
function reconcile(list, things, make, fill) {
  const there = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const items = things.map((thing) => {
    const item = there.get(thing.key) ?? make();
    item.dataset.key = thing.key;
    fill(item, thing);
    return item;
  });
  for (const [key, item] of there) if (!things.some((thing) => thing.key === key)) item.remove();
  items.forEach((item, index) => list.children[index] !== item && list.insertBefore(item, list.children[index]));
}

function newItem(choices) {
  const item = document.querySelector("#worn-template").content.firstElementChild.cloneNode(true);
  item.querySelector(".remove").addEventListener("click", () => choices.remove(item.dataset.key));
  item.querySelector(".nobody").addEventListener("click", () => choices.correct(item.dataset.key, { photo: "flat" }));
  item.querySelector(".chips").append(
    ...CATEGORIES.map((category) => {
      const chip = document.querySelector("#chip-template").content.firstElementChild.cloneNode(true);
      const input = chip.querySelector("input");
      input.value = category;
      input.addEventListener("change", () => choices.correct(item.dataset.key, { category }));
      return chip;
    }),
  );
  return item;
}

function fillItem(item, garment, state) {
  const image = item.querySelector("img");
  if (image.getAttribute("src") !== garment.url) image.src = garment.url;
  item.querySelector(".worn-title").textContent = garment.title;
  item.querySelector(".remove").setAttribute("aria-label", t("garments.remove", { title: garment.title }));
  item.querySelector(".chips legend").textContent = t("garments.category_of", { title: garment.title });
  const served = servedCategories(state);
  for (const input of item.querySelectorAll(".chip input")) {
    input.name = `category-${garment.key}`;
    input.checked = categoryOf(garment) === input.value;
    input.disabled = served !== null && !served.has(input.value);
    input.nextElementSibling.textContent = t(`categories.${input.value}`);
  }
  const category = categoryOf(garment);
  const named = { category: category === "auto" ? "" : t(`categories.${category}`) };
  const good =
    category === "auto" ? t("coach.good")
    : category === garment.found ? t("coach.recognised", named)
    : t("coach.corrected", named);
  const tips = tipsOf(garment, named, state);
  item.querySelector(".nobody").hidden = !tips.some(isWorn);
  coach(item.querySelector(".coach"), { ...garment.check, tips }, { looking: t("coach.looking_garment"), good });
}
