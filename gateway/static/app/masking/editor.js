// The sheet that shows what will change, and lets the visitor say otherwise.
import { wordsFor } from "../flow/troubles.js";
import { categoriesWorn, maskInUse, takesMask } from "../state.js";
import { t } from "../words.js";
import { extend, resized, retract, shareOf } from "./bitmap.js";
import { Brush } from "./brush.js";
import { Insight } from "./insight.js";
import { greyPng, sizeOfPng } from "./png.js";
import { Steps } from "./steps.js";
import { Surface, bytesOf } from "./surface.js";
import { showViews } from "./views.js";

const LONGEST = 1280; // pixels of the canvas, whatever the photo has: an edge is sharp to a few pixels of 40 MP
const ALL_AROUND = ["left", "right", "up", "down"];
const GROWTH = 1 / 128; // of the longer side: how far one press moves an edge
const NARROWEST = 0.002; // of the longer side, for each notch of the brush

let insight = null; // what is known of the photo, from one opening to the next

/** Resolves when the sheet is closed; the visitor's own mask is then in the store, if there is one. */
export async function openEditor({ store, choices }) {
  insight ??= new Insight(choices.held);
  const editor = new Editor(document.querySelector("#mask"), store);
  try {
    await editor.run();
  } finally {
    editor.leave();
  }
}

class Editor {
  #sheet;
  #store;
  #left = new AbortController();
  #steps = new Steps();
  #person;
  #category; // that the mask is for; null where there are several
  #photo; // size of the upright photo
  #surface;
  #brush;
  #ready; // settled when the mask is shown
  #automatic; // bytes of the service's own mask
  #own = false; // has the visitor changed it?

  constructor(sheet, store) {
    this.#sheet = sheet;
    this.#store = store;
    this.#person = store.state.person;
  }

