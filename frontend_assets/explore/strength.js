// The strength slider draws while it is dragged: the scene after the edits at every stop of the slider is a real model's, asked for one by
// one (app/pages/explore/strengths.py), the nearest to the thumb first. No request is given up for a newer one: when one ends, the next asks for what is
// nearest by then, so that pictures keep coming however fast the thumb moves. What is drawn is the nearest stop that has come, and
// the scene says which. Two numbers of its shape come with each picture; the others, and the picture's words, follow when the thumb is let go (clicks.js).
import { bare, state } from "../address/address.js";
import { answers, data } from "../kit/dash.js";
import { byId, find, on, root } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { layoutOf, plotIn, plotly } from "../kit/plotly.js";

/** @typedef {[(string | number)[], unknown][]} Update what changes in a figure: paths and values */

const AT_ONCE = 2; // requests, a stop each: while one is computed, the next is on its way
const REST = 150; // milliseconds without movement until the thumb is held still; who asked for less motion sees a picture only then
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

/** @typedef {{ scenes: Record<string, Update>, statistics: Record<string, string>, words: string }} Picture */

/** @type {Map<number, Picture | null>} */
let pictures = new Map(); // by stop: what changes in the figures, and numbers of its shape; null where there is nothing to draw
let view = ""; // what they are pictures of
/** @type {number | null} */
let wanted = null; // where the thumb is, while it is held
/** @type {number | null} */
let shown = null; // the stop drawn last
/** @type {Set<number>} */
let asked = new Set(); // stops on their way
let drawing = false;
let still = false; // the thumb is held and has not moved for a moment
/** @type {number | undefined} */
let resting;
const slider = () => /** @type {HTMLInputElement | null} */ (find("strength"));

// Everything the pictures depend on: the last edit without its strength.
function viewNow() {
  const { checkpoint, edits } = data("part-model");
  const last = (edits[edits.length - 1] || "").split("~");
  last[6] = "";
  return JSON.stringify([checkpoint, edits.slice(0, -1), last, data("part-see"), data("part-ask"), data("part-aim")]);
}

// Every second stop is asked for beforehand, while nothing else is to be done, except by those who only watch. Those between are asked for
// while the thumb is held still: before, they would take the time in which the others are drawn.
/**
 * @param {number} stop
 * @param {HTMLInputElement} range
 */
const isCoarse = (stop, range) => Math.round((stop - Number(range.min)) / Number(range.step)) % 2 === 0;
const atRest = () => byId("status").dataset.state === "idle" && !document.hidden && root.dataset.room !== "follower";

/**
 * The slider's stops, the nearest to the thumb first.
 * @param {HTMLInputElement} range
 */
function stops(range) {
  const from = wanted === null ? Number(range.value) : wanted;
  const [low, high, step] = [range.min, range.max, range.step].map(Number);
  const all = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => Number((low + i * step).toFixed(4)));
  return all.sort((one, other) => Math.abs(one - from) - Math.abs(other - from));
}

/** @param {HTMLInputElement} range */
async function ask(range) {
  const held = wanted !== null;
  if (asked.size >= (held ? AT_ONCE : 1) || !(held || atRest())) return;
  const missing = stops(range).filter((each) => !pictures.has(each) && !asked.has(each));
  const stop = missing.find((each) => isCoarse(each, range)) ?? (held && still ? missing[0] : undefined);
  const query = bare(state().query);
  if (stop === undefined || !new URLSearchParams(query).has("e")) return; // an undone edit has no strength
  asked.add(stop);
  const [before, waiting] = [pictures, asked];
  ask(range);
  let found = null;
  try {
    const answer = await fetch(`/strengths?at=${stop}&${query}`);
    if (answer.ok) found = (await answer.json())[String(stop)] || null;
  } catch { /* without pictures on the way, the one at the end comes all the same */ }
  before.set(stop, found);
  waiting.delete(stop);
  if (still || !calm.matches) draw(range);
  ask(range);
}

/**
 * A copy of a figure with another value at a path.
 * @param {any} figure
 * @param {(string | number)[]} path
 * @param {unknown} value
 * @returns {any}
 */
function changed(figure, path, value) {
  if (!path.length) return value;
  const copy = Array.isArray(figure) ? [...figure] : { ...figure };
  copy[path[0]] = changed(copy[path[0]], path.slice(1), value);
  return copy;
}

/**
 * @param {string} name
 * @param {Update} update
 */
async function paint(name, update) {
  const gd = plotIn(find(`scene-${name}`));
  if (!gd || !layoutOf(gd)) return;
  const figure = update.reduce((sum, [path, value]) => changed(sum, path, value), { data: gd.data, layout: gd.layout });
  await plotly().react(gd, figure);
}

/**
 * Beside what stands there, which the answer replaces: the style sheet shows the one or the other.
 * @param {Picture | null} picture null: at rest
 */
function tell(picture) {
  for (const cell of document.querySelectorAll("#verdicts-table [data-now]")) delete /** @type {HTMLElement} */ (cell).dataset.now;
  delete find("words-after")?.dataset.now;
  if (!picture) return;
  byId("words-after").dataset.now = picture.words;
  for (const [name, value] of Object.entries(picture.statistics)) {
    const cell = /** @type {HTMLElement | null} */ (document.querySelector(`#verdict-${CSS.escape(name)} .after`));
    if (cell) cell.dataset.now = value;
  }
}

/** @param {HTMLInputElement} range */
function draw(range) {
  if (drawing || wanted === null) return;
  const stop = stops(range).find((each) => pictures.get(each));
  if (stop === undefined || stop === shown) return;
  drawing = true;
  requestAnimationFrame(async () => {
    const picture = pictures.get(stop) || null;
    if (wanted !== null && picture) await Promise.all(Object.entries(picture.scenes).map(([name, update]) => paint(name, update)));
    drawing = false;
    if (wanted === null) return; // let go meanwhile: the answer says what is shown
    shown = stop;
    byId("caption-after").dataset.strength = stop.toFixed(2);
    tell(picture);
    setTimeout(() => draw(range), 0);
  });
}

function look() {
  const now = viewNow();
  if (now !== view) { [pictures, asked, view, shown] = [new Map(), new Set(), now, null]; }
}

/** @param {HTMLInputElement} range */
function move(range) {
  if (range.disabled) return;
  look();
  wanted = Number(range.value);
  const said = byId("strength-value").firstChild;
  if (said) said.nodeValue = wanted.toFixed(2);
  still = false;
  ask(range);
  clearTimeout(resting);
  resting = setTimeout(() => { still = true; ask(range); draw(range); }, REST);
  if (!calm.matches) draw(range);
}

/** @param {Event} event */
const ours = (event) => (on(event, "#strength") ? slider() : null);
document.addEventListener("pointerdown", (event) => { const range = ours(event); if (range) move(range); }, true);
document.addEventListener("input", (event) => { const range = ours(event); if (range) move(range); });
// The last word is the answer's, which draws this very model with its numbers.
const end = () => { wanted = null; clearTimeout(resting); };
document.addEventListener("change", (event) => { if (ours(event)) end(); });
document.addEventListener("pointerup", (event) => { if (ours(event)) setTimeout(end, 0); });
hear("idle", () => {
  if (wanted !== null) return;
  shown = null;
  delete find("caption-after")?.dataset.strength;
  tell(null);
  const range = slider();
  if (!range || range.disabled) return;
  look();
  ask(range);
});

answers("shatterscope", { showStrength: (value) => Number(value ?? 1).toFixed(2) });
