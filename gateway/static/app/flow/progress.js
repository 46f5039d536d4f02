// Where a job is, in words and as a share of the whole.
import { t, tOr } from "../words.js";

const ALMOST_S = 2;

/** `job`: fields of the job object as they were last heard, `heard`: when. -> { words, detail, share, previewUrl } */
export function describe(job) {
  if (job.state === "queued") return { words: t("job.queued"), detail: place(job), previewUrl: null };
  const stage = tOr(`job.stage.${job.stage}`, t("job.stage.other"));
  const step = job.steps > 1 ? t("job.step", { step: job.step, steps: job.steps }) : "";
  return {
    words: stage,
    detail: [step, left(job.eta_s)].filter(Boolean).join(" · "),
    share: share(job),
    previewUrl: job.preview?.url ?? null,
  };
}

function place({ queue_position: position, eta_s: seconds }) {
  const before = position > 1 ? t("job.place", { n: position - 1 }) : position === 1 ? t("job.next") : "";
  return [before, left(seconds)].filter(Boolean).join(" · ");
}

function left(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < ALMOST_S) return t("job.almost");
  return seconds < 100 ? t("job.left_s", { n: Math.round(seconds) }) : t("job.left_min", { n: Math.round(seconds / 60) });
}

/** Of the time it takes, by the estimate; null while there is none. */
function share({ started, eta_s: seconds, heard }) {
  if (!started || seconds === null || seconds === undefined) return null;
  const passed = (heard - Date.parse(started)) / 1000;
  return passed > 0 ? Math.min(0.98, passed / (passed + seconds)) : 0;
}
