// The picture: the photo that was chosen, the work in progress, then photo and result.
import { t } from "../words.js";
import { showResult } from "./result.js";
import { showSketch } from "./sketch.js";

export function showStage({ store, tryOn }) {
  const stage = document.querySelector("#stage");
  const box = stage.querySelector(".picture");
  const before = stage.querySelector(".before");
  const after = stage.querySelector(".after");
  const shown = showResult({ store, stage });

  // A stage that is taller than the window is scrolled to its end before it stays.
  new ResizeObserver(() => stage.style.setProperty("--tall", `${stage.offsetHeight}px`)).observe(stage);

  for (const image of [before, after]) {
    image.addEventListener("load", () => {
      box.style.setProperty("--aspect", image.naturalWidth / image.naturalHeight);
      if (image === before) box.classList.remove("unseen");
    });
  }
  before.addEventListener("error", () => { // HEIC in most browsers
    before.hidden = true;
    box.classList.add("unseen");
    stage.querySelector(".invitation-words").textContent = t("stage.unseen");
  });

  store.watch(
    (state) => state.person?.url,
    (url, { person }) => {
      box.toggleAttribute("data-empty", !person);
      before.hidden = !person;
      if (!person) return;
      before.src = url;
      before.alt = t("stage.original_alt", { title: person.title });
    },
  );
  store.watch(
    (state) => state.person?.title ?? "",
    (title) => (stage.querySelector(".caption-title").textContent = title),
  );
  store.watch(
    (state) => state.phase,
    (phase) => {
      document.querySelector("#room").dataset.phase = phase;
      stage.setAttribute("aria-busy", String(phase === "working"));
      if (phase === "working") stage.querySelector(".wall").scrollIntoView({ block: "nearest" });
    },
  );
  store.watch(
    ({ phase, result }) => (phase === "done" ? result : null),
    (result) => (result ? shown.reveal(result) : shown.hide()),
  );
  // Heard by screen readers: this part is always there, and says what is being done, not every second of it.
  store.watch(
    ({ job, news }) => job?.words ?? news,
    (words) => (stage.querySelector(".news").textContent = words),
  );
  showProgress(stage, store, tryOn);
  showSketch(stage, store);
}

function showProgress(stage, store, tryOn) {
  const panel = stage.querySelector(".progress");
  const bar = panel.querySelector("progress");
  const say = (part, words) => {
    const element = panel.querySelector(part);
    if (element.textContent !== words) element.textContent = words;
  };
  panel.querySelector("[data-action=cancel]").addEventListener("click", () => {
    tryOn.cancel();
    document.querySelector(".go .primary").focus({ preventScroll: true });
  });

  store.watch(
    (state) => state.job,
    (job) => {
      panel.hidden = !job;
      if (!job) return;
      say(".progress-words", job.words);
      say(".progress-detail", job.detail);
      if (job.share === null) bar.removeAttribute("value");
      else bar.value = Math.round(100 * job.share);
    },
  );
}
