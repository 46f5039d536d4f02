// The button that opens what was tried on before.

export function showHistory(page) {
  const button = document.querySelector("[data-action=history]");
  button.addEventListener("click", async () => {
    const { openHistory } = await import("./history-panel.js");
    openHistory(page);
  });
  page.store.watch(
    (state) => state.phase === "working",
    (working) => (button.disabled = working), // an older look would push the one under way aside
  );
}
