// The way between pages: a link takes along what both pages understand (checkpoint, question, new object, edits), and finds the
// rest of the other page's address as it was left in this tab.
import { plain, state } from "../address/address.js";
import { closest } from "../kit/dom.js";
import { tab } from "../kit/storage.js";

/** @typedef {{ pages?: Record<string, string>, shared?: string }} Left the whole address of each page, and the shared parts by key */

const PLACE = ["lesson", "step", "reveal"]; // whoever leaves a lecture does not fall back into it
const COMPUTED = "run"; // marks results that stand for just this address

/**
 * By page the keys of its address that it has in common with others, as its link in the header says.
 * @returns {Record<string, string[]>}
 */
function carried() {
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll(".pages a[data-carries]");
  return Object.fromEntries(Array.from(links, (link) => [new URL(link.href).pathname, (link.dataset.carries || "").split(" ").filter(Boolean)]));
}

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
  const carries = carried();
  const path = window.location.pathname in carries ? window.location.pathname : "/";
  /** @type {Left} */
  const known = tab.get("pages") || {};
  if (!carries[path]?.length) return known; // left before it was there, or with nothing to take along
  const query = part(state().query, (key) => !PLACE.includes(key));
  const other = (checkpoint(known.shared) || "") !== (checkpoint(query) || "");
  const rest = other ? "" : part(known.shared || "", (key) => !carries[path].includes(key));
  const shared = [part(query, (key) => carries[path].includes(key)), rest].filter(Boolean).join("&");
  return { pages: { ...known.pages, [path]: query }, shared };
}

/**
 * @param {string} path
 * @param {Left} known
 */
function address(path, known) {
  const carries = carried()[path] ?? [];
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
