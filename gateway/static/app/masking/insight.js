// What the service sees in the person's photo: each thing is asked for once a photo.
import { findMask, findParts, findPose } from "../service/preprocess.js";

export class Insight {
  #held;
  #key = null; // of the photo that the answers are about
  #answers = new Map();

  /** `held`: photos on the server, see flow/photos.js. */
  constructor(held) {
    this.#held = held;
  }

  mask(person, category) {
    return this.#once(person, `mask ${category}`, (id) => findMask(id, category));
  }

  pose(person) {
    return this.#once(person, "pose", findPose);
  }

  parts(person) {
    return this.#once(person, "parts", findParts);
  }

  #once(person, name, find) {
    if (person.key !== this.#key) this.#answers.clear();
    this.#key = person.key;
    const known = this.#answers.get(name);
    if (known) return known;
    const answer = this.#find(person, find);
    this.#answers.set(name, answer);
    answer.catch(() => this.#answers.get(name) === answer && this.#answers.delete(name));
    return answer;
  }

  /** What the server no longer holds is sent once more. */
  async #find(person, find) {
    try {
      return await find(await this.#held.id(person));
    } catch (error) {
      if (!error.gone) throw error;
      this.#held.forget(person);
      return find(await this.#held.id(person));
    }
  }
}
