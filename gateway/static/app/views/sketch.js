// Pictures on the way to the result, each shown once it is wholly here, so that nothing flickers.
import { t } from "../words.js";

export function showSketch(stage, store) {
  const sketch = stage.querySelector(".sketch");
  const tag = stage.querySelector(".tag-sketch");
  let wanted = null;

  async function show(url) {
    wanted = url;
    if (!url) {
      sketch.hidden = tag.hidden = true;
      return;
    }
    const next = new Image();
    next.src = url;
    try {
      await next.decode();
    } catch {
      return; // the job has ended and its pictures with it; the result comes next
    }
    if (wanted !== url) return;
    const first = sketch.hidden;
    sketch.src = url;
    sketch.hidden = tag.hidden = false;
    if (first) store.set({ news: t("job.preview_news") });
  }

  store.watch((state) => state.job?.previewUrl ?? null, show);
}
