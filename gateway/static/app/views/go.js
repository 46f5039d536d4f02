// The one thing to press, and what went wrong.
import { t } from "../words.js";

export function showGo({ store, tryOn }) {
  const form = document.querySelector("#tryon");
  const button = form.querySelector(".primary");
  const message = document.querySelector("#message");
  const action = message.querySelector("button");

  form.noValidate = true; // the file inputs are "required" only where no script checks
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tryOn.start();
  });
  action.addEventListener("click", () => {
    const { run } = store.state.message.action;
    store.set({ message: null });
    run();
  });

  const label = ({ phase, garments, tried }) =>
    t(phase === "working" ? "go.working" : phase === "done" && garments === tried ? "go.again" : "go.try");
  store.watch(label, (words) => (button.textContent = words));
  store.watch(
    ({ phase, person, garments }) => phase === "working" || !person || garments.length === 0,
    (waiting) => button.setAttribute("aria-disabled", String(waiting)),
  );
  store.watch(
    (state) => state.message,
    (said) => {
      message.hidden = !said;
      message.querySelector("p").textContent = said?.words ?? "";
      action.hidden = !said?.action;
      action.textContent = said?.action?.words ?? "";
      if (said) message.scrollIntoView({ block: "nearest" });
    },
  );
}
