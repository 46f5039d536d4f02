// The slider between photo and result: a range input over both pictures, so that fingers, mouse and keys all move it.
import { t } from "../words.js";

const NEARLY = 8; // percent from an edge at which only one of the two is named

/** -> { start(), stop() } for the `.picture` that holds photo, result and slider. */
export function showCompare(box) {
  const slider = box.querySelector(".compare");
  const show = () => {
    const n = Number(slider.value);
    box.style.setProperty("--split", `${n}%`);
    box.classList.toggle("mixed", n > NEARLY && n < 100 - NEARLY);
    box.classList.toggle("only-result", n <= NEARLY);
    box.classList.toggle("only-photo", n >= 100 - NEARLY);
    slider.setAttribute("aria-valuetext", wordsFor(n));
  };
  slider.addEventListener("input", () => {
    box.classList.remove("revealing");
    show();
  });
  box.addEventListener("animationend", () => box.classList.remove("revealing"));

  return {
    /** From the photo to the result in one sweep, then at rest on the result. */
    start() {
      slider.value = 0;
      slider.hidden = false;
      show();
      box.classList.add("split", "revealing");
    },
    stop() {
      slider.hidden = true;
      box.classList.remove("split", "revealing", "mixed", "only-result", "only-photo");
    },
  };
}

function wordsFor(n) {
  if (n === 0) return t("result.only_result");
  return n === 100 ? t("result.only_photo") : t("result.share", { n });
}
