// What the next try-on puts on, in the corner of the picture: the rack may be out of sight.
import { listed, t } from "../words.js";

export function showToWear({ store }) {
  const link = document.querySelector("#to-wear");
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const garments = document.querySelector("#garments");
    garments.scrollIntoView({ block: "start" });
    garments.querySelector("input").focus({ preventScroll: true });
  });
  store.watch(
    (state) => state.garments,
    (garments) => {
      link.hidden = garments.length === 0;
      link.setAttribute("aria-label", t("stage.to_wear", { garments: listed(garments.map(({ title }) => title)) }));
      link.replaceChildren(...garments.map(pictureOf));
    },
  );
}

function pictureOf({ source, url }) {
  const image = document.createElement("img");
  Object.assign(image, { alt: "", width: 60, height: 80, src: source ? `${source}/thumbnail` : url });
  return image;
}
