// What is laid over the photo: the mask, or what the service reads in it.
import { wordsFor } from "../flow/troubles.js";
import { t } from "../words.js";
import { PART_COLOURS, drawParts, drawPose } from "./layers.js";

const DRAW = { pose: drawPose, parts: drawParts };

/**
 * `seen(name)` -> { read, photo, size }: the answer about "pose" or "parts", the photo's size and the canvas's.
 * `changed()` is told that something else is seen now.
 */
export function showViews({ sheet, signal, seen, changed, say }) {
  const canvas = sheet.querySelector(".mask-seen");
  const legend = sheet.querySelector(".mask-legend");
  const inputs = [...sheet.querySelectorAll("[name=mask-view]")];

  async function choose(name) {
    sheet.dataset.view = name;
    legend.hidden = name !== "parts";
    changed();
    if (name === "mask") return;
    canvas.width = canvas.height = 0; // what was drawn before is not this
    try {
      const { read, photo, size } = await seen(name);
      if (signal.aborted || sheet.dataset.view !== name) return;
      Object.assign(canvas, size);
      await DRAW[name](canvas, photo, read);
    } catch (error) {
      if (!signal.aborted) say(wordsFor(error));
    }
  }

  legend.replaceChildren(...Object.entries(PART_COLOURS).map(entry));
  for (const input of inputs) {
    input.checked = input.value === "mask";
    input.addEventListener("change", () => choose(input.value), { signal });
  }
  choose("mask");
}

function entry([part, colour]) {
  const item = document.createElement("li");
  item.style.setProperty("--part", colour);
  item.textContent = t(`mask.parts.${part}`);
  return item;
}
