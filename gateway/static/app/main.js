// The page: a store, what may be done, and views of it. Everything it knows about the service comes over HTTP.
import { Choices } from "./flow/choices.js";
import { Consent } from "./flow/consent.js";
import { TryOn } from "./flow/tryon.js";
import { explain } from "./flow/troubles.js";
import { engines } from "./service/engines.js";
import { availableEngines, initialState } from "./state.js";
import { Store } from "./store.js";
import { showCameraButton } from "./views/camera-button.js";
import { showDetails } from "./views/details.js";
import { showDrops } from "./views/drops.js";
import { showGarments } from "./views/garments.js";
import { showGo } from "./views/go.js";
import { showHistory } from "./views/history.js";
import { showMask } from "./views/mask.js";
import { showPaste } from "./views/paste.js";
import { showPerson } from "./views/person.js";
import { showRack } from "./views/rack.js";
import { showStage } from "./views/stage.js";
import { t } from "./words.js";
import { showTitle } from "./views/title.js";
import { showToWear } from "./views/to-wear.js";

const store = new Store(initialState);
const choices = new Choices(store, new Consent(store));
const tryOn = new TryOn(store, choices);
const page = { store, choices, tryOn };

showStage(page);
showPerson(page);
showGarments(page);
showRack(page);
showGo(page);
showDrops(page);
showMask(page);
showDetails(page);
showTitle(page);
showToWear(page);
showPaste(page);
showCameraButton(page);
showHistory(page);

addEventListener("pagehide", () => choices.releaseAll());

await meetService();
await tryOn.resume();

/** Learn what the server can do; say so at once where that is nothing. */
async function meetService() {
  try {
    const service = await engines();
    store.set({ service });
    if (availableEngines(service).length > 0) return;
    const detail = service.engines.map(({ reason }) => reason).join(" ");
    store.set({ message: { words: t("problems.engine-unavailable", { detail }), action: null } });
  } catch (error) {
    explain(store, error, meetService);
  }
}
