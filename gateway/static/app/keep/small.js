// Small texts that outlast the page: what was agreed to, how it is wished. Where the browser keeps nothing, until
// the page is left.

const kept = new Map();

export function recall(name) {
  try {
    return localStorage.getItem(name) ?? kept.get(name) ?? null;
  } catch {
    return kept.get(name) ?? null;
  }
}

export function remember(name, text) {
  kept.set(name, text);
  try {
    localStorage.setItem(name, text);
  } catch {
    // `kept` has it
  }
}
