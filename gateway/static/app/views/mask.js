// What will change in the photo, before; what did, after. The sheet that changes it is fetched when it is first opened.
import { maskInUse } from "../state.js";
import { t } from "../words.js";
import { onDemand } from "./on-demand.js";

export function showMask(page) {
  const { store } = page;
  const picture = document.querySelector("#stage .picture");
  const button = picture.querySelector("[data-action=mask]");
  const tint = picture.querySelector(".tint");
  const note = document.querySelector("#own-mask");
  let url = null;

  const load = () => import("../masking/editor.js");
  const open = onDemand(store, load, async ({ openEditor }) => {
    if (await page.choices.maySend()) await openEditor(page);
  });

  function toggle(shown) {
    button.setAttribute("aria-pressed", String(shown));
    tint.hidden = !shown;
  }

  button.addEventListener("click", () => {
    if (store.state.phase === "done") toggle(tint.hidden);
    else open();
  });
  for (const change of document.querySelectorAll("[data-action=mask-edit]")) change.addEventListener("click", open);
  note.querySelector("[data-action=mask-drop]").addEventListener("click", () => {
    store.set({ mask: null, tried: null });
    document.querySelector("#tryon .primary").focus(); // what had the focus is gone
  });

  store.watch(
    ({ phase, person }) => (person ? phase : "empty"),
    (phase) => {
      button.hidden = phase === "working" || phase === "empty";
      button.textContent = t(phase === "done" ? "mask.changed" : "mask.open");
      if (phase === "done") toggle(false);
      else {
        button.removeAttribute("aria-pressed");
        tint.hidden = true;
      }
    },
  );
  store.watch(
    (state) => state.result,
    (result) => {
      if (url) URL.revokeObjectURL(url);
      url = result && URL.createObjectURL(result.mask);
      tint.style.setProperty("--mask", result ? `url("${url}")` : "none");
    },
  );
  store.watch(
    (state) => (state.mask === null ? "none" : maskInUse(state) ? "used" : "waits"),
    (use) => {
      note.hidden = use === "none";
      note.querySelector("p").textContent = note.hidden ? "" : t(`mask.${use}`);
    },
  );
}
