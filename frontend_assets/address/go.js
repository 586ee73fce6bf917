// The way between the address bar and the page. Once on loading, and on the browser's back and forward, the query goes to the `url-in` store;
// whenever the server has put a new query in `url-out`, it goes into the address bar. A changed model, or another run, is a
// step in the browser's history, looking around is not.
import { answers, set } from "../kit/dash.js";
import { tell } from "../kit/events.js";
import { lecturing } from "../kit/lecturing.js";
import { model, state, within } from "./address.js";
import { back, drop, screen, spare } from "./clicks.js";

let read = false; // Dash has taken the state from the address; before that there is nothing to tell it

const told = () => tell("state", state());

/**
 * Whoever else drives the page (a lesson, a live room) goes by this, and hears of changes by the event `state`.
 *
 * `at` names the moment: to be told of one and the same moment twice is to be told once. `push`: the browser's Back leads back from there.
 * @param {{ path: string, query: string, at?: number | string, push?: boolean }} where
 */
export function go({ path, query, at = Date.now(), push = false }) {
  if (path !== window.location.pathname) {
    window.location.assign(within(path, query));
    return;
  }
  window.history[push && !spare() ? "pushState" : "replaceState"](null, "", within(path, query));
  drop();
  // `was` is what the controls stand at: what is done to them until the answer comes is done to what was opened.
  if (read) set("url-in", { data: { query: state().query, at, was: screen().value } });
  told();
}

answers("shatterscope", {
  readUrl: () => {
    read = true;
    return { query: state().query, at: Date.now() };
  },

  /** @param {string | string[] | null | undefined} queries one address, or those of the steps that led to it */
  writeUrl: (queries) => {
    const list = [queries ?? []].flat();
    const before = window.location.href;
    // In a lecture a step is the lesson's: Back leads to the one before, whatever was tried in between.
    const lecture = lecturing();
    for (const query of list) {
      const wanted = within(window.location.pathname, query);
      if (wanted === window.location.pathname + window.location.search) continue;
      const step = !lecture && model(wanted) !== model(window.location.href);
      const push = step && !spare();
      window.history[push ? "pushState" : "replaceState"](step ? null : window.history.state, "", wanted);
    }
    if (window.location.href !== before) told();
    return list.at(-1) ?? "";
  },
});

window.addEventListener("popstate", () => { if (!back()) go(state()); });
