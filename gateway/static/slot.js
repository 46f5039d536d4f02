// One choice: a photo of one's own (picked, dropped or pasted) or a sample, with what the server thinks of it.
import { ServiceError, discard, upload } from "./service.js";

export class Slot {
  #root; #kind; #options; #blob = null; #name = ""; #sampleUrl = null; #asset = null; #held = null;

  constructor(root, options) {
    this.#root = root;
    this.#kind = root.dataset.kind;
    this.#options = options;
    this.previewUrl = null;
    this.category = null;
    const file = root.querySelector(".file");
    file.addEventListener("change", () => file.files[0] && this.#take(file.files[0]));
    root.addEventListener("dragover", (event) => { event.preventDefault(); root.classList.add("over"); });
    root.addEventListener("dragleave", (event) => root.contains(event.relatedTarget) || root.classList.remove("over"));
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      root.classList.remove("over");
      if (event.dataTransfer.files[0]) this.#take(event.dataTransfer.files[0]);
    });
    for (const radio of this.#samples()) radio.addEventListener("change", () => this.#takeSample(radio));
  }

  get chosen() { return this.#blob !== null || this.#sampleUrl !== null; }

  /** Preselect a sample, by file name or the first one. */
  pickSample(name) {
    const samples = this.#samples();
    const radio = samples.find((sample) => sample.dataset.name === name) ?? samples[0];
    if (!radio) return;
    radio.checked = true;
    this.#takeSample(radio);
  }

  /** Hide samples of categories that nothing here can dress. */
  offerOnly(categories) {
    for (const sample of this.#root.querySelectorAll(".sample")) {
      sample.hidden = sample.dataset.category !== "auto" && !categories.has(sample.dataset.category);
    }
  }

  /** The id under which the server holds this photo; uploads it first where needed. */
  async assetId() {
    this.#asset ??= this.#upload();
    try {
      return (await this.#asset).id;
    } catch (error) {
      this.#asset = null;
      throw error;
    }
  }

  /** The server no longer has it. */
  forget() { this.#asset = null; this.#held = null; }

  /** Tell the server to drop it. */
  release() {
    if (this.#held) discard(this.#held);
    this.forget();
  }

  #samples() { return [...this.#root.querySelectorAll(".sample input")]; }

  #take(file) {
    if (file.size > this.#options.maxFileMb * 1e6) {
      this.#options.onTrouble(`This file has ${Math.ceil(file.size / 1e6)} MB; at most ${this.#options.maxFileMb} MB are accepted.`);
      return;
    }
    for (const radio of this.#samples()) radio.checked = false;
    this.#become({ blob: file, name: file.name, url: URL.createObjectURL(file), category: "auto" });
    this.#say([["Checking …", "quiet"]]);
    this.assetId().catch((error) => {
      this.#say([]);
      this.#options.onTrouble(error instanceof ServiceError ? error.message : "The server cannot be reached.");
    });
  }

  #takeSample(radio) {
    const category = radio.closest(".sample").dataset.category;
    this.#become({ sampleUrl: radio.value, name: radio.dataset.name, url: radio.value, category });
  }

  #become({ blob = null, sampleUrl = null, name, url, category }) {
    this.release();
    if (this.previewUrl?.startsWith("blob:")) URL.revokeObjectURL(this.previewUrl);
    Object.assign(this, { previewUrl: url, category });
    this.#blob = blob;
    this.#sampleUrl = sampleUrl;
    this.#name = name;
    this.#say([]);
    this.#showPreview(url);
    this.#options.onChange(this);
  }

  #showPreview(url) {
    const preview = this.#root.querySelector(".preview");
    preview.hidden = false;
    preview.onerror = () => { preview.hidden = true; }; // a format this browser cannot show, HEIC for one
    preview.src = url;
    this.#root.querySelector(".drop").classList.add("filled");
  }

  async #upload() {
    const blob = this.#blob ?? (await (await fetch(this.#sampleUrl)).blob());
    const asset = await upload(blob, this.#name, this.#kind);
    if (blob === this.#blob || this.#sampleUrl) this.#held = asset.id;
    if (this.#blob) this.#say(wordsOf(asset));
    return asset;
  }

  #say(lines) {
    const list = this.#root.querySelector(".checks");
    list.replaceChildren(...lines.map(([text, mood]) => {
      const item = document.createElement("li");
      item.textContent = text;
      if (mood) item.className = mood;
      return item;
    }));
  }
}

function wordsOf(asset) {
  const size = [`${asset.width} × ${asset.height} pixels`, ""];
  const findings = (asset.warnings ?? []).map((warning) => [warning.detail, "poor"]);
  return [size, ...findings];
}
