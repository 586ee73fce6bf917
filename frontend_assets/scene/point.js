// Which entity the pointer means: one function decides, for the label that is shown and for what a click picks. The nearest entity on
// screen within reach wins, found by the scene's own matrices, so that a quick click or a finger picks as well.
//
// A click on an entity is told by the event `point` of the scene's element.
import { eachFrame } from "../kit/dom.js";
import { hearOf, tellOf } from "../kit/events.js";
import { alive, hideLabel, plotAt, projectionOf, showLabel, tracesOf } from "../kit/plotly.js";
import { curve } from "./lens.js";

/**
 * @typedef {import("../kit/plotly.js").Plot} Plot
 * @typedef {{ away: number, i: number, x: number, y: number, entity: number }} Found the vertex and its entity, where they are on screen
 */

const REACH = 12; // pixels
/** @type {{ gd: Plot, x: number, y: number } | null} */
let pointer = null; // a mouse over a scene, no button pressed
/** @type {{ gd: Plot, x: number, y: number, found: Found | null } | null} */
let pressed = null;
/** @type {Plot | null} */
let labelled = null; // the scene that shows a label

/**
 * @param {Plot} gd
 * @param {number} x in pixels of the window
 * @param {number} y
 */
function at(gd, x, y) {
  const scene = projectionOf(gd);
  const trace = tracesOf(gd)[0];
  if (!scene || !trace || !trace.customdata) return null;
  const { box, width, height } = scene;
  const [px, py] = [((x - box.left) / box.width) * width, ((y - box.top) / box.height) * height];
  const places = curve(gd);
  /** @type {Found | null} */
  let best = null;
  for (let i = 0; i < places.length; i += 1) {
    const seen = places[i];
    if (!seen) continue;
    const [cx, cy, depth] = seen;
    const distance = Math.hypot(cx - px, cy - py);
    const away = distance + 2 * depth; // of two in one place, the one in front
    if (distance <= REACH && (best === null || away < best.away)) best = { away, i, x: cx, y: cy, entity: Number(trace.customdata[i]) };
  }
  return best;
}

function hide() {
  if (labelled) hideLabel(labelled);
  labelled = null;
}

/**
 * @param {Plot} gd
 * @param {Found | null} found
 */
function label(gd, found) {
  if (labelled && labelled !== gd) hide();
  if (!found) { hide(); return; }
  const trace = tracesOf(gd)[0];
  const values = { customdata: found.entity, text: trace.text?.[found.i], "marker.color": trace.marker.color[found.i] };
  const text = Object.entries(values).reduce((sum, [name, value]) => sum.replace(`%{${name}}`, () => value), trace.hovertemplate).replace(/<extra>.*/, "");
  showLabel(gd, { x: found.x, y: found.y, text });
  labelled = gd;
}

/** @param {Event} event */
const sceneAt = (event) => { const gd = plotAt(event); return gd && alive(gd) ? gd : null; };

const lookSoon = eachFrame(() => {
  if (pointer && !pressed) label(pointer.gd, at(pointer.gd, pointer.x, pointer.y)); else if (!pointer) hide();
});

window.addEventListener("pointermove", (event) => {
  if (event.pointerType === "touch") return;
  const gd = sceneAt(event);
  pointer = gd && { gd, x: event.clientX, y: event.clientY };
  if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) >= 5) hide();
  if (gd || labelled) lookSoon();
}, true);
const leave = () => { pointer = null; hide(); };
document.addEventListener("pointerleave", leave);
window.addEventListener("blur", leave);
window.addEventListener("scroll", leave, true);

window.addEventListener("pointerdown", (event) => {
  const gd = sceneAt(event);
  pressed = gd && { gd, x: event.clientX, y: event.clientY, found: at(gd, event.clientX, event.clientY) };
  if (labelled && labelled !== gd) hide();
}, true);
window.addEventListener("pointerup", (event) => {
  const press = pressed;
  pressed = null;
  if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) >= 5) return;
  label(press.gd, press.found);
  if (press.found) tellOf(press.gd, "point", { entity: press.found.entity });
}, true);
window.addEventListener("pointercancel", () => { pressed = null; }, true);

// A drawing takes the label away, and may have moved what lies under the pointer.
hearOf("rendering", (gd) => { if (gd === labelled || pointer?.gd === gd) lookSoon(); });
