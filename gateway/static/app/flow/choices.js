// Choosing: who wears it, what is worn. Every choice, however it came in, ends here.
import { categoryOf, servedCategories, together } from "../state.js";
import { listed, pageData, t } from "../words.js";
import { Held, ownPhoto, revived, samplePhoto } from "./photos.js";
import { explain, wordsFor } from "./troubles.js";

const MB = 2 ** 20;
const OF_THE_PHOTO = new Set([413, 415, 422]); // statuses of refusals that another try with it meets again

export class Choices {
  #store;
  #consent;
  held = new Held();

  constructor(store, consent) {
    this.#store = store;
    this.#consent = consent;
  }

  /** One's own photo, from a file, a drop, the clipboard or the camera. `kind`: person or garment. */
  async takeOwn(kind, blob, title = t(kind === "person" ? "person.own" : "garments.own")) {
    if (this.#busy || !this.#isSmallEnough(blob)) return;
    if (!(await this.#consent.given())) return;
    const photo = ownPhoto(kind, blob, title);
    if (kind === "person") this.#become(photo);
    else this.#add(photo);
    if (this.#current(photo.key)) this.#check(photo); // one beyond the most is gone again
  }

  takeModel(sample) {
    if (!this.#busy) this.#become(samplePhoto("person", sample));
  }

  addSample(sample) {
    if (!this.#busy) this.#add(samplePhoto("garment", sample));
  }

  /** True where no chosen photo is the visitor's own, or the visitor agrees to send them: nobody asked for kept ones. */
  async maySend() {
    const { person, garments } = this.#store.state;
    return ![person, ...garments].some((photo) => photo?.own) || this.#consent.given();
  }

  /** Photos that were kept in this browser: of a job that is picked up, of an earlier result. */
  restore({ person, garments }) {
    const { garments: left } = this.#store.state;
    for (const garment of left) this.#release(garment);
    this.#become(revived("person", person));
    this.#store.set({ garments: garments.map((garment) => revived("garment", garment)), notice: null });
  }

  remove(key) {
    const { garments } = this.#store.state;
    for (const garment of garments) if (garment.key === key) this.#release(garment);
    this.#store.set({ garments: garments.filter((garment) => garment.key !== key), notice: null, message: null });
  }

  /** The visitor says what a garment is, or what its photo shows. */
  correct(key, changes) {
    this.#store.set({ message: null });
    this.#change(key, changes);
    this.#makeRoom(key);
  }

  /** Nothing is held on the server for a page that is left. */
  releaseAll() {
    const { person, garments } = this.#store.state;
    for (const photo of [person, ...garments]) if (photo) this.held.release(photo);
  }

  get #busy() {
    return this.#store.state.phase === "working";
  }

  #isSmallEnough(blob) {
    if (blob.size <= pageData.maxFileMb * MB) return true;
    this.#store.set({ message: { words: t("problems.image-too-large", { mb: pageData.maxFileMb }), action: null } });
    return false;
  }

  #become(person) {
    const { person: old } = this.#store.state;
    if (old) this.#release(old);
    this.#store.set({ person, mask: null, result: null, phase: "choosing", message: null });
  }

  #add(garment) {
    const { garments, service } = this.#store.state;
    const most = service?.garments ?? Infinity;
    if (garments.filter(this.#goesWith(garment)).length < most) {
      this.#store.set({ garments: [...garments, garment], notice: null, message: null });
      this.#makeRoom(garment.key);
    } else {
      this.#release(garment);
      this.#store.set({ notice: t("garments.full", { n: most }), message: null });
    }
  }

  /** -> a function: can a garment be worn with this one? */
  #goesWith(newest) {
    const served = servedCategories(this.#store.state);
    const only = served?.size === 1 ? [...served][0] : "auto"; // where one thing can be worn, an unknown one is that
    const worn = (garment) => (categoryOf(garment) === "auto" ? only : categoryOf(garment));
    return (garment) => garment === newest || together(worn(garment), worn(newest));
  }

  /** What cannot be worn with the garment of this key goes. */
  #makeRoom(key) {
    const { garments } = this.#store.state;
    const newest = garments.find((garment) => garment.key === key);
    if (!newest) return;
    const stays = this.#goesWith(newest);
    const gone = garments.filter((garment) => !stays(garment));
    if (gone.length === 0) return;
    for (const garment of gone) this.#release(garment);
    // One sample in place of another of its kind is what taking it meant; anything else is worth a word.
    const surprising = gone.filter((garment) => garment.own || categoryOf(garment) !== categoryOf(newest));
    const names = { old: listed(surprising.map(({ title }) => title)), new: newest.title };
    const notice = surprising.length > 0 ? t("garments.replaced", names) : null;
    this.#store.set({ garments: garments.filter(stays), notice });
  }

  async #check(photo) {
    this.#change(photo.key, { check: { state: "looking", tips: [] } });
    try {
      const first = (tips) => this.#change(photo.key, { check: { state: "looking", tips } });
      const { tips, found } = await this.held.check(photo, first);
      const check = { state: "done", tips };
      this.#change(photo.key, photo.kind === "garment" ? { check, found } : { check });
      if (photo.kind === "garment") this.#makeRoom(photo.key);
    } catch (error) {
      const grave = OF_THE_PHOTO.has(error.status);
      const check = grave
        ? { state: "done", tips: [{ words: wordsFor(error), grave }] }
        : { state: "unknown", tips: [] };
      this.#change(photo.key, { check });
      if (this.#current(photo.key)) explain(this.#store, error, () => this.#check(photo));
    }
  }

  /** Neither the server nor this page holds what is no longer chosen. */
  #release(photo) {
    this.held.release(photo);
    if (photo.blob) URL.revokeObjectURL(photo.url);
  }

  #current(key) {
    const { person, garments } = this.#store.state;
    return [person, ...garments].find((photo) => photo?.key === key);
  }

  #change(key, changes) {
    const { person, garments } = this.#store.state;
    if (person?.key === key) this.#store.set({ person: { ...person, ...changes } });
    else if (garments.some((garment) => garment.key === key)) {
      this.#store.set({ garments: garments.map((one) => (one.key === key ? { ...one, ...changes } : one)) });
    }
  }
}
