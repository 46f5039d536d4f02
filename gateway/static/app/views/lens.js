// Where a picture lies in a room that it may be larger than: geometry alone, in CSS pixels from the room's centre.

const PIXELS = 2; // CSS pixels for one of the picture at the most
const LEAST_MOST = 4;

export class Lens {
  scale = 1; // 1: the whole picture fits
  x = 0;
  y = 0;

  /** `picture`, `room`: { width, height } */
  constructor(picture, room) {
    this.room = room;
    this.fit = Math.min(room.width / picture.width, room.height / picture.height);
    this.width = picture.width * this.fit;
    this.height = picture.height * this.fit;
    this.most = Math.max(LEAST_MOST, PIXELS / this.fit);
  }

  /** Enlarge by `factor`; what lies at `point` stays there. */
  zoom(factor, point = { x: 0, y: 0 }) {
    const scale = Math.min(this.most, Math.max(1, this.scale * factor));
    const grown = scale / this.scale;
    this.scale = scale;
    this.#put(point.x - (point.x - this.x) * grown, point.y - (point.y - this.y) * grown);
  }

  move(x, y) {
    this.#put(this.x + x, this.y + y);
  }

  /** The picture never leaves an edge of the room bare that it could cover. */
  #put(x, y) {
    const spare = (size, room) => Math.max(0, (size * this.scale - room) / 2);
    const within = (value, most) => Math.min(most, Math.max(-most, value));
    this.x = within(x, spare(this.width, this.room.width));
    this.y = within(y, spare(this.height, this.room.height));
  }
}
