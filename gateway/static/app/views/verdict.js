// What is to be said about a result: how sure the engine is, what it had to guess, and what the picture is.
import { listed, t, tOr } from "../words.js";

const LEVELS = [[0.75, "high"], [0.5, "middle"], [0, "low"]];

export function sayVerdict(caption, result) {
  const { confidence, warnings, engine, garments } = result;
  const level = LEVELS.find(([least]) => confidence >= least)[1];
  const sure = caption.querySelector(".confidence");
  sure.dataset.level = level;
  sure.textContent = t(`result.confidence_${level}`);
  const notes = caption.querySelector(".notes");
  notes.replaceChildren(...warnings.map(({ name, detail }) => item(tOr(`warnings.${name}`, detail))));
  notes.hidden = warnings.length === 0;
  caption.querySelector(".label").textContent = t(engine.preview ? "result.label_preview" : "result.label", {
    engine: engine.name,
  });
  caption.querySelector(".caption-title").textContent = listed(garments.map(({ title }) => title));
  sayFacts(caption, result);
}

/** For whoever wants to make it again, or to know what may be done with it. */
function sayFacts(caption, { confidence, engine, seed, width, height }) {
  const facts = {
    engine: `${engine.name} ${engine.revision}`,
    licence: engine.license,
    sampling: engine.sampling, // empty where nothing was drawn
    seed,
    size: t("result.size", { width, height }),
    confidence: t("result.confidence_value", { n: Math.round(100 * confidence) }),
  };
  for (const row of caption.querySelectorAll("[data-fact]")) {
    const fact = facts[row.dataset.fact];
    row.hidden = fact === "";
    row.querySelector("dd").textContent = fact;
  }
}

function item(words) {
  const element = document.createElement("li");
  element.textContent = words;
  return element;
}
