// The brush: finger, pen, mouse or arrow keys over the canvas. A ring shows where it is and how large.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Brush {
  #canvas;
  #ring;
  #hand; // { begin(), stretch(from, to), end() }: what painting does; points in pixels of the canvas
  #at = null; // where the brush is; null before it was first used
  #pointer = null; // that is painting
  #size = 0; // pixels of the canvas

  constructor({ canvas, ring, hand, signal }) {
    this.#canvas = canvas;
    this.#ring = ring;
    this.#hand = hand;
    const on = (name, listen) => canvas.addEventListener(name, listen, { signal });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.#up(event));
    on("pointerleave", () => this.#show(false));
    on("keydown", (event) => this.#key(event));
    on("focus", () => canvas.matches(":focus-visible") && this.#show(true));
    on("blur", () => this.#show(false));
  }

  set size(pixels) {
    this.#size = pixels;
    this.#ring.style.setProperty("--size", `${(100 * pixels) / this.#canvas.width}%`);
  }

  #down(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#go(this.#pointOf(event));
    this.#hand.begin();
    this.#hand.stretch(this.#at, this.#at);
  }

  #move(event) {
    if (this.#pointer === null || event.pointerId === this.#pointer) {
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const moved of passed.length > 0 ? passed : [event]) {
        const from = this.#at;
        this.#go(this.#pointOf(moved));
        if (this.#pointer !== null) this.#hand.stretch(from, this.#at);
      }
    }
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#hand.end();
    if (event.pointerType !== "mouse") this.#show(false);
  }

  /** Arrows move it, with Shift it paints on its way; Space paints where it is. */
  #key(event) {
    const arrow = ARROWS[event.key];
    if ((!arrow && event.key !== " ") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const from = this.#at ?? { x: this.#canvas.width / 2, y: this.#canvas.height / 2 };
    const pace = Math.max(1, this.#size / 3);
    const within = (value, most) => Math.max(0, Math.min(most, value));
    const [dx, dy] = arrow ?? [0, 0];
    this.#go({
      x: within(from.x + dx * pace, this.#canvas.width),
      y: within(from.y + dy * pace, this.#canvas.height),
    });
    if (arrow && !event.shiftKey) return;
    this.#hand.begin();
    this.#hand.stretch(from, this.#at);
    this.#hand.end();
  }

  #go(point) {
    this.#at = point;
    this.#ring.style.setProperty("--x", `${(100 * point.x) / this.#canvas.width}%`);
    this.#ring.style.setProperty("--y", `${(100 * point.y) / this.#canvas.height}%`);
    this.#show(true);
  }

  #show(shown) {
    this.#ring.hidden = !shown || this.#at === null;
  }

  #pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: ((clientX - left) * this.#canvas.width) / width, y: ((clientY - top) * this.#canvas.height) / height };
  }
}
