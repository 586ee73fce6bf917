// Copying text. Browsers give their clipboard to pages by https or of this machine alone; elsewhere the old way is tried, and where that is
// refused as well the person gets the text, selected, to copy by hand. Says whether it was copied.
import { focused } from "./dom.js";

/** @param {string} text */
function byCommand(text) {
  const field = document.createElement("textarea");
  const before = focused();
  field.value = text;
  field.readOnly = true;
  field.className = "unseen";
  (document.querySelector("dialog:modal") || document.body).append(field); // outside an open dialog nothing takes the focus
  field.select();
  let done = false;
  try { done = document.execCommand("copy"); } catch { /* refused */ }
  field.remove();
  if (before) before.focus({ preventScroll: true });
  return done;
}

/**
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* not on this page, or not allowed */ }
  if (byCommand(text)) return true;
  window.prompt("This browser does not let the page copy. Copy this:", text);
  return false;
}

/**
 * Said on the button itself, and only when it is true.
 * @param {HTMLElement} button
 * @param {string} text
 */
export async function copyFrom(button, text) {
  if (!await copy(text) || button.dataset.copied) return;
  button.dataset.copied = button.textContent ?? "";
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = button.dataset.copied ?? ""; delete button.dataset.copied; }, 1400);
}
