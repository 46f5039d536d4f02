// The words of the page, in the visitor's language: the server puts them into the page (gateway/words).

export const pageData = JSON.parse(document.querySelector("#page-data").textContent);

export const language = document.documentElement.lang;
const plurals = new Intl.PluralRules(language);

/** The text under a dotted name, `{names}` filled in; a table of plural forms is chosen from by `values.n`. */
export function t(name, values = {}) {
  const text = find(name);
  if (text === undefined) throw new Error(`no words for ${name}`);
  return fill(text, values);
}

/** The same where a name may have no text of its own: then `otherwise`. */
export function tOr(name, otherwise, values = {}) {
  const text = find(name);
  return text === undefined ? otherwise : fill(text, values);
}

/** "about 2 minutes" and the like: a length of time in whole units. */
export function duration(seconds) {
  const [value, unit] =
    seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(Math.ceil(value));
}

/** Several things in one phrase: "a, b and c". */
export function listed(things) {
  return new Intl.ListFormat(language).format(things);
}

function find(name) {
  return name.split(".").reduce((table, key) => table?.[key], pageData.words);
}

function fill(text, values) {
  const form = typeof text === "string" ? text : (text[plurals.select(values.n)] ?? text.other);
  return form.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}
