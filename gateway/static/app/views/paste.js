// Photos from the clipboard: by the keys for it anywhere on the page, or by a button where the page may read.
import { t } from "../words.js";

export function showPaste({ store, choices }) {
  addEventListener("paste", (event) => {
    const images = [...event.clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (images.length === 0 || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    const kind = event.target.closest?.("#garments") ? "garment" : "person";
    for (const image of kind === "person" ? images.slice(0, 1) : images) choices.takeOwn(kind, image);
  });

  const button = document.querySelector("[data-action=paste]");
  button.hidden = !navigator.clipboard?.read; // asks for https
  button.addEventListener("click", async () => {
    const image = await imageInClipboard();
    if (image) choices.takeOwn("person", image);
    else store.set({ message: { words: t("paste.nothing"), action: null } });
  });
}

/** The first picture in the clipboard; null where there is none, or the visitor does not let the page look. */
async function imageInClipboard() {
  const items = await navigator.clipboard.read().catch(() => []);
  for (const item of items) {
    const type = item.types.find((one) => one.startsWith("image/"));
    if (type) return item.getType(type);
  }
  return null;
}
