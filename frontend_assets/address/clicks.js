// A click means what was on screen when it was made, once, on any network.
//
// Each is put, at once, into a queue with the controls as they stand. The queue is the `clicks` store, so that every call of the page's callback
// carries all that no answer has seen yet; an answer says which it has seen (app/pages/explore/callbacks/happened.py), and the queue forgets them.
// A call that is overtaken, or that never comes back, thus loses nothing and does nothing twice.
//
// A click that changes the model makes its step in the browser's history at once, and the answer gives that step its address (go.js). So
// the browser's back means the same before the answer as after it: it takes the newest such click back.
import { answers, data, idOf, nothing, props, set } from "../kit/dash.js";
import { every, pressed } from "../kit/dom.js";
import { lecturing } from "../kit/lecturing.js";
import { model } from "./address.js";

/**
 * @typedef {object} Click
 * @property {number} id
 * @property {string} kind
 * @property {any} what
 * @property {Record<string, unknown>} value the controls as they stood, by id
 * @property {{ id: object, value: unknown }[]} form those whose ids are patterns
 */

const BUTTONS = ["apply", "undo", "redo", "reset", "compare-run", "compare-unstack"]; // by id
const PATTERNS = ["remove", "join", "mend", "write"]; // by the type of their id
const MODEL = ["apply", "undo", "redo", "reset", "remove", "join", "write", "strength", "compare-run"]; // what makes a step
const AGAIN = ["undo", "redo"]; // a double click on these means two
/** @type {Click[]} */
let queue = [];
let last = 0; // the newest click's id
let held = ""; // the address of the step that waits for its own

/** @param {Click} click */
const makes = (click) => MODEL.includes(click.kind);

/** Whether this step of the browser's history waits for its address. */
export const spare = () => Boolean(window.history.state && window.history.state.spare);

/** How many clicks have no answer yet. */
export const waiting = () => queue.length;

/** The controls as they stand. */
export function screen() {
  /** @type {Record<string, unknown>} */
  const value = {};
  /** @type {Click["form"]} */
  const form = [];
  every("[data-control]").forEach((element) => {
    const id = idOf(element.id);
    const now = props(id).value ?? null;
    if (typeof id === "string") value[id] = now;
    else form.push({ id, value: now });
  });
  return { value, form };
}

function publish() {
  if (data("clicks") || queue.length) set("clicks", { data: { queue } });
}

// The entry of the browser's history for the clicks that wait for an answer.
function hold() {
  if (lecturing()) return; // there a step is the lesson's
  if (queue.some(makes) && !spare()) window.history.pushState({ spare: true }, "", window.location.href);
  if (spare()) held = window.location.href;
}

/** @param {number | undefined} seen */
function forget(seen) {
  queue = queue.filter((click) => click.id > (seen || 0));
}

/**
 * @param {string} kind
 * @param {unknown} what
 * @param {(click: Click) => boolean} instead clicks that this one makes void
 */
function add(kind, what = null, instead = () => false) {
  last += 1;
  queue = [...queue.filter((click) => !instead(click)), { id: last, kind, what, ...screen() }];
  hold();
  if (kind === "apply") set("undo", { disabled: false });
  publish();
}

/**
 * An entity was clicked in a scene.
 * @param {number} entity
 */
export function pick(entity) {
  const role = props("pick").value || "subject";
  add("pick", { entity, as: role });
  if (role === "subject") set("subject", { value: entity });
}

/** Those before an address is opened are void: it says what the page is. */
export function drop() {
  if (!queue.length) return;
  queue = [];
  publish();
}

/** The browser went back. True where that took back a click without an answer, and the page stays what it is. */
export function back() {
  forget((data("history") || data("compare-plan"))?.seen?.click);
  const newest = queue.filter(makes).pop();
  if (!newest || spare() || lecturing() || model(held) !== model(window.location.href)) return false;
  window.history.replaceState(null, "", held);
  queue = queue.filter((click) => click.id < newest.id);
  hold();
  publish();
  return true;
}

document.addEventListener("click", (event) => {
  const button = pressed(event, "button[id]");
  if (!button || button.disabled) return;
  const id = idOf(button.id);
  const [kind, what] = typeof id === "string" ? [id, null] : [id.type, id.index];
  if (!(typeof id === "string" ? BUTTONS : PATTERNS).includes(kind)) return;
  if (event.detail > 1 && !AGAIN.includes(kind)) return; // the second half of a double click
  add(kind, what);
}, true);

// The strength belongs to the last edit of the stack that the slider was shown for.
document.addEventListener("change", ({ target }) => {
  if (!(target instanceof HTMLInputElement) || target.id !== "strength") return;
  const { edits } = data("part-model");
  if (!edits.length) return;
  const edit = `${edits.length - 1}~${edits[edits.length - 1]}`;
  const newest = queue[queue.length - 1];
  add("strength", { edit, value: Number(target.value) }, (click) => click === newest && click.kind === "strength" && click.what.edit === edit);
});

answers("clicks", {
  // Told of every answer, by what it has seen.
  answered: (told) => { forget(told?.seen?.click); hold(); return nothing(); },
});
