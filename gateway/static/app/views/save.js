// Saving the picture: as it is (PNG), or as a JPEG for whoever wants a small file.
import { asJpeg } from "../pictures.js";

const QUALITY = 0.92;

/** -> offer(blob, url, created): from now on this is what the two controls in `tools` save. */
export function showSave(tools) {
  const png = tools.querySelector("[data-action=save]");
  const jpeg = tools.querySelector("[data-action=save-jpeg]");
  let offered = null;

  jpeg.addEventListener("click", async () => {
    const { blob, name } = offered;
    const url = URL.createObjectURL(await asJpeg(blob, { quality: QUALITY }));
    const link = Object.assign(document.createElement("a"), { href: url, download: `${name}.jpg` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // some browsers read it only when the visitor has said where
  });

  return (blob, url, created) => {
    offered = { blob, name: nameOf(created) };
    png.href = url;
    png.download = `${offered.name}.png`;
  };
}

/** try-on-20261122-203015, in the visitor's time: files of one evening stay apart, and sort by when they were made. */
function nameOf(created) {
  const two = (n) => String(n).padStart(2, "0");
  const at = new Date(created);
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(two).join("");
  return `try-on-${day}-${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join("")}`;
}
