// Where a job is, in words and as a share of the whole.
import { t, tOr } from "../words.js";

const ALMOST_S = 2;

/**
 * `job`: fields of the job object as they were last heard, `heard`: when; both it and `now` in milliseconds.
 * -> { words, detail, share: 0..1 | null, previewUrl | null }
 */
export function describe(heardJob, now) {
  const job = { ...heardJob, eta_s: remaining(heardJob, now) };
  if (!job.state) return { words: t("job.submitting") };
  if (job.state === "queued") return { words: t("job.queued"), detail: place(job), previewUrl: null };
  const stage = tOr(`job.stage.${job.stage}`, t("job.stage.other"));
  const step = job.steps > 1 ? t("job.step", { step: job.step, steps: job.steps }) : "";
  return {
    words: stage,
    detail: [step, left(job.eta_s)].filter(Boolean).join(" · "),
    share: share(job, now),
    previewUrl: job.preview?.url ?? null,
  };
}

function place({ queue_position: position, eta_s: seconds }) {
  const before = position > 1 ? t("job.place", { n: position - 1 }) : position === 1 ? t("job.next") : "";
  return [before, left(seconds)].filter(Boolean).join(" · ");
}

function remaining({ eta_s: seconds, heard }, now) {
  return seconds === null || seconds === undefined ? null : Math.max(0, seconds - (now - heard) / 1000);
}

function left(seconds) {
  if (seconds === null) return "";
  if (seconds < ALMOST_S) return t("job.almost");
  return seconds < 100 ? t("job.left_s", { n: Math.round(seconds) }) : t("job.left_min", { n: Math.round(seconds / 60) });
}

/** Of the time it takes, by the estimate; null while there is none. */
function share({ started, eta_s: seconds }, now) {
  if (!started || seconds === null) return null;
  const passed = (now - Date.parse(started)) / 1000;
  return passed > 0 ? Math.min(0.98, passed / (passed + seconds)) : 0;
}
