// Who wears it: one's own photo or a model.
import { t } from "../words.js";
import { coach } from "./coach.js";

export function showPerson({ store, choices }) {
  const root = document.querySelector("#person");
  const file = root.querySelector(".file");
  const labels = document.querySelectorAll("label[for=person-file]");
  const models = [...root.querySelectorAll(".model input")];

  file.addEventListener("change", () => {
    if (file.files[0]) choices.takeOwn("person", file.files[0]);
    file.value = ""; // the same file may be chosen again
  });
  const take = (model) => choices.takeModel({ url: model.value, title: model.dataset.title });
  for (const model of models) model.addEventListener("change", () => take(model));

  store.watch(
    (state) => state.phase === "working",
    (working) => (root.disabled = working),
  );
  store.watch(
    (state) => state.person,
    (person) => {
      for (const label of labels) label.textContent = t(person?.own ? "person.choose_another" : "person.choose");
      for (const model of models) model.checked = Boolean(person) && model.value === person.source;
      const words = { looking: t("coach.looking"), good: t("coach.good") };
      coach(document.querySelector("#person-coach"), person?.check ?? { state: "none", tips: [] }, words);
    },
  );

  const first = models.find((model) => "first" in model.dataset);
  if (first) take(first);
}
