// The way between pages: a link takes along what both pages understand (checkpoint, question, new object, edits), and finds the
// rest of the other page's address as it was left in this tab.
import { plain, state } from "../address/address.js";
import { closest } from "../kit/dom.js";
import { tab } from "../kit/storage.js";

/** @typedef {{ pages?: Record<string, string>, shared?: string }} Left the whole address of each page, and the shared parts by key */

/** @type {Record<string, string[]>} */
const CARRIES = { "/": ["c", "q", "t", "e", "scale"], "/compare": ["c", "q", "t", "e", "scale"], "/reproduce": ["c"], "/lecture": [] };
const PLACE = ["lesson", "step", "reveal"]; // whoever leaves a lecture does not fall back into it
const COMPUTED = "run"; // marks results that stand for just this address
const here = () => (window.location.pathname in CARRIES ? window.location.pathname : "/");

/**
 * @param {string} query
 * @param {(key: string) => boolean} keep
 */
function part(query, keep) {
  const chosen = new URLSearchParams();
  new URLSearchParams(query).forEach((value, key) => { if (keep(key)) chosen.append(key, value); });
  return chosen.toString();
}

/** @param {string} [query] */
const checkpoint = (query) => new URLSearchParams(query || "").get("c");

/**
 * What this tab knows after leaving this page.
 * @returns {Left}
 */
function leave() {
  const path = here();
  const query = part(state().query, (key) => !PLACE.includes(key));
  /** @type {Left} */
  const known = tab.get("pages") || {};
  if (!CARRIES[path].length) return known;
  const other = (checkpoint(known.shared) || "") !== (checkpoint(query) || "");
  const rest = other ? "" : part(known.shared || "", (key) => !CARRIES[path].includes(key));
  const shared = [part(query, (key) => CARRIES[path].includes(key)), rest].filter(Boolean).join("&");
  return { pages: { ...known.pages, [path]: query }, shared };
}

/**
 * @param {string} path
 * @param {Left} known
 */
function address(path, known) {
  const carries = CARRIES[path] ?? [];
  const shared = part(known.shared || "", (key) => carries.includes(key));
  const left = known.pages?.[path] || "";
  const before = part(left, (key) => carries.includes(key));
  if (before === shared && left) return `${path}?${left}`;
  const own = checkpoint(left) === checkpoint(shared) ? part(left, (key) => !carries.includes(key) && key !== COMPUTED) : "";
  const query = [shared, own].filter(Boolean).join("&");
  return query ? `${path}?${query}` : path;
}

/**
 * The address is put together when a link is about to be used, so that opening it in a new tab works as well.
 * @param {Event} event
 */
function prepare(event) {
  const link = /** @type {HTMLAnchorElement | null} */ (closest(event, ".pages a"));
  if (!link) return;
  if (link.getAttribute("aria-current") === "page") {
    if (event instanceof MouseEvent && event.type === "click" && !event.ctrlKey && !event.metaKey) event.preventDefault();
    return;
  }
  link.href = plain(address(new URL(link.href, window.location.href).pathname, leave()));
}

window.addEventListener("pagehide", () => tab.set("pages", leave()));
for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, prepare, true);
