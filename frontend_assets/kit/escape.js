// Esc closes the uppermost thing that is open and does no more: only when nothing is open does it reach the page, where it cancels what
// is computed or leaves a lecture.

/** @type {(() => boolean)[]} */
const layers = []; // from the top down

/**
 * `close` says whether there was something to close.
 * @param {() => boolean} close
 */
export const above = (close) => { layers.unshift(close); };

// Before anybody else hears of the key.
window.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const own = document.querySelector("dialog:modal, [popover]:popover-open"); // the browser closes these by itself
  if (!own && !layers.some((close) => close())) return;
  if (!own) event.preventDefault();
  event.stopImmediatePropagation();
}, true);
