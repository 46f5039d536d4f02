// What the page knows, in one place. Views are functions of it; only `set` changes it.

export class Store {
  #state;
  #watchers = new Set();

  constructor(initial) {
    this.#state = Object.freeze(initial);
  }

  get state() {
    return this.#state;
  }

  /** Lay `changes` over the state and tell whoever watches something that is different now. */
  set(changes) {
    this.#state = Object.freeze({ ...this.#state, ...changes });
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Call `tell(selected, state)` now and whenever what `select(state)` gives becomes another value. */
  watch(select, tell) {
    let last = select(this.#state);
    const watcher = () => {
      const selected = select(this.#state);
      if (Object.is(selected, last)) return;
      last = selected;
      tell(selected, this.#state);
    };
    this.#watchers.add(watcher);
    tell(last, this.#state);
  }
}
