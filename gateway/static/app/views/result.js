// The result: photo and picture with a slider between them, what is to be said about it, and what can be done next.
import { listed, t, tOr } from "../words.js";

const LEVELS = [[0.75, "high"], [0.5, "middle"], [0, "low"]];

/** -> { reveal(result), hide() } */
export function showResult({ stage }) {
  const after = stage.querySelector(".after");
  const slider = stage.querySelector(".compare");
  const box = stage.querySelector(".picture");
  const save = stage.querySelector("[data-action=save]");
  let url = null;

  slider.addEventListener("input", () => split(box, slider));
  box.addEventListener("animationend", () => box.classList.remove("revealing"));
  stage.querySelector("[data-action=another]").addEventListener("click", () => {
    document.querySelector("#garments").scrollIntoView({ block: "start" });
    document.querySelector("#garments input").focus({ preventScroll: true });
  });

  function hide() {
    for (const part of [after, slider, stage.querySelector(".verdict"), stage.querySelector(".result-tools")]) {
      part.hidden = true;
    }
    box.classList.remove("split", "mixed", "only-result", "only-photo");
  }

  function reveal(result) {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(result.pictures[0]);
    after.src = url;
    after.alt = t("stage.result_alt", { garments: listed(result.garments.map(({ title }) => title)) });
    for (const part of [after, slider, stage.querySelector(".verdict"), stage.querySelector(".result-tools")]) {
      part.hidden = false;
    }
    box.classList.add("split", "revealing");
    slider.value = 0;
    split(box, slider);
    describe(stage, result);
    save.href = url;
    save.download = "try-on.png";
    stage.focus({ preventScroll: true });
  }

  return { reveal, hide };
}

function describe(stage, { confidence, warnings, engine, garments }) {
  const level = LEVELS.find(([least]) => confidence >= least)[1];
  const words = stage.querySelector(".confidence");
  words.textContent = t(`result.confidence_${level}`);
  words.title = t("result.confidence_value", { n: Math.round(100 * confidence) });
  words.dataset.level = level;
  stage.querySelector(".notes").replaceChildren(
    ...warnings.map(({ name, detail }) => {
      const item = document.createElement("li");
      item.textContent = tOr(`warnings.${name}`, detail);
      return item;
    }),
  );
  stage.querySelector(".label").textContent = t(engine.preview ? "result.label_preview" : "result.label", {
    engine: engine.name,
  });
  stage.querySelector(".caption-title").textContent = listed(garments.map(({ title }) => title));
}

function split(box, slider) {
  box.classList.remove("revealing");
  const n = Number(slider.value);
  box.style.setProperty("--split", `${n}%`);
  box.classList.toggle("mixed", n > 8 && n < 92);
  box.classList.toggle("only-result", n <= 8);
  box.classList.toggle("only-photo", n >= 92);
  slider.setAttribute(
    "aria-valuetext",
    n === 0 ? t("result.only_result") : n === 100 ? t("result.only_photo") : t("result.share", { n }),
  );
}
