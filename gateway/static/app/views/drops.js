// Photos dropped on the page: on the picture or "You" they are a person, on the rack a garment.

export function showDrops({ choices }) {
  const places = [...document.querySelectorAll("[data-drop]")];
  const under = (event) => event.target.closest?.("[data-drop]") ?? null;
  const mark = (place) => places.forEach((one) => one.classList.toggle("over", one === place));

  addEventListener("dragover", (event) => {
    event.preventDefault(); // a file dropped beside a place would replace the page
    const place = under(event);
    event.dataTransfer.dropEffect = place ? "copy" : "none";
    mark(place);
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? mark(null));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    const place = under(event);
    if (!place) return;
    const { drop: kind } = place.dataset;
    const images = [...event.dataTransfer.files];
    for (const file of kind === "person" ? images.slice(0, 1) : images) choices.takeOwn(kind, file);
  });
}
