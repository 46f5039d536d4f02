// Masks as bytes, one a pixel: 0 = stays, 255 = may change, rows from the top.
// Directions are those of the screen: left, right, up, down.

const DIRECTIONS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** Let what may change reach `distance` pixels further in these directions. Changes `mask`. */
export function extend(mask, size, directions, distance) {
  for (const direction of directions) {
    const [dx, dy] = DIRECTIONS[direction];
    for (let reached = 0; reached < distance; ) {
      const step = Math.min(reached + 1, distance - reached); // twice as far each time, without a gap
      lighten(mask, size, dx * step, dy * step);
      reached += step;
    }
  }
}

/** Take `distance` pixels away on the sides that lie in these directions. Changes `mask`. */
export function retract(mask, size, directions, distance) {
  invert(mask);
  extend(mask, size, directions.map((direction) => OPPOSITE[direction]), distance);
  invert(mask);
}

const OPPOSITE = { left: "right", right: "left", up: "down", down: "up" };

function invert(mask) {
  for (let index = 0; index < mask.length; index += 1) mask[index] = 255 - mask[index];
}

/** Each pixel becomes as light as the one that lies (dx, dy) behind it. */
function lighten(mask, { width, height }, dx, dy) {
  const back = dy * width + dx;
  const [top, bottom] = [Math.max(0, dy), Math.min(height, height + dy)];
  const [left, right] = [Math.max(0, dx), Math.min(width, width + dx)];
  const forwards = back < 0; // so that what is read has not been written yet
  for (let row = 0; row < bottom - top; row += 1) {
    const y = forwards ? top + row : bottom - 1 - row;
    for (let column = 0; column < right - left; column += 1) {
      const index = y * width + (forwards ? left + column : right - 1 - column);
      const behind = mask[index - back];
      if (behind > mask[index]) mask[index] = behind;
    }
  }
}

/** `row(y, into)` that fills in the rows of the same mask at another size, smoothly. */
export function resized(mask, from, to) {
  const across = positions(from.width, to.width);
  const down = positions(from.height, to.height);
  const line = new Float32Array(from.width + 1); // the last one is there to be read with a share of 0
  return (y, into) => {
    const upper = down.first[y] * from.width;
    const lower = Math.min(upper + from.width, mask.length - from.width);
    const share = down.share[y];
    for (let x = 0; x < from.width; x += 1) line[x] = mask[upper + x] + (mask[lower + x] - mask[upper + x]) * share;
    for (let x = 0; x < to.width; x += 1) {
      const left = across.first[x];
      into[x] = line[left] + (line[left + 1] - line[left]) * across.share[x] + 0.5;
    }
  };
}

/** Where the middle of a pixel lies between two pixels of the smaller line. */
function positions(from, to) {
  const first = new Int32Array(to);
  const share = new Float32Array(to);
  for (let index = 0; index < to; index += 1) {
    const at = Math.max(0, Math.min(from - 1, ((index + 0.5) * from) / to - 0.5));
    first[index] = Math.floor(at);
    share[index] = at - first[index];
  }
  return { first, share };
}

/** How much of the photo may change, 0..1. */
export function shareOf(mask) {
  let sum = 0;
  for (let index = 0; index < mask.length; index += 1) sum += mask[index];
  return sum / (255 * mask.length);
}
