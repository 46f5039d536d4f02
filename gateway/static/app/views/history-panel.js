// What was tried on in this browser: look at it again, remove one, remove all.
import * as results from "../keep/results.js";
import { language, listed, t } from "../words.js";

const sheet = document.querySelector("#looks");
const list = sheet.querySelector(".looks");
const clear = sheet.querySelector("[data-action=clear]");
const template = document.querySelector("#look-template");
const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
let urls = [];

export async function openHistory(page) {
  say("");
  ask(false);
  const kept = await results.kept();
  list.replaceChildren(...(kept ?? []).map((result) => look(page, result)));
  sheet.querySelector(".hint").textContent = t(kept ? "history.hint" : "history.impossible");
  showEmptiness(kept !== null);
  clear.onclick = () => clearAll(page);
  sheet.showModal();
}

function look(page, result) {
  const item = template.content.firstElementChild.cloneNode(true);
  const title = listed(result.garments.map((garment) => garment.title));
  const when = time.format(result.created);
  const [open, remove] = item.querySelectorAll("button");
  const url = URL.createObjectURL(result.thumbnail);
  urls.push(url);
  item.querySelector("img").src = url;
  item.querySelector(".look-title").textContent = title;
  item.querySelector("time").textContent = when;
  item.querySelector("time").dateTime = new Date(result.created).toISOString();
  remove.setAttribute("aria-label", t("history.remove", { title, time: when }));
  open.addEventListener("click", () => {
    sheet.close();
    page.tryOn.reopen(result);
  });
  remove.addEventListener("click", () => {
    results.drop(result.id);
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    say(t("history.removed"));
    showEmptiness();
    (neighbour?.querySelector("button:last-of-type") ?? sheet.querySelector("[data-action=close]")).focus();
  });
  return item;
}

function showEmptiness(possible = true) {
  const empty = list.children.length === 0;
  sheet.querySelector(".looks-empty").hidden = !(empty && possible);
  clear.hidden = empty;
}

/** Clearing asks once more, in the same place. */
function ask(asking) {
  clear.dataset.asking = asking;
  clear.textContent = t(asking ? "history.clear_sure" : "history.clear_all");
}

function say(words) {
  sheet.querySelector("[role=status]").textContent = words;
}

function clearAll(page) {
  if (clear.dataset.asking !== "true") return ask(true);
  page.tryOn.clearKept();
  list.replaceChildren();
  ask(false);
  say(t("history.cleared"));
  showEmptiness();
  sheet.querySelector("[data-action=close]").focus();
}

clear.addEventListener("blur", () => ask(false));
sheet.querySelector("[data-action=close]").addEventListener("click", () => sheet.close());
sheet.addEventListener("close", () => {
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
  list.replaceChildren();
});
