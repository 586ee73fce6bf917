// What lies over the page. A press elsewhere closes its folds (a method's explanation, Share), and so does Esc.
import { every, focused } from "../kit/dom.js";
import { above } from "../kit/escape.js";
import { lecturing } from "../kit/lecturing.js";
import { hideTip } from "../kit/tip.js";

const folds = () => /** @type {HTMLDetailsElement[]} */ (every("details.about[open], details.share[open]"));

/** @param {EventTarget | null} keep */
const close = (keep) => folds().forEach((fold) => { if (!fold.contains(/** @type {Node | null} */ (keep))) fold.open = false; });
document.addEventListener("pointerdown", (event) => close(event.target));

function closeFolds() {
  const found = folds();
  found.forEach((fold) => { if (fold.contains(focused())) fold.querySelector("summary")?.focus(); });
  close(null);
  return found.length > 0;
}

function closeDialog() {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[open]"));
  if (dialog) dialog.close();
  return Boolean(dialog);
}

// In a lecture Esc gives up a field before it gives up the lecture.
function leaveField() {
  const at = focused();
  const field = lecturing() && Boolean(at?.matches("input, select, textarea"));
  if (field) at?.blur();
  return field;
}

for (const layer of [leaveField, closeFolds, closeDialog, hideTip]) above(layer);
