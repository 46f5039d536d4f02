// The camera: a photo of oneself, taken on this page. It is on exactly as long as its sheet is open.
import { jpegOf } from "../pictures.js";
import { t, tOr } from "../words.js";

const QUALITY = 0.95;
const WIDE = { width: { ideal: 2560 }, height: { ideal: 1920 } };

/** Resolves to a photo as the frame showed it, unmirrored; to null when the visitor closed the sheet. */
export async function takePhoto() {
  const camera = new Camera(document.querySelector("#camera"));
  try {
    return await camera.photo();
  } finally {
    camera.close();
  }
}

class Camera {
  #sheet;
  #video;
  #closed = new AbortController();
  #wish = { facingMode: "user" };
  #stream = null;
  #shot = null; // { blob, url } of the photo that is being looked at

  constructor(sheet) {
    this.#sheet = sheet;
    this.#video = sheet.querySelector("video");
    const on = (action, run) =>
      this.#control(action).addEventListener("click", run, { signal: this.#closed.signal });
    on("shoot", () => this.#shoot());
    on("again", () => this.#aim());
    on("flip", () => this.#flip());
    for (const answer of ["use", "close"]) on(answer, () => sheet.close(answer));
  }

  async photo() {
    const closed = new Promise((resolve) => this.#sheet.addEventListener("close", resolve, { once: true }));
    this.#sheet.returnValue = "close"; // what Escape means
    this.#sheet.showModal();
    this.#start();
    await closed;
    return this.#sheet.returnValue === "use" ? this.#shot.blob : null;
  }

  close() {
    this.#closed.abort();
    this.#stop();
    this.#forget();
  }

  async #start() {
    this.#stop();
    this.#show("start", t("camera.starting"));
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...WIDE, ...this.#wish } });
      if (this.#closed.signal.aborted) return stream.getTracks().forEach((track) => track.stop());
      this.#stream = stream;
      this.#video.srcObject = stream;
      await this.#video.play();
      this.#video.classList.toggle("mirrored", this.#track.getSettings().facingMode !== "environment");
      this.#track.addEventListener("ended", () => this.#fail("NotReadableError"));
      this.#control("flip").hidden = (await cameras()).length < 2;
      this.#aim();
    } catch (error) {
      if (!this.#closed.signal.aborted) this.#fail(error.name);
    }
  }

  #stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#video.srcObject = null;
  }

  #fail(name) {
    this.#stop();
    this.#show("fail", tOr(`camera.errors.${name}`, t("camera.errors.other")));
  }

  /** Show what the camera sees. */
  #aim() {
    this.#forget();
    this.#show("aim", "");
    this.#control("shoot").focus();
  }

  async #shoot() {
    if (this.#sheet.dataset.state !== "aim") return;
    const seconds = Number(this.#sheet.querySelector("[name=timer]:checked").value);
    this.#show("count", seconds > 0 ? t("camera.counting", { n: seconds }) : "");
    if (!(await this.#count(seconds))) return;
    const blob = await jpegOf(frameOf(this.#video), QUALITY);
    this.#shot = { blob, url: URL.createObjectURL(blob) };
    this.#sheet.querySelector(".shot").src = this.#shot.url;
    this.#show("look", t("camera.taken"));
    this.#control("use").focus();
  }

  /** Count down; false when the sheet was closed, or the camera went away, meanwhile. */
  async #count(seconds) {
    const digits = this.#sheet.querySelector(".count");
    for (let left = seconds; left > 0 && this.#stream; left -= 1) {
      digits.textContent = left;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    digits.textContent = "";
    return this.#stream !== null;
  }

  /** From front to back on a phone; to the next camera elsewhere. */
  async #flip() {
    const { facingMode, deviceId } = this.#track?.getSettings() ?? {};
    if (facingMode) this.#wish = { facingMode: facingMode === "user" ? "environment" : "user" };
    else {
      const ids = (await cameras()).map((device) => device.deviceId);
      this.#wish = { deviceId: { exact: ids[(ids.indexOf(deviceId) + 1) % ids.length] } };
    }
    this.#start();
  }

  /** `state`: start, aim, count, look or fail; the style sheet shows what belongs to it. */
  #show(state, words) {
    this.#sheet.dataset.state = state;
    this.#control("shoot").disabled = state === "start" || state === "fail";
    this.#sheet.querySelector("[role=status]").textContent = words;
  }

  #forget() {
    if (this.#shot) URL.revokeObjectURL(this.#shot.url);
    this.#shot = null;
  }

  #control(action) {
    return this.#sheet.querySelector(`[data-action=${action}]`);
  }

  get #track() {
    return this.#stream?.getVideoTracks()[0];
  }
}

async function cameras() {
  return (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
}

/** The part of the video that its box shows (`object-fit: cover`), at full size. */
function frameOf(video) {
  const { videoWidth, videoHeight } = video;
  const scale = Math.min(videoWidth / video.clientWidth, videoHeight / video.clientHeight);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.clientWidth * scale);
  canvas.height = Math.round(video.clientHeight * scale);
  const left = (videoWidth - canvas.width) / 2;
  const top = (videoHeight - canvas.height) / 2;
  canvas.getContext("2d").drawImage(video, -left, -top);
  return canvas;
}
