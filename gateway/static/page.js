// The page: two choices, one button, one picture. Everything it knows about the service comes over HTTP.
import { Slot } from "./slot.js";
import { Stage } from "./stage.js";
import { ServiceError, compose, categoriesOnOffer } from "./service.js";

const FIRST_GARMENT = "tshirt_mustard.jpg";

const form = document.querySelector("#tryon");
const button = form.querySelector(".primary");
const trouble = form.querySelector(".trouble");
const stage = new Stage(document.querySelector("#stage"));
const maxFileMb = Number(form.dataset.maxFileMb);
const options = { maxFileMb, onTrouble: complain, onChange: refresh };
const person = new Slot(form.querySelector('[data-kind="person"]'), options);
const garment = new Slot(form.querySelector('[data-kind="garment"]'), options);
const category = form.querySelector("#category");
let busy = false;

function complain(message) {
  trouble.textContent = message;
}

function refresh(slot) {
  complain("");
  if (slot === person) stage.showOriginal(person.previewUrl);
  if (slot === garment) category.value = garment.category;
  markReady();
}

function markReady() {
  button.setAttribute("aria-disabled", String(busy || !person.chosen || !garment.chosen));
}

async function tryOn() {
  busy = true;
  markReady();
  complain("");
  stage.work();
  try {
    const result = await composeOnce().catch((error) => {
      if (!(error instanceof ServiceError) || !error.assetGone) throw error;
      // Held photos expire; ours are still here.
      person.forget();
      garment.forget();
      return composeOnce();
    });
    stage.showResult(result);
  } catch (error) {
    stage.giveUp();
    complain(error instanceof ServiceError ? error.message : "The server cannot be reached. Is it still running?");
  } finally {
    busy = false;
    markReady();
  }
}

async function composeOnce() {
  const [personId, garmentId] = await Promise.all([person.assetId(), garment.assetId()]);
  return compose({ person: personId, garment: garmentId, category: category.value });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) return;
  if (!person.chosen || !garment.chosen) {
    complain(person.chosen ? "Choose a garment first." : "Choose a person first.");
    return;
  }
  tryOn();
});

addEventListener("pagehide", () => {
  person.release();
  garment.release();
});

// Only garments that some engine here can put on are offered.
categoriesOnOffer().then((categories) => {
  if (!categories) return;
  garment.offerOnly(categories);
  for (const option of category.options) option.hidden = option.value !== "auto" && !categories.has(option.value);
});

form.noValidate = true; // the file inputs are "required" only where no script checks
person.pickSample();
garment.pickSample(FIRST_GARMENT);
markReady();
