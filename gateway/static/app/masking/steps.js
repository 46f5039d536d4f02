// What was done, so that it can be undone.

const MOST = 30; // masks of at most 1.3 MB each

export class Steps {
  #past = [];
  #future = [];

  /** `before`: how it was until now. */
  add(before) {
    this.#past.push(before);
    if (this.#past.length > MOST) this.#past.shift();
    this.#future = [];
  }

  /** -> how it was before the last step; `now`: how it is. */
  undo(now) {
    this.#future.push(now);
    return this.#past.pop();
  }

  redo(now) {
    this.#past.push(now);
    return this.#future.pop();
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }
}
