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
let running = null; // the AbortController of the try-on under way

function complain(words, field = "") {
  trouble.textContent = words;
  person.markWrong(field.startsWith("person"));
  garment.markWrong(/^(garment|category|photo)/.test(field));
  if (words) trouble.scrollIntoView({ block: "nearest" });
}

function complainOf(error) {
  if (error instanceof ServiceError) complain(wordsFor(error), error.field ?? "");
  else complain("The server cannot be reached. Is it still running?");
}

/** The API advises in names of its fields; where a choice of the page is meant, the page has its own words. */
function wordsFor({ slug, field, message }) {
  if (slug === "unauthorized" || slug === "forbidden") return "Your visit has ended. Load this page again.";
  if (slug !== "option-unsupported" || field !== "garment") return message;
  const offered = [...category.options].filter(({ value, hidden }) => value !== "auto" && !hidden);
  const kinds = offered.map(({ text }) => text).join(" or ");
  return `The photo must show the garment alone (${kinds}), worn by nobody. ` +
    "If it does, say so under “Worn as” and “Photo shows”.";
}

function refresh(slot) {
  complain("");
  cancel();
  if (slot === person) stage.showOriginal(person.previewUrl);
  if (slot === garment) {
    category.value = garment.category;
    photo.value = "auto";
  }
  markReady();
}

function markReady() {
  button.setAttribute("aria-disabled", String(Boolean(running) || !person.chosen || !garment.chosen));
}

async function tryOn() {
  const attempt = new AbortController();
  running = attempt;
  markReady();
  complain("");
  stage.work();
  try {
    const result = await composeTwiceIfNeeded(attempt.signal);
    if (running === attempt) stage.showResult(result);
  } catch (error) {
    if (running !== attempt) return;
    stage.giveUp();
    complainOf(error);
  } finally {
    if (running === attempt) running = null;
    markReady();
  }
}

/** Another choice was made: nobody waits for this result any more, and the server stops working on it. */
function cancel() {
  if (!running) return;
  running.abort();
  running = null;
  stage.giveUp();
}

/** The server forgets held photos after a while; the page still has them. */
async function composeTwiceIfNeeded(signal) {
  try {
    return await composeOnce(signal);
  } catch (error) {
    if (!(error instanceof ServiceError) || !error.assetGone) throw error;
    person.forget();
    garment.forget();
    return composeOnce(signal);
  }
}

async function composeOnce(signal) {
  const [personId, garmentId] = await Promise.all([person.assetId(), garment.assetId()]);
  const fields = { person: personId, garment: garmentId, category: category.value, photo: photo.value };
  return compose(fields, signal);
}

function offerOnly({ categories, photos }) {
  garment.offerOnly(categories);
  for (const option of category.options) option.hidden = option.value !== "auto" && !categories.has(option.value);
  for (const option of photo.options) option.hidden = option.value !== "auto" && !photos.has(option.value);
}

form.noValidate = true; // the file inputs are "required" only where no script checks
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) return;
  if (person.chosen && garment.chosen) tryOn();
  else complain(person.chosen ? "Choose a garment first." : "Choose a person first.");
});

// A file dropped beside the cards would replace the page.
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "none";
  });
}

addEventListener("pagehide", () => {
  person.release();
  garment.release();
});

person.pickSample(FIRST_PERSON);
garment.pickSample(FIRST_GARMENT);
markReady();
offers().then((known) => known && offerOnly(known));
