// Garments of the visitor's own: what they are, and what is to be said about their photos.
import { categoryOf, servedCategories, takesWorn, unservedGarments } from "../state.js";
import { t } from "../words.js";
import { coach } from "./coach.js";

const CATEGORIES = ["upper", "lower", "dress"];

export function showGarments({ store, choices }) {
  const root = document.querySelector("#garments");
  const file = root.querySelector(".file");
  const worn = root.querySelector(".worn");

  file.multiple = true; // without scripts there would be no saying which is what
  file.addEventListener("change", () => {
    for (const chosen of file.files) choices.takeOwn("garment", chosen);
    file.value = "";
  });
  store.watch(
    (state) => state.phase === "working",
    (working) => (root.disabled = working),
  );
  const render = (_, state) => {
    const own = state.garments.filter((garment) => garment.own);
    reconcile(worn, own, () => newItem(choices), (item, garment) => fillItem(item, garment, state));
    worn.hidden = own.length === 0;
  };
  store.watch((state) => state.garments, render);
  store.watch((state) => state.service, render);
  store.watch((state) => state.options, render);
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
