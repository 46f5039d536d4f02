// Pictures made from pictures, in this browser.

/** A blob as JPEG; `width`: at most so many pixels wide. `quality`: 0..1. Rejects what the browser cannot read. */
export async function asJpeg(blob, { quality, width = Infinity }) {
  const picture = await createImageBitmap(blob);
  try {
    const scale = Math.min(1, width / picture.width);
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await jpegOf(canvas, quality);
  } finally {
    picture.close();
  }
}

/** What a canvas shows, as JPEG. Rejects where there is no memory for it. */
export function jpegOf(canvas, quality) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("the canvas could not be read"))), "image/jpeg", quality);
  });
}
