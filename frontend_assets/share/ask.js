// What the server has to do for Share is asked through the `share-asked` store (app/kit/share/callbacks.py), which answers through `share-told`.
//
// One is asked at a time, because a request that is overtaken by the next is given up (frame/busy.js), and with it what it was to store.
import { state } from "../address/address.js";
import { answers, nothing, set } from "../kit/dash.js";
import { hear } from "../kit/events.js";
import { checkpoint, pinned } from "./link.js";
import { keep, lose } from "./own_views.js";

/** @type {object[]} */
const waiting = [];
/** @type {{ at: number } | null} */
let asked = null;

/**
 * @param {string} what
 * @param {Record<string, unknown>} [more]
 */
export function ask(what, more) {
  const { path, query } = state();
  waiting.push({ what, path, query: pinned(query), checkpoint: checkpoint(), origin: window.location.origin, ...more });
  if (!asked) next();
}

function next() {
  const first = waiting.shift();
  asked = first ? { ...first, at: Date.now() } : null;
  if (asked) set("share-asked", { data: asked });
}

// What has no answer by then will have none: the server was not reached, or the person cancelled.
hear("idle", () => { if (asked) next(); });

answers("share", {
  told: (told) => {
    if (told && asked && told.at === asked.at) next();
    if (told?.saved) keep(told.saved, told.token);
    if (told?.deleted) lose(told.deleted);
    return nothing();
  },
});