  async run() {
    const closed = new Promise((resolve) => this.#sheet.addEventListener("close", resolve, { once: true }));
    const photo = this.#part("photo");
    photo.hidden = false;
    photo.src = this.#person.url;
    this.#listen();
    for (const name of ["undo", "redo", "reset", "use"]) this.#enable(name, false);
    this.#say(t("mask.looking"));
    this.#sheet.showModal();
    this.#ready = this.#begin();
    this.#ready.catch((error) => this.#left.signal.aborted || this.#say(wordsFor(error)));
    await closed;
  }

  leave() {
    this.#left.abort();
    this.#part("photo").removeAttribute("src");
    for (const canvas of this.#sheet.querySelectorAll("canvas")) canvas.width = canvas.height = 0; // frees its memory
  }

  async #begin() {
    const { state } = this.#store;
    const categories = categoriesWorn(state);
    this.#category = categories.length === 1 ? categories[0] : null;
    const found = await Promise.all(categories.map((category) => insight.mask(this.#person, category)));
    this.#photo = await sizeOfPng(found[0]);
    const size = bounded(this.#photo);
    this.#automatic = await bytesOf(found, size);
    const own = maskInUse(state);
    const bytes = own ? await bytesOf([own.blob], size) : this.#automatic;
    if (this.#left.signal.aborted) return;
    this.#part("picture").style.setProperty("--aspect", size.width / size.height);
    this.#surface = new Surface(this.#part("paint"), size);
    this.#brush = this.#newBrush();
    this.#show(bytes, Boolean(own));
    this.#enable("use", true);
    this.#allow();
  }

  #newBrush() {
    let before;
    const hand = {
      begin: () => (before = this.#now()),
      stretch: (from, to) => this.#surface.stroke(from, to, this.#thickness, this.#erasing),
      end: () => {
        this.#steps.add(before);
        this.#tell(this.#surface.bytes, true);
      },
    };
    const [canvas, ring] = [this.#part("paint"), this.#part("ring")];
    const brush = new Brush({ canvas, ring, hand, signal: this.#left.signal });
    brush.size = this.#thickness;
    return brush;
  }

  #listen() {
    const { signal } = this.#left;
    const on = (element, name, listen) => element.addEventListener(name, listen, { signal });
    const actions = {
      close: () => this.#sheet.close(),
      undo: () => this.#back("undo"),
      redo: () => this.#back("redo"),
      grow: () => this.#reshape(extend, ALL_AROUND),
      shrink: () => this.#reshape(retract, ALL_AROUND),
      reset: () => this.#change(this.#automatic, false),
      use: () => this.#use(),
    };
    for (const [name, run] of Object.entries(actions)) on(this.#button(name), "click", run);
    for (const button of this.#sheet.querySelectorAll("[data-direction]")) {
      const { direction } = button.dataset;
      on(button, "click", () => this.#reshape(this.#erasing ? retract : extend, [direction]));
    }
    on(this.#sheet.querySelector("[name=mask-size]"), "input", () => this.#surface && (this.#brush.size = this.#thickness));
    on(this.#part("photo"), "error", () => (this.#part("photo").hidden = true)); // HEIC: the mask is seen without it
    on(this.#sheet, "keydown", (event) => this.#shortcut(event));
    showViews({
      sheet: this.#sheet,
      signal,
      seen: (name) => this.#seen(name),
      changed: () => this.#allow(),
      say: (words) => this.#say(words),
    });
  }

  /** What the service reads in the photo, with the sizes to draw it in. */
  async #seen(name) {
    const [read] = await Promise.all([insight[name](this.#person), this.#ready]);
    return { read, photo: this.#photo, size: this.#surface.size };
  }

  #shortcut(event) {
    const key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(key) || this.#part("tools").disabled) return;
    event.preventDefault();
    this.#button(key === "y" || event.shiftKey ? "redo" : "undo").click();
  }

  #reshape(change, directions) {
    const { size } = this.#surface;
    const { bytes } = this.#surface;
    change(bytes, size, directions, Math.max(1, Math.round(Math.max(size.width, size.height) * GROWTH)));
    this.#change(bytes, true);
  }

  #change(bytes, own) {
    this.#steps.add(this.#now());
    this.#show(bytes, own);
  }

  #back(way) {
    const { bytes, own } = this.#steps[way](this.#now());
    this.#show(bytes, own);
  }

  #now() {
    return { bytes: this.#surface.bytes, own: this.#own };
  }

  #show(bytes, own) {
    this.#surface.bytes = bytes;
    this.#tell(bytes, own);
  }

  #tell(bytes, own) {
    this.#own = own;
    this.#say(t(`mask.${this.#kind}`, { share: Math.round(100 * shareOf(bytes)) }));
    this.#enable("undo", this.#steps.canUndo);
    this.#enable("redo", this.#steps.canRedo);
    this.#enable("reset", own);
  }

  async #use() {
    const { bytes, size } = this.#surface;
    if (this.#own && shareOf(bytes) === 0) {
      this.#say(t("mask.nothing"));
      return;
    }
    this.#enable("use", false);
    try {
      if (this.#own) this.#keep(await this.#pngOf(bytes, size));
      else if (maskInUse(this.#store.state)) this.#keep(null);
      this.#sheet.close();
    } catch (error) {
      this.#say(wordsFor(error)); // a browser without CompressionStream, or without memory
      this.#enable("use", true);
    }
  }

  #keep(mask) {
    if (!this.#left.signal.aborted) this.#store.set({ mask, tried: null });
  }

  async #pngOf(bytes, size) {
    this.#say(t("mask.saving"));
    const blob = await greyPng(this.#photo, resized(bytes, size, this.#photo));
    return { blob, category: this.#category };
  }

  /** The tools work while the mask is seen, and where it counts. */
  #allow() {
    const seen = this.#surface && this.#sheet.dataset.view === "mask";
    const fixed = this.#category === null || !takesMask(this.#store.state);
    const editable = Boolean(seen) && !fixed;
    this.#sheet.toggleAttribute("data-fixed", Boolean(seen) && fixed);
    this.#part("tools").disabled = !editable;
    this.#part("paint").tabIndex = editable ? 0 : -1;
  }

  #enable(name, enabled) {
    this.#button(name).disabled = !enabled;
  }

  #say(words) {
    this.#part("state").textContent = words;
  }

  /** Whose mask it is, and why it cannot be changed where that is so. */
  get #kind() {
    if (this.#category === null) return "together";
    if (!takesMask(this.#store.state)) return "fixed";
    return this.#own ? "share_own" : "share";
  }

  get #erasing() {
    return this.#sheet.querySelector("[name=mask-tool]:checked").value === "remove";
  }

  get #thickness() {
    const { width, height } = this.#surface.size;
    return Number(this.#sheet.querySelector("[name=mask-size]").value) * NARROWEST * Math.max(width, height);
  }

  #part(name) {
    return this.#sheet.querySelector(`.mask-${name}`);
  }

  #button(name) {
    return this.#sheet.querySelector(`[data-action=${name}]`);
  }
}

function bounded({ width, height }) {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
