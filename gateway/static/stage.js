// The big picture: the original, the work in progress, then both with a slider between them.
import { items } from "./words.js";

const CONFIDENCE_WORDS = [[0.75, "No doubts found"], [0.5, "Some doubts: look closely"], [0, "Doubtful: look closely"]];

const PATIENCE_MS = 15_000; // the CPU engine needs a few seconds

export class Stage {
  #root;
  #frame;
  #before;
  #after;
  #slider;
  #resultUrl = null;
  #clock = null;
  #had = "empty"; // state to go back to when the work fails

  constructor(root) {
    this.#root = root;
    this.#frame = root.querySelector(".frame");
    this.#before = root.querySelector(".before");
    this.#after = root.querySelector(".after");
    this.#slider = root.querySelector(".compare");
    this.#slider.addEventListener("input", () => this.#split());
    this.#before.addEventListener("load", () => this.#fit(this.#before));
    this.#after.addEventListener("load", () => {
      this.#fit(this.#after);
      this.#frame.classList.add("revealing");
    });
    this.#frame.addEventListener("animationend", () => this.#frame.classList.remove("revealing"));
    this.#before.addEventListener("error", () => {
      this.#invite("This browser cannot show the photo. The preview appears here."); // HEIC for one
    });
  }

  showOriginal(url) {
    this.#before.hidden = false;
    this.#root.classList.remove("unseen");
    this.#before.src = url;
    this.#after.hidden = true;
    this.#root.querySelector(".verdict").hidden = true;
    this.#root.querySelector(".invitation").hidden = true;
    this.#state("chosen");
  }

  work() {
    this.#had = this.#root.dataset.state;
    this.#state("working");
    this.#tell("Trying it on …");
    this.#clock = setTimeout(() => {
      this.#tell("Still at it; large photos and slow engines take longer …");
    }, PATIENCE_MS);
    if (matchMedia("(max-width: 860px)").matches) this.#root.scrollIntoView({ block: "start" });
  }

  giveUp() {
    clearTimeout(this.#clock);
    this.#tell("");
    this.#state(this.#had);
  }

  showResult({ picture, confidence, warnings, engine }) {
    clearTimeout(this.#clock);
    if (this.#resultUrl) URL.revokeObjectURL(this.#resultUrl);
    this.#resultUrl = URL.createObjectURL(picture);
    this.#after.src = this.#resultUrl;
    this.#after.hidden = false;
    this.#slider.value = 0;
    this.#state("done");
    this.#tell("The preview is ready.");
    this.#split();
    this.#describe({ confidence, warnings, engine });
    const download = this.#root.querySelector(".download");
    download.href = this.#resultUrl;
    this.#root.querySelector(".verdict").hidden = false;
    this.#root.focus({ preventScroll: true });
  }

  #describe({ confidence, warnings, engine }) {
    const words = CONFIDENCE_WORDS.find(([least]) => confidence >= least)[1];
    this.#root.querySelector(".confidence-text").textContent = `${words} (confidence ${confidence.toFixed(2)})`;
    const meter = this.#root.querySelector(".meter");
    meter.style.setProperty("--confidence", `${Math.round(100 * confidence)}%`);
    meter.classList.toggle("low", confidence < CONFIDENCE_WORDS[1][0]);
    this.#root.querySelector(".warnings").replaceChildren(...items(warnings.map(({ detail }) => [detail, "poor"])));
    this.#root.querySelector(".honest").textContent =
      `A style preview made by an algorithm (${engine.name}, ${engine.license}` +
      `${engine.preview ? ", a quick preview engine" : ""}). ` +
      "It shows the look and guarantees no fit.";
  }

  /** In place of an original that cannot be shown: then there is nothing to compare with either. */
  #invite(words) {
    this.#before.hidden = true;
    this.#root.classList.add("unseen");
    const invitation = this.#root.querySelector(".invitation");
    invitation.textContent = words;
    invitation.hidden = false;
  }

  /** Also heard by screen readers; seen while the work lasts. */
  #tell(words) {
    this.#root.querySelector(".working-text").textContent = words;
  }

  #split() {
    this.#frame.classList.remove("revealing");
    const share = Number(this.#slider.value);
    this.#frame.style.setProperty("--split", `${share}%`);
    this.#root.classList.toggle("mixed", share > 8 && share < 92);
    this.#root.classList.toggle("new", share <= 8);
    this.#root.classList.toggle("original", share >= 92);
    const words = share === 0 ? "preview only" : share === 100 ? "original only" : `${share} percent original`;
    this.#slider.setAttribute("aria-valuetext", words);
  }

  #fit(image) {
    this.#root.style.setProperty("--aspect", image.naturalWidth / image.naturalHeight);
  }

  #state(name) {
    this.#root.dataset.state = name;
  }
}
