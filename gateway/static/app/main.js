// The page: a store, what may be done, and views of it. Everything it knows about the service comes over HTTP.
import { Choices } from "./flow/choices.js";
import { Consent } from "./flow/consent.js";
import { TryOn } from "./flow/tryon.js";
import { engines } from "./service/engines.js";
import { initialState } from "./state.js";
import { Store } from "./store.js";
import { showDrops } from "./views/drops.js";
import { showGarments } from "./views/garments.js";
import { showGo } from "./views/go.js";
import { showPerson } from "./views/person.js";
import { showStage } from "./views/stage.js";

const store = new Store(initialState);
const choices = new Choices(store, new Consent(store));
const tryOn = new TryOn(store, choices);
const page = { store, choices, tryOn };

showStage(page);
showPerson(page);
showGarments(page);
showGo(page);
showDrops(page);

addEventListener("pagehide", () => choices.releaseAll());

store.set({ service: await engines() });
await tryOn.resume();
