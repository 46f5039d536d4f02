// Words of the service as list items of the page.

/** The service's details may begin in the middle of a sentence. */
export const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** One list item for each [words, class name]. */
export function items(lines) {
  return lines.map(([words, mood]) => {
    const item = document.createElement("li");
    item.textContent = sentence(words);
    item.className = mood;
    return item;
  });
}
