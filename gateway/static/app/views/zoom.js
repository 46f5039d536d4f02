// The picture in the whole window, enlarged by pinch, wheel, double tap, buttons and keys; photo and result in turn.
import { t } from "../words.js";
import { Lens } from "./lens.js";

const STEP = 1.5; // of a button or key
const CLOSER = 2.5; // of a double tap
const TAP_MS = 300;
const TAP_PX = 24; // between two taps that are one double tap
const STILL_PX = 4; // a finger is never quite still
const NUDGE_PX = 80;

const sheet = document.querySelector("#zoom");
const view = sheet.querySelector(".zoom-view");
const pictures = sheet.querySelectorAll("img");
const [photo, picture] = pictures;
const flip = sheet.querySelector("[data-action=flip]");
const fingers = new Map(); // pointer id -> { x, y, still } from the middle of the view; `still`: has not moved yet
let lens = null;
let lastTap = { at: 0, x: 0, y: 0 };

/** `after`, `before`: URLs of the result and, where it can be shown, of the photo; `alt`: of the result. */
export async function openZoom({ after, before, alt }) {
  picture.src = after;
  picture.alt = alt;
  flip.hidden = before === null;
  if (before) photo.src = before;
  showPhoto(false);
  sheet.showModal();
  view.focus();
  await picture.decode();
  measure();
}

function measure() {
  if (!sheet.open) return;
  const { clientWidth: width, clientHeight: height } = view;
  lens = new Lens({ width: picture.naturalWidth, height: picture.naturalHeight }, { width, height });
  for (const image of pictures) {
    image.style.width = `${lens.width}px`;
    image.style.height = `${lens.height}px`;
  }
  draw();
}

function draw({ smoothly = false } = {}) {
  view.classList.toggle("smooth", smoothly);
  view.classList.toggle("closer", lens.scale > 1);
  for (const image of pictures) image.style.transform = `translate(${lens.x}px, ${lens.y}px) scale(${lens.scale})`;
  sheet.querySelector("output").textContent = t("zoom.size", { n: Math.round(lens.scale * 100) });
}

function zoom(factor, point) {
  lens.zoom(factor, point);
  draw({ smoothly: true });
}

function move(x, y) {
  lens.move(x, y);
  draw({ smoothly: true });
}

function showPhoto(shown) {
  flip.setAttribute("aria-pressed", String(shown));
  photo.hidden = !shown;
  picture.hidden = shown;
}

const KEYS = {
  "+": () => zoom(STEP),
  "=": () => zoom(STEP), // the same key without Shift
  "-": () => zoom(1 / STEP),
  0: measure,
  ArrowLeft: () => move(NUDGE_PX, 0),
  ArrowRight: () => move(-NUDGE_PX, 0),
  ArrowUp: () => move(0, NUDGE_PX),
  ArrowDown: () => move(0, -NUDGE_PX),
};

function onKey(event) {
  const act = KEYS[event.key];
  if (!act || !lens || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  act();
}

function onWheel(event) {
  event.preventDefault();
  const strength = event.ctrlKey ? 0.01 : 0.002; // a pinch on a touch pad comes as a wheel with Ctrl
  lens.zoom(Math.exp(-event.deltaY * strength), pointOf(event));
  draw();
}

function onDown(event) {
  view.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, { ...pointOf(event), still: true });
}

function onMove(event) {
  const old = fingers.get(event.pointerId);
  if (!old) return;
  const now = { ...pointOf(event), still: false };
  if (old.still && distance(now, old) < STILL_PX) return;
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  fingers.set(event.pointerId, now);
  if (other) {
    // Both the middle between two fingers and their distance count.
    lens.zoom(distance(now, other) / Math.max(1, distance(old, other)), middle(old, other));
    lens.move((now.x - old.x) / 2, (now.y - old.y) / 2);
  } else lens.move(now.x - old.x, now.y - old.y);
  draw();
}

function onUp(event) {
  const finger = fingers.get(event.pointerId);
  fingers.delete(event.pointerId);
  if (!finger?.still || event.type !== "pointerup" || fingers.size > 0) return;
  const tap = { at: event.timeStamp, ...pointOf(event) };
  const twice = tap.at - lastTap.at < TAP_MS && distance(tap, lastTap) < TAP_PX;
  lastTap = twice ? { at: 0, x: 0, y: 0 } : tap;
  if (twice) zoom(lens.scale > 1 ? 1 / lens.scale : CLOSER, tap);
}

function pointOf({ clientX, clientY }) {
  const { left, top, width, height } = view.getBoundingClientRect();
  return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
}

const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
const middle = (one, other) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });

sheet.addEventListener("keydown", onKey);
view.addEventListener("wheel", onWheel, { passive: false });
view.addEventListener("pointerdown", onDown);
view.addEventListener("pointermove", onMove);
for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, onUp);
flip.addEventListener("click", () => showPhoto(photo.hidden));
sheet.querySelector("[data-action=closer]").addEventListener("click", () => zoom(STEP));
sheet.querySelector("[data-action=farther]").addEventListener("click", () => zoom(1 / STEP));
sheet.querySelector("[data-action=close]").addEventListener("click", () => sheet.close());
new ResizeObserver(measure).observe(view);
