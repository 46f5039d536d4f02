// The result: which of its pictures is seen, what is said about it, and what can be done next.
import { listed, t } from "../words.js";
import { showCompare } from "./compare.js";
import { onDemand } from "./on-demand.js";
import { showSamples } from "./samples.js";
import { showSave } from "./save.js";
import { sayVerdict } from "./verdict.js";

/** -> { reveal(result), hide() } */
export function showResult({ store, stage }) {
  const before = stage.querySelector(".before");
  const after = stage.querySelector(".after");
  const samples = stage.querySelector(".samples");
  const parts = stage.querySelectorAll("[data-result]");
  const compare = showCompare(stage.querySelector(".picture"));
  const offer = showSave(stage.querySelector(".result-tools"));
  let urls = [];

  stage.querySelector("[data-action=another]").addEventListener("click", chooseAnother);
  const zoom = onDemand(store, () => import("./zoom.js"), ({ openZoom }) =>
    openZoom({ after: after.src, before: before.hidden ? null : before.src, alt: after.alt }),
  );
  stage.querySelector("[data-action=zoom]").addEventListener("click", zoom);

  function hide() {
    for (const part of parts) part.hidden = true;
    samples.hidden = true;
    after.hidden = true;
    compare.stop();
  }

  function reveal(result) {
    for (const url of urls) URL.revokeObjectURL(url);
    urls = result.pictures.map((picture) => URL.createObjectURL(picture));
    const show = (index) => {
      after.src = urls[index];
      offer(result.pictures[index], urls[index], result.created);
    };
    show(0);
    after.alt = t("stage.result_alt", { garments: listed(result.garments.map(({ title }) => title)) });
    after.hidden = false;
    for (const part of parts) part.hidden = false;
    showSamples(samples, urls, show);
    sayVerdict(stage.querySelector(".caption"), result);
    compare.start();
    stage.focus({ preventScroll: true });
  }

  return { reveal, hide };
}

/** The person stays; the rack is what comes next. */
function chooseAnother() {
  const rack = document.querySelector("#garments");
  rack.scrollIntoView({ block: "start" });
  (rack.querySelector("input:checked") ?? rack.querySelector("input")).focus({ preventScroll: true });
}
