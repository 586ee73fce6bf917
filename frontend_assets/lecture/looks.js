// What a step hides, and what it lets nobody touch.
//
// What a step hides makes the scenes larger or smaller, so that they are drawn again. It comes with the step's own drawing, or, where there is
// nothing new to draw, when the page is ready. A panel that a step shows is unfolded, and so asks for its numbers.
import { every, root } from "../kit/dom.js";
import { shownAt } from "./place.js";

/** @type {Record<string, string>} */
const PARTS = {
  ask: ".rail .ask", change: ".rail .change", stack: ".stack-bar", strength: ".strength", history: ".stack-tools > button",
  before: ".scene.before", after: ".scene.after", captions: ".scene-caption", words: ".scene-words", legend: ".legend",
  see: ".see-bar", r: ".r-panel", accuracy: ".accuracy-panel", quality: ".details .quality-line",
};

/** @type {import("./place.js").Place | null} */
let coming = null; // the place whose looks are still to come
/** @type {HTMLElement[]} */
let locked = [];

/**
 * Whether the step hides it.
 * @param {string} part
 */
export const without = (part) => (root.dataset.lectureHide || "").split(" ").includes(part);

/** @param {string | null} name */
function unfold(name) {
  for (const fold of every("details[data-panel]")) {
    const wanted = fold.dataset.panel === name;
    fold.closest(".panel")?.toggleAttribute("data-shown", wanted);
    if (fold instanceof HTMLDetailsElement && fold.open !== wanted) fold.open = wanted;
  }
  root.toggleAttribute("data-lecture-panel", Boolean(name));
}

function unlock() {
  locked.forEach((element) => { element.inert = false; });
  locked = [];
}

/** @param {import("./place.js").Place} place */
export const expect = (place) => { coming = place; };

export function look() {
  const shown = shownAt(coming);
  coming = null;
  if (!shown) return;
  root.dataset.lectureHide = shown.hide.join(" ");
  unlock();
  locked = shown.lock.flatMap((part) => every(PARTS[part]));
  locked.forEach((element) => { element.inert = true; });
  unfold(shown.panel);
}

export function lookAsEver() {
  coming = null;
  delete root.dataset.lectureHide;
  unlock();
  unfold(null);
}
