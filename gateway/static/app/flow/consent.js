// Asked once, before the first photo of the visitor's own leaves this device.
import { recall, remember } from "../keep/small.js";
import { duration, t } from "../words.js";

const REMEMBERED = "cabine.consent";

export class Consent {
  #dialog = document.querySelector("#consent");
  #store;
  #agreed = null; // terms of this visit; unknown ones are not remembered beyond it
  #asking = null; // several photos may come at once: one question is enough

  constructor(store) {
    this.#store = store;
    // No submit button: Enter on the tick means the other one.
    this.#dialog.querySelector("[data-action=not-now]").addEventListener("click", () => this.#dialog.close("no"));
  }

  /** True when the visitor agreed to what is kept now; asks when that has not happened, or terms have changed. */
  given() {
    const keeps = this.#store.state.service?.keeps;
    const terms = JSON.stringify(keeps ?? null);
    if (this.#agreed === terms || recall(REMEMBERED) === terms) return Promise.resolve(true);
    this.#asking ??= this.#ask(keeps, terms).finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask(keeps, terms) {
    this.#dialog.querySelector("ul").replaceChildren(...termsOf(keeps).map(item));
    this.#dialog.querySelector("input").checked = false;
    this.#dialog.returnValue = "no";
    this.#dialog.showModal();
    await new Promise((resolve) => this.#dialog.addEventListener("close", resolve, { once: true }));
    const agreed = this.#dialog.returnValue === "yes";
    if (agreed) this.#agreed = terms;
    if (agreed && keeps) remember(REMEMBERED, terms);
    return agreed;
  }
}

function termsOf(keeps) {
  const where = t("consent.where", { host: location.host });
  if (!keeps) return [where, t("consent.browser")];
  return [
    where,
    t("consent.held", { time: duration(keeps.asset_s) }),
    t(keeps.jobs_on_disk ? "consent.job_disk" : "consent.job_memory", { time: duration(keeps.job_s) }),
    t("consent.browser"),
  ];
}

function item(words) {
  const element = document.createElement("li");
  element.textContent = words;
  return element;
}
