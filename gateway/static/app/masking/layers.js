// What was read in the photo, drawn over it: joints and bones, and the parts of the body.

const BONES = [
  [1, 2], [2, 3], [3, 4], [1, 5], [5, 6], [6, 7], // neck to wrists
  [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13], // neck to ankles
  [1, 0], [0, 14], [14, 16], [0, 15], [15, 17], // head
];
const SEEN = 0.5; // visibility from which a joint counts as seen

/** Colours of body parts by name; a part without one (the background) is left clear. */
export const PART_COLOURS = {
  hair: "#78461e", face: "#ffc896", neck: "#ff9678", left_arm: "#e650b4", right_arm: "#965af0", hands: "#ffe63c",
  upper: "#3c8cff", lower: "#28be78", legs: "#f0783c", shoes: "#828282",
};

/** `photo`: size of the photo that fills the canvas; the same below. */
export function drawPose(canvas, photo, { points, visibility, frame }) {
  const pen = cleared(canvas);
  const scale = canvas.width / photo.width;
  const at = ([x, y]) => [(x / frame.scale + frame.x0) * scale, (y / frame.scale + frame.y0) * scale];
  const thick = Math.max(2, canvas.height / 250);
  pen.lineCap = "round";
  for (const [colour, width] of [["#000", 2 * thick], ["#fff", thick]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    for (const [from, to] of BONES) {
      if (Math.min(visibility[from], visibility[to]) < SEEN) continue;
      pen.beginPath();
      pen.moveTo(...at(points[from]));
      pen.lineTo(...at(points[to]));
      pen.stroke();
    }
  }
  points.forEach((point, index) => {
    if (visibility[index] <= 0) return;
    pen.beginPath();
    pen.arc(...at(point), 1.6 * thick, 0, 2 * Math.PI);
    pen.fillStyle = visibility[index] >= SEEN ? "#3cdc5a" : "#e63c3c";
    pen.fill();
    pen.strokeStyle = "#000";
    pen.lineWidth = thick / 2;
    pen.stroke();
  });
}

export async function drawParts(canvas, photo, { labels, map, frame }) {
  const pen = cleared(canvas);
  const scale = canvas.width / photo.width / frame.scale;
  pen.imageSmoothingEnabled = false;
  pen.globalAlpha = 0.65;
  const coloured = await colouredMap(map, labels);
  pen.drawImage(coloured, frame.x0 * frame.scale * scale, frame.y0 * frame.scale * scale, coloured.width * scale, coloured.height * scale);
}

async function colouredMap(map, labels) {
  const bytes = Uint8Array.from(atob(map), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  const colours = labels.map((label) => channels(PART_COLOURS[label]));
  for (let index = 0; index < pixels.data.length; index += 4) pixels.data.set(colours[pixels.data[index]], index);
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

function channels(colour) {
  if (!colour) return [0, 0, 0, 0];
  const number = parseInt(colour.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255, 255];
}

function cleared(canvas) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  return pen;
}
