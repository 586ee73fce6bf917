// Sharing, on every page: the buttons of the popover. What only a browser can do (clipboard, saving) is done here.
import { copy, copyFrom } from "../kit/copy.js";
import { button, byId, find, isOpen, pressed } from "../kit/dom.js";
import { ask } from "./ask.js";
import { file } from "./files.js";
import { link } from "./link.js";
import { tokens } from "./own_views.js";
import { say } from "./said.js";

/**
 * @param {string} text
 * @param {string} said
 */
const copyAndSay = async (text, said) => say(await copy(text) ? said : "");

/** @param {HTMLElement} pressed */
function showQr(pressed) {
  const open = pressed.getAttribute("aria-expanded") !== "true";
  pressed.setAttribute("aria-expanded", String(open));
  byId("share-qr").hidden = !open;
  if (open) ask("qr");
}

/** @param {string} id */
const typed = (id) => /** @type {HTMLInputElement} */ (byId(id)).value;

/** @type {Record<string, (pressed: HTMLButtonElement) => unknown>} */
const ACTIONS = {
  "link-copy": () => copyAndSay(link(), "The link is copied. It holds the whole view."),
  "link-qr": showQr,
  "view-save": () => ask("save", { title: typed("view-title"), note: typed("view-note") }),
};
for (const name of ["bibtex", "command", "spec"]) ACTIONS[`cite-${name}-copy`] = () => copyAndSay(byId(`cite-${name}`).textContent ?? "", "Copied.");

document.addEventListener("click", (event) => {
  const found = pressed(event);
  if (!found || event.detail > 1) return; // the second half of a double click
  const { export: format, copy: address, delete: view } = found.dataset;
  if (ACTIONS[found.id]) ACTIONS[found.id](found);
  else if (format) file(format, found);
  else if (address) copyFrom(found, window.location.origin + address);
  else if (view) ask("delete", { id: view, token: tokens()[view] });
});

// `toggle` does not bubble. What the popover tells of a view is of the view it was opened on.
document.addEventListener("toggle", ({ target }) => {
  if (!(target instanceof HTMLDetailsElement)) return;
  if (target.id === "cite" && target.open) ask("cite");
  if (target.id !== "share") return;
  const qr = button("link-qr");
  if (qr?.getAttribute("aria-expanded") === "true") showQr(qr);
  if (!target.open) return;
  say("");
  if (isOpen(find("cite"))) ask("cite");
}, true);
