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

  const again = ({ phase, garments, tried }) => phase === "done" && garments === tried;
  const label = (state) => t(state.phase === "working" ? "go.working" : again(state) ? "go.again" : "go.try");
  store.watch(label, (words) => (button.textContent = words));
  store.watch(again, (yes) => button.parentElement.toggleAttribute("data-again", yes));
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
