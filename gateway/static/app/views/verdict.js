// What is to be said about a result: how sure the engine is, what it had to guess, and what the picture is.
import { listed, t, tOr } from "../words.js";

const LEVELS = [[0.75, "high"], [0.5, "middle"], [0, "low"]];

export function sayVerdict(caption, { confidence, warnings, engine, garments }) {
  const level = LEVELS.find(([least]) => confidence >= least)[1];
  const sure = caption.querySelector(".confidence");
  sure.dataset.level = level;
  sure.querySelector("span").textContent = t(`result.confidence_${level}`);
  sure.querySelector("small").textContent = t("result.confidence_value", { n: Math.round(100 * confidence) });
  const notes = caption.querySelector(".notes");
  notes.replaceChildren(...warnings.map(({ name, detail }) => item(tOr(`warnings.${name}`, detail))));
  notes.hidden = warnings.length === 0;
  caption.querySelector(".label").textContent = t(engine.preview ? "result.label_preview" : "result.label", {
    engine: engine.name,
  });
  caption.querySelector(".caption-title").textContent = listed(garments.map(({ title }) => title));
}

function item(words) {
  const element = document.createElement("li");
  element.textContent = words;
  return element;
}
