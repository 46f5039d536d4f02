// The mask on the screen: a tinted canvas whose alpha is the mask itself.

export class Surface {
  #canvas;
  #pen;

  /** Draws in the canvas's CSS `color`. */
  constructor(canvas, size) {
    canvas.width = size.width;
    canvas.height = size.height;
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d", { willReadFrequently: true });
    this.#pen.fillStyle = this.#pen.strokeStyle = getComputedStyle(canvas).color;
    this.#pen.lineCap = this.#pen.lineJoin = "round";
  }

  get size() {
    return { width: this.#canvas.width, height: this.#canvas.height };
  }

  /** The mask, see bitmap.js. */
  get bytes() {
    return channel(this.#pixels(), 3);
  }

  set bytes(bytes) {
    const { width, height } = this.size;
    this.#pen.globalCompositeOperation = "source-over";
    this.#pen.fillRect(0, 0, width, height);
    const tinted = this.#pixels();
    for (let index = 0; index < bytes.length; index += 1) tinted.data[4 * index + 3] = bytes[index];
    this.#pen.putImageData(tinted, 0, 0);
  }

  /** One stretch of a brush `width` pixels wide; `from` and `to` may be the same point. */
  stroke(from, to, width, erase) {
    this.#pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    this.#pen.lineWidth = width;
    this.#pen.beginPath();
    this.#pen.moveTo(from.x, from.y);
    this.#pen.lineTo(to.x, to.y);
    this.#pen.stroke();
    if (from.x !== to.x || from.y !== to.y) return;
    this.#pen.beginPath(); // a line to where it began draws nothing
    this.#pen.arc(to.x, to.y, width / 2, 0, 2 * Math.PI);
    this.#pen.fill();
  }

  #pixels() {
    return this.#pen.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
  }
}

/** Grey pictures of one size, laid together: the lightest wins. -> a mask of `size`. */
export async function bytesOf(blobs, { width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.globalCompositeOperation = "lighten";
  for (const blob of blobs) {
    const picture = await createImageBitmap(blob, { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" });
    pen.drawImage(picture, 0, 0);
    picture.close();
  }
  return channel(pen.getImageData(0, 0, width, height), 0);
}

/** One of red, green, blue and alpha. */
function channel({ data }, number) {
  const bytes = new Uint8Array(data.length / 4);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = data[4 * index + number];
  return bytes;
}
