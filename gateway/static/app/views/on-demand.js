// Sheets that are fetched when they are first asked for.
import { explain } from "../flow/troubles.js";
import { reached } from "../service/http.js";

/**
 * -> a function that imports a module by `load()` and calls `use(module)`. What goes wrong on the way is told, with a
 * way to try again; pressed again before `use` has ended, it does nothing.
 */
export function onDemand(store, load, use) {
  let underWay = false;
  return async function run() {
    if (underWay) return;
    underWay = true;
    try {
      await use(await reached(load(), "page-part"));
    } catch (error) {
      explain(store, error, run);
    } finally {
      underWay = false;
    }
  };
}
