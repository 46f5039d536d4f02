// A try-on from the button to the picture: send, hand in, follow, fetch, keep, and remove it from the server.
import { ServiceError, errorFrom } from "../service/http.js";
import { follow, pause, picture, remove, submit } from "../service/jobs.js";
import * as results from "../keep/results.js";
import * as running from "../keep/running.js";
import { categoryOf, maskInUse, unservedGarments } from "../state.js";
import { t } from "../words.js";
import { blobOf } from "./photos.js";
import { describe } from "./progress.js";
import { explain } from "./troubles.js";

const MOST_TRIES = 20; // while the server is busy, or the way to it is lost
const LONGEST_WAIT_S = 120; // what wants more patience than that is told, and left to the visitor
const LOST_MS = 2000;

export class TryOn {
  #store;
  #choices;
  #attempt = null; // { controller, jobId | null } of the try-on under way

  constructor(store, choices) {
    this.#store = store;
    this.#choices = choices;
  }

  /** Try on what is chosen now. */
  async start() {
    if (this.#store.state.phase === "working") return;
    const missing = whatIsMissing(this.#store.state);
    if (missing) {
      this.#store.set({ message: { words: missing, action: null } });
      return;
    }
    if (!(await this.#choices.maySend())) return;
    const { person, garments, options, phase } = this.#store.state;
    if (phase === "working") return; // asked twice
    this.#store.set({ tried: garments });
    const mask = maskInUse(this.#store.state);
    this.#run(() => this.#send({ person, garments, options, mask }), () => this.start());
  }

  /** Pick up a job that was under way when the page was left; does nothing where there is none. */
  async resume() {
    for (const left of await running.recall()) {
      const free = await owned(left.id); // else another tab of this browser has it
      if (this.#store.state.phase === "working") return;
      if (free) return this.#pickUp(left);
    }
  }

  #pickUp(left) {
    this.#choices.restore(left);
    this.#run(async () => {
      this.#show({ words: t("job.resumed") });
      return left;
    });
  }

  /** Look at an earlier result again, with its person and garments chosen. */
  reopen(result) {
    if (this.#store.state.phase === "working") return;
    this.#choices.restore(result);
    this.#store.set({ phase: "done", result, tried: this.#store.state.garments });
  }

  /** Nothing of earlier try-ons stays, here or on the server; what another tab works on does. */
  async clearKept() {
    await results.clear();
    for (const { id } of await running.recall()) if (await owned(id)) letGo(id);
  }

  cancel() {
    const { jobId } = this.#attempt ?? {};
    this.#attempt?.controller.abort();
    this.#attempt = null;
    if (jobId) letGo(jobId);
    this.#store.set({ phase: this.#store.state.result ? "done" : "choosing", job: null, news: t("job.cancelled") });
  }

  async #run(begin, again = null) {
    const attempt = { controller: new AbortController(), jobId: null };
    this.#attempt = attempt;
    this.#store.set({ phase: "working", message: null, news: "", job: { words: t("job.sending"), detail: "", share: null } });
    try {
      const sent = await begin();
      if (this.#attempt !== attempt) return letGo(sent.id); // cancelled while it was handed in
      attempt.jobId = sent.id;
      const result = await this.#finish(sent, attempt.controller.signal);
      this.#store.set({ phase: "done", job: null, result, news: t("job.done") });
    } catch (error) {
      if (this.#attempt !== attempt) return;
      if (attempt.jobId && error.gone) running.forget(attempt.jobId); // else a reload picks it up
      this.#store.set({ phase: this.#store.state.result ? "done" : "choosing", job: null });
      explain(this.#store, error, again);
    } finally {
      if (this.#attempt === attempt) this.#attempt = null;
    }
  }

  /** Hand it in; what the server no longer holds is sent once more. Resolves to what is remembered of it. */
  async #send(asked) {
    const { signal } = this.#attempt.controller;
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`; // randomUUID asks for https
    let sentAgain = false;
    for (let tries = 0; ; tries += 1) {
      try {
        const form = await this.#form(asked);
        signal.throwIfAborted();
        this.#show({ words: t("job.submitting") });
        const job = await submit(form, key); // never broken off: a job that nobody knows of could not be removed
        const record = await recordOf(job.id, asked);
        await running.remember(record);
        owned(job.id);
        return record;
      } catch (error) {
        if (error.gone && !sentAgain) {
          for (const photo of [asked.person, ...asked.garments]) this.#choices.held.forget(photo);
          sentAgain = true;
        } else if (tries >= MOST_TRIES) {
          throw error;
        } else if (error.unreachable) {
          this.#show({ words: t(error.slug === "offline" ? "job.offline_sending" : "job.reconnecting") });
          await pause(LOST_MS, signal);
        } else if (error.retryAfterS && error.retryAfterS <= LONGEST_WAIT_S) {
          await this.#waitTurn(error, signal);
        } else throw error;
      }
    }
  }

  async #form({ person, garments, options, mask }) {
    const { held } = this.#choices;
    const [personId, ...garmentIds] = await Promise.all([person, ...garments].map((photo) => held.id(photo)));
    const form = new FormData();
    form.append("person", personId);
    garments.forEach((garment, index) => {
      form.append("garment", garmentIds[index]);
      form.append("category", garment.category);
      form.append("photo", garment.photo);
    });
    if (mask) form.append("mask", mask.blob, "mask.png");
    for (const [name, value] of Object.entries(options)) if (value !== null) form.append(name, value);
    form.append("format", "png");
    return form;
  }

  /** The server is full, or starts: count the seconds down, then try again. */
  async #waitTurn({ retryAfterS, status }, signal) {
    for (let n = Math.ceil(retryAfterS); n > 0; n -= 1) {
      const words = status === 429 ? t("job.busy") : t("job.starting");
      this.#show({ words, detail: t("job.retry", { n }) });
      await pause(1000, signal);
    }
  }

  async #finish(sent, signal) {
    const done = await this.#followed(sent.id, signal);
    if (done.state !== "succeeded") {
      letGo(sent.id);
      throw done.state === "failed" ? errorFrom(done.error) : new ServiceError("expired", { status: 410 });
    }
    this.#show({ words: t("job.fetching"), share: 1 });
    const result = await this.#untilReached(() => fetched(sent, done, signal), signal);
    await results.keep(result);
    letGo(sent.id); // from now on it is in this browser only
    return result;
  }

  /** What `work` resolves to; begun again as long as the way to the server is lost. */
  async #untilReached(work, signal) {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!error.unreachable) throw error;
        this.#show({ words: lostWords(error.slug) });
        await pause(LOST_MS, signal);
      }
    }
  }

  /** The finished job; what is heard of it until then is shown, its time counted down every second. */
  async #followed(id, signal) {
    let job = {};
    let lost = null;
    const show = () => this.#show(lost ? { words: lostWords(lost) } : describe(job, Date.now()));
    const ticking = setInterval(show, 1000);
    const tell = (change) => {
      const heard = Date.now();
      const started = change.state === "running" ? { started: new Date(heard).toISOString() } : {};
      job = { ...started, ...job, ...change, heard };
      lost = null;
      show();
    };
    const tellNetwork = (slug) => {
      lost = slug;
      show();
    };
    const offline = () => tellNetwork("offline"); // an open stream notices late that there is no network
    addEventListener("offline", offline);
    try {
      return await follow(id, { signal, tell, tellNetwork });
    } finally {
      clearInterval(ticking);
      removeEventListener("offline", offline);
    }
  }

  #show(job) {
    this.#store.set({ job: { detail: "", share: null, previewUrl: null, ...job } });
  }
}

/** Neither the server nor this browser has anything more to do with the job. */
function letGo(id) {
  remove(id);
  return running.forget(id);
}

function lostWords(slug) {
  return slug === "offline" ? t("job.offline") : t("job.reconnecting");
}

/** Why a try-on need not even be sent; null where it may. */
function whatIsMissing(state) {
  if (!state.person) return t("person.required");
  if (state.garments.length === 0) return t("garments.required");
  const [unserved] = unservedGarments(state);
  if (!unserved) return null;
  return t("garments.unserved", { title: unserved.title, category: t(`categories.${categoryOf(unserved)}`) });
}

/** What is remembered of a job until its result is here. */
async function recordOf(id, { person, garments }) {
  const [personBlob, ...garmentBlobs] = await Promise.all([person, ...garments].map(blobOf));
  const kept = ({ title, own, source, category, found, photo }, blob) => ({ title, own, source, category, found, photo, blob });
  return {
    id,
    person: kept(person, personBlob),
    garments: garments.map((garment, index) => kept(garment, garmentBlobs[index])),
  };
}

/** The result: a plain object of blobs and words, as it is kept. */
async function fetched(sent, done, signal) {
  const [mask, ...pictures] = await Promise.all([done.mask, ...done.images].map((url) => picture(url, signal)));
  return {
    id: sent.id,
    created: Date.now(),
    person: sent.person,
    garments: sent.garments.map((garment) => ({ ...garment, category: categoryOf(garment) })),
    pictures,
    mask,
    engine: done.engine,
    seed: done.seed,
    confidence: done.confidence,
    warnings: done.warnings,
    width: done.width,
    height: done.height,
  };
}

/** Does this tab have the job to itself? Held until the tab is closed; without locks (plain http) every tab has. */
function owned(id) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(`cabine.job.${id}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
  });
}
