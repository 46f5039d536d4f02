// The button that opens what was tried on before.
import { onDemand } from "./on-demand.js";

export function showHistory(page) {
  const button = document.querySelector("[data-action=history]");
  const load = () => import("./history-panel.js");
  button.addEventListener("click", onDemand(page.store, load, ({ openHistory }) => openHistory(page)));
  page.store.watch(
    (state) => state.phase === "working",
    (working) => (button.disabled = working), // an older look would push the one under way aside
  );
}
