// The page: two choices, one button, one picture. Everything it knows about the service comes over HTTP.
import { ServiceError, compose, offers } from "./service.js";
import { Slot } from "./slot.js";
import { Stage } from "./stage.js";

// What a first visitor finds chosen: one press on the button shows what this is.
const FIRST_PERSON = "p2_woman__base.jpg";
const FIRST_GARMENT = "tshirt_print.jpg";

const form = document.querySelector("#tryon");
const button = form.querySelector(".primary");
const trouble = form.querySelector(".trouble");
const category = form.querySelector("#category");
const photo = form.querySelector("#photo");
const stage = new Stage(document.querySelector("#stage"));
const slotOptions = { maxFileMb: Number(form.dataset.maxFileMb), onTrouble: complainOf, onChange: refresh };
const person = new Slot(form.querySelector('[data-kind="person"]'), slotOptions);
const garment = new Slot(form.querySelector('[data-kind="garment"]'), slotOptions);
let busy = false;

function complain(words, field = "") {
  trouble.textContent = words;
  person.markWrong(field.startsWith("person"));
  garment.markWrong(/^(garment|category|photo)/.test(field));
  if (words) trouble.scrollIntoView({ block: "nearest" });
}

function complainOf(error) {
  if (error instanceof ServiceError) complain(inWordsOfThePage(error.message), error.field ?? "");
  else complain("The server cannot be reached. Is it still running?");
}

/** Advice is given in terms of the API; the page has names of its own for some of them. */
function inWordsOfThePage(message) {
  return message.replace("send photo=flat", "choose “the garment alone” under “Photo shows”");
}

function refresh(slot) {
  complain("");
  if (slot === person) stage.showOriginal(person.previewUrl);
  if (slot === garment) {
    category.value = garment.category;
    photo.value = "auto";
  }
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
    stage.showResult(await composeTwiceIfNeeded());
  } catch (error) {
    stage.giveUp();
    complainOf(error);
  } finally {
    busy = false;
    markReady();
  }
}

/** The server forgets held photos after a while; the page still has them. */
async function composeTwiceIfNeeded() {
  try {
    return await composeOnce();
  } catch (error) {
    if (!(error instanceof ServiceError) || !error.assetGone) throw error;
    person.forget();
    garment.forget();
    return composeOnce();
  }
}

async function composeOnce() {
  const [personId, garmentId] = await Promise.all([person.assetId(), garment.assetId()]);
  return compose({ person: personId, garment: garmentId, category: category.value, photo: photo.value });
}

function offerOnly({ categories, photos }) {
  garment.offerOnly(categories);
  for (const option of category.options) option.hidden = option.value !== "auto" && !categories.has(option.value);
  for (const option of photo.options) option.hidden = option.value !== "auto" && !photos.has(option.value);
}

form.noValidate = true; // the file inputs are "required" only where no script checks
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) return;
  if (person.chosen && garment.chosen) tryOn();
  else complain(person.chosen ? "Choose a garment first." : "Choose a person first.");
});

addEventListener("pagehide", () => {
  person.release();
  garment.release();
});

person.pickSample(FIRST_PERSON);
garment.pickSample(FIRST_GARMENT);
markReady();
offers().then((known) => known && offerOnly(known));
