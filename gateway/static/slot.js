// One choice: a photo of one's own (picked or dropped) or a sample, with what the server thinks of it.
import { ServiceError, discard, upload } from "./service.js";
import { items } from "./words.js";

const MB = 2 ** 20;

export class Slot {
  #root;
  #kind;
  #options;
  #choice = null; // { blob | sampleUrl, name, url, category, upload: promise of the asset, heldId }

  /** options: maxFileMb, onChange(slot), onTrouble(error) */
  constructor(root, options) {
    this.#root = root;
    this.#kind = root.dataset.kind;
    this.#options = options;
    const file = root.querySelector(".file");
    file.addEventListener("change", () => file.files[0] && this.#take(file.files[0]));
    root.querySelector(".drop").addEventListener("click", () => file.click());
    for (const radio of this.#samples()) radio.addEventListener("change", () => this.#takeSample(radio));
    this.#acceptDrops();
  }

  get chosen() {
    return this.#choice !== null;
  }

  get previewUrl() {
    return this.#choice?.url;
  }

  /** What the choice is known to be; "auto" for one's own photos. */
  get category() {
    return this.#choice?.category;
  }

  /** Preselect a sample, by file name or the first one. */
  pickSample(name) {
    const samples = this.#samples();
    const radio = samples.find((sample) => sample.dataset.name === name) ?? samples[0];
    if (!radio) return;
    radio.checked = true;
    this.#takeSample(radio);
  }

  /** Is this the choice that a refusal is about? */
  markWrong(wrong) {
    this.#root.classList.toggle("wrong", wrong);
  }

  /** Hide samples of categories that nothing here can dress. */
  offerOnly(categories) {
    for (const sample of this.#root.querySelectorAll(".sample")) {
      sample.hidden = sample.dataset.category !== "auto" && !categories.has(sample.dataset.category);
    }
  }

  /** The id under which the server holds this photo; uploads it first where needed. */
  async assetId() {
    const choice = this.#choice;
    choice.upload ??= this.#upload(choice);
    try {
      return (await choice.upload).id;
    } catch (error) {
      choice.upload = null;
      throw error;
    }
  }

  /** The server no longer has it. */
  forget() {
    if (this.#choice) Object.assign(this.#choice, { upload: null, heldId: null });
  }

  /** Tell the server to let it go. */
  release() {
    if (this.#choice?.heldId) discard(this.#choice.heldId);
    this.forget();
  }

  #acceptDrops() {
    const root = this.#root;
    root.addEventListener("dragover", (event) => {
      event.preventDefault();
      root.classList.add("over");
    });
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(event.relatedTarget)) root.classList.remove("over");
    });
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      root.classList.remove("over");
      if (event.dataTransfer.files[0]) this.#take(event.dataTransfer.files[0]);
    });
  }

  #samples() {
    return [...this.#root.querySelectorAll(".sample input")];
  }

  #take(file) {
    const most = this.#options.maxFileMb;
    const size = file.size / MB;
    if (size > most) {
      const words = `This file has ${Math.ceil(10 * size) / 10} MB; at most ${most} MB are accepted.`;
      this.#options.onTrouble(new ServiceError({ detail: words, field: this.#kind }));
      return;
    }
    for (const radio of this.#samples()) radio.checked = false;
    this.#become({ blob: file, name: file.name, url: URL.createObjectURL(file), category: "auto" });
    this.#say([["Checking …", "quiet"]]);
    const choice = this.#choice;
    this.assetId().catch((error) => {
      if (choice !== this.#choice) return;
      this.#say([]);
      if (error instanceof ServiceError) error.field = this.#kind; // the upload itself calls it "image"
      this.#options.onTrouble(error);
    });
  }

  #takeSample(radio) {
    const sample = radio.closest(".sample");
    sample.parentElement.scrollLeft = sample.offsetLeft - (sample.parentElement.clientWidth - sample.offsetWidth) / 2;
    const { category } = sample.dataset;
    this.#become({ sampleUrl: radio.value, name: radio.dataset.name, url: radio.value, category });
  }

  #become(choice) {
    this.release();
    if (this.#choice?.blob) URL.revokeObjectURL(this.#choice.url);
    this.#choice = choice;
    this.#root.classList.toggle("own", Boolean(choice.blob));
    this.#say([]);
    this.#showPreview(choice.url);
    this.#options.onChange(this);
  }

  #showPreview(url) {
    const preview = this.#root.querySelector(".preview");
    preview.hidden = false;
    preview.onerror = () => {
      preview.hidden = true; // a format that this browser cannot show, HEIC for one
    };
    preview.src = url;
    this.#root.querySelector(".drop").classList.add("filled");
  }

  async #upload(choice) {
    const blob = choice.blob ?? (await (await fetch(choice.sampleUrl)).blob());
    const asset = await upload(blob, choice.name, this.#kind);
    if (choice !== this.#choice) {
      discard(asset.id); // another photo was chosen meanwhile
      return asset;
    }
    choice.heldId = asset.id;
    if (choice.blob) this.#say(findings(asset));
    return asset;
  }

  #say(lines) {
    this.#root.querySelector(".checks").replaceChildren(...items(lines));
  }
}

function findings({ width, height, checks }) {
  const good = [];
  if (checks.person_visible) good.push("person visible");
  if (checks.sharp) good.push("sharp");
  if (checks.large_enough) good.push("large enough");
  const lines = checks.warnings.map((warning) => [warning.detail, "poor"]);
  if (good.length > 0) lines.unshift([`${width} × ${height}: ${good.join(", ")}`, "good"]);
  return lines;
}
