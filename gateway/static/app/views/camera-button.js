// The button that opens the camera, where there is one to open.
import { t } from "../words.js";

export function showCameraButton({ choices }) {
  const button = document.querySelector("[data-action=camera]");
  button.hidden = !navigator.mediaDevices?.getUserMedia; // asks for https; a phone's file picker offers its camera too
  button.addEventListener("click", async () => {
    const { takePhoto } = await import("./camera.js");
    const photo = await takePhoto();
    if (photo) choices.takeOwn("person", photo, t("camera.title_of_photo"));
  });
}
