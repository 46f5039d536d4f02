// The drawer of details: which engine, and what can be asked of it. It remembers, except for the seed.
import { recall, remember } from "../keep/small.js";
import { chosenEngine } from "../state.js";
import { t, tOr } from "../words.js";

const REMEMBERED = "cabine.details";
const PLAIN = ["steps", "guidance", "seed"]; // numbers to type; the others are chosen from
const MAX_SEED = 2 ** 32 - 1;

export function showDetails({ store }) {
  const drawer = document.querySelector("#details");
  const engines = drawer.querySelector(".engines");
  let wishes = JSON.parse(recall(REMEMBERED) ?? "{}"); // as the visitor left them, also what the engine chosen now has no use for

  function wish(name, value) {
    const { [name]: _, ...others } = wishes;
    wishes = value === null ? others : { ...others, [name]: value };
    change();
  }

  function change() {
    keepWishes(wishes);
    store.set({ tried: null });
    apply();
  }

  function apply() {
    store.set({ options: optionsOf(wishes, store.state.service) });
  }

  function reset() {
    wishes = {};
    change();
    for (const input of drawer.querySelectorAll("input[type=number]")) input.value = "";
    render(); // what was typed wrong is gone too
  }

  function render() {
    const { state } = store;
    for (const input of engines.querySelectorAll("input")) input.checked = input.value === (state.options.engine ?? "");
    const engine = chosenEngine(state);
    for (const field of drawer.querySelectorAll("[data-option]")) {
      const option = engine?.options.find(({ name }) => name === field.dataset.option);
      field.hidden = !option;
      if (!option) continue;
      if (PLAIN.includes(option.name)) showNumber(field, option, wishes[option.name]);
      else showChoices(field, option, state.options[option.name], (value) => wish(option.name, value));
    }
    drawer.querySelector("[data-action=details-reset]").disabled = Object.keys(wishes).length === 0;
  }

  for (const input of drawer.querySelectorAll("input[type=number]")) {
    input.addEventListener("input", () => {
      const fits = input.validity.valid && input.value !== "";
      input.setAttribute("aria-invalid", String(!input.validity.valid));
      wish(input.name, fits ? Number(input.value) : null);
    });
  }
  const keep = drawer.querySelector("[data-action=seed-keep]");
  keep.addEventListener("click", () => {
    drawer.querySelector("[name=seed]").value = store.state.result.seed;
    wish("seed", store.state.result.seed);
  });
  drawer.querySelector("[data-action=details-reset]").addEventListener("click", () => {
    reset();
    drawer.querySelector("summary").focus(); // the button has nothing to do any more
  });

  store.watch(
    (state) => state.result?.seed ?? null,
    (seed) => {
      keep.hidden = seed === null;
      keep.textContent = seed === null ? "" : t("details.seed_keep", { seed });
    },
  );
  store.watch(
    (state) => state.service,
    (service) => {
      engines.replaceChildren(...engineItems(service, (name) => wish("engine", name)));
      apply();
    },
  );
  store.watch((state) => state.options, render);
  store.watch(
    (state) => state.phase === "working",
    (working) => (drawer.querySelector(".details-fields").disabled = working),
  );
}

/** Of the wishes, those that can be asked of an engine that can run; `wishes` and the answer by names of fields. */
function optionsOf(wishes, service) {
  const chosen = chosenEngine({ service, options: wishes });
  const options = chosen && wishes.engine ? { engine: chosen.name } : {};
  const engine = chosen ?? chosenEngine({ service, options: {} });
  for (const option of engine?.options ?? []) {
    const value = wishes[option.name];
    if (value !== undefined && accepts(option, value)) options[option.name] = value;
  }
  return options;
}

function accepts({ least, most, choices }, value) {
  if (choices) return choices.includes(value);
  return (least === null || value >= least) && (most === null || value <= most);
}

/** One radio for each engine there is, after one for whatever the service would choose. */
function engineItems(service, choose) {
  const auto = service?.engines.find(({ name }) => name === service.default);
  const title = auto ? t("details.auto_now", { engine: auto.title }) : t("details.auto");
  const items = [item({ name: "", title, summary: "", licence: "", reason: "" }), ...(service?.engines ?? []).map(engineItem)];
  for (const { firstElementChild: input } of items) {
    input.addEventListener("change", () => choose(input.value || null));
  }
  return items;
}

function engineItem(engine) {
  const { code_license: code, weights_license: weights } = engine;
  const licence = t(engine.commercial_use ? "details.licence" : "details.licence_private", { code, weights });
  return item({ ...engine, licence, reason: engine.available ? "" : t("details.missing", engine) });
}

function item({ name, title, summary, licence, reason }) {
  const label = document.querySelector("#engine-template").content.firstElementChild.cloneNode(true);
  Object.assign(label.querySelector("input"), { value: name, disabled: reason !== "" });
  for (const [part, words] of Object.entries({ title, summary, licence, reason })) {
    const line = label.querySelector(`.engine-${part}`);
    line.textContent = words;
    line.hidden = words === "";
  }
  return label;
}

function showNumber(field, { name, least, most, default: usual }, value) {
  const input = field.querySelector("input");
  input.min = least ?? 0;
  input.max = most ?? MAX_SEED;
  input.placeholder = usual === null ? t(`details.usually.${name}`) : t("details.usual", { value: usual });
  field.querySelector(".range").textContent = most === null ? "" : t("details.range", { least, most });
  if (input.value === "" && value !== undefined) input.value = value;
  input.setAttribute("aria-invalid", String(!input.validity.valid));
}

/** Radios: the choices of an option, or 1 to the most of it. */
function showChoices(field, { name, choices, most, default: usual }, value, choose) {
  const values = choices ?? Array.from({ length: most }, (_, index) => index + 1);
  const first = usual ?? (choices?.includes("balanced") ? "balanced" : values[0]);
  const row = field.querySelector(".details-row");
  if (row.dataset.values !== values.join()) {
    row.dataset.values = values.join();
    row.replaceChildren(...values.map((one) => chip(name, one, () => choose(one))));
  }
  for (const input of row.querySelectorAll("input")) input.checked = input.value === String(value ?? first);
}

function chip(name, value, choose) {
  const label = document.querySelector("#chip-template").content.firstElementChild.cloneNode(true);
  const input = label.querySelector("input");
  Object.assign(input, { name, value });
  input.addEventListener("change", choose);
  label.querySelector("span").textContent = tOr(`details.names.${value}`, String(value));
  return label;
}

/** All but the seed, which is of one picture. */
function keepWishes({ seed: _, ...wishes }) {
  remember(REMEMBERED, JSON.stringify(wishes));
}
