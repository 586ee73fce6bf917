// Explanations: any element with `data-tip` shows it on hover and on focus by the keyboard, and is described by it for screen readers.
// It covers no caption while there is another place, and goes when its element does, or when something else is done.
import { closest, every, on } from "./dom.js";

const box = document.createElement("div");
box.className = "tip";
box.id = "tip";
box.setAttribute("role", "tooltip");
box.hidden = true;
/** @type {HTMLElement | null} */
let owner = null;

/** @param {HTMLElement} element */
function show(element) {
  if (!box.isConnected) document.body.appendChild(box);
  owner = element;
  box.textContent = element.dataset.tip ?? "";
  box.hidden = false;
  element.setAttribute("aria-describedby", "tip");
  const [left, top] = place(element.getBoundingClientRect(), box.getBoundingClientRect(), captions(element));
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
  gone.observe(document.body, { childList: true, subtree: true });
}

// Words that a person reads beside the picture.
/** @param {HTMLElement} element */
const captions = (element) => every(".scene-caption, .scene-words").filter((each) => !each.contains(element))
  .flatMap((each) => { const range = document.createRange(); range.selectNodeContents(each); return [...range.getClientRects()]; });

/**
 * Above, below or beside: the first place that is on screen and covers no caption, else the first that is on screen.
 * @param {DOMRect} at
 * @param {DOMRect} size
 * @param {DOMRect[]} taken
 * @returns {[number, number]} left and top
 */
function place(at, size, taken) {
  const across = Math.min(Math.max(8, at.left + at.width / 2 - size.width / 2), window.innerWidth - size.width - 8);
  const along = Math.min(Math.max(8, at.top + at.height / 2 - size.height / 2), window.innerHeight - size.height - 8);
  const places = /** @type {[number, number][]} */ ([[across, at.top - size.height - 8], [across, at.bottom + 8], [at.right + 8, along], [at.left - size.width - 8, along]])
    .filter(([x, y]) => x >= 4 && y >= 4 && x + size.width <= window.innerWidth - 4 && y + size.height <= window.innerHeight - 4);
  /** @param {[number, number]} place */
  const covers = ([x, y]) => taken.some((each) => x < each.right && x + size.width > each.left && y < each.bottom && y + size.height > each.top);
  return places.find((each) => !covers(each)) || places[0] || [across, at.bottom + 8];
}

function hide() {
  if (owner) owner.removeAttribute("aria-describedby");
  owner = null;
  box.hidden = true;
  gone.disconnect();
}
const gone = new MutationObserver(() => { if (owner && !owner.isConnected) hide(); });
/** @param {Event} event */
const target = (event) => closest(event, "[data-tip]");
document.addEventListener("pointerover", (event) => { const element = target(event); if (element) show(element); else if (owner) hide(); });
document.addEventListener("focusin", (event) => { const element = target(event); if (element && on(event, ":focus-visible")) show(element); });
document.addEventListener("focusout", hide);
document.addEventListener("scroll", hide, true);
document.addEventListener("pointerdown", hide);
document.addEventListener("keydown", (event) => { if (!["Tab", "Shift", "Escape"].includes(event.key)) hide(); });
for (const kind of ["blur", "resize"]) window.addEventListener(kind, hide);

/** Whether there was one. */
export function hideTip() {
  const shown = !box.hidden;
  hide();
  return shown;
}
