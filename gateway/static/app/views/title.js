// The title of the window tells those who look elsewhere how far the work is.
import { t } from "../words.js";

export function showTitle({ store }) {
  const plain = document.title;
  store.watch(
    ({ phase, job }) => (phase === "working" && typeof job?.share === "number" ? Math.round(100 * job.share) : phase),
    (told) => {
      if (told === "choosing" || (told === "done" && !document.hidden)) document.title = plain;
      else if (told === "done") document.title = t("page.title_done", { name: plain });
      else if (told === "working") document.title = t("page.title_waiting", { name: plain });
      else document.title = t("page.title_working", { n: told, name: plain });
    },
  );
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && store.state.phase !== "working") document.title = plain;
  });
}
