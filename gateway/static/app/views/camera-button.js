// The button that opens the camera, where there is one to open.
import { t } from "../words.js";
import { onDemand } from "./on-demand.js";

export function showCameraButton({ store, choices }) {
  const button = document.querySelector("[data-action=camera]");
  button.hidden = !navigator.mediaDevices?.getUserMedia; // asks for https; a phone's file picker offers its camera too
  const open = onDemand(store, () => import("./camera.js"), async ({ takePhoto }) => {
    const photo = await takePhoto();
    if (photo) await choices.takeOwn("person", photo, t("camera.title_of_photo"));
  });
  button.addEventListener("click", open);
}
