// A graphics card that starts anew, or is short of memory, takes the WebGL contexts of a page away, and what they had drawn. Each scene
// is drawn again in a context of its own, seen from where it was. Where the browser gives none, the scene says so and goes on trying.
import { hearOf, tell } from "../kit/events.js";
import { drawn, isLost, isScene, plotAt, renew, waitForNone } from "../kit/plotly.js";

/** @typedef {import("../kit/plotly.js").Plot} Plot */

const PAUSES = [0, 100, 300, 1000, 2000];
const SAID = "The browser lost the graphics context of this picture and has not restored it yet. Reload the page to see it: the address keeps what is shown.";
/** @type {Map<Plot, number>} */
const waiting = new Map(); // timers

function given() {
  const context = document.createElement("canvas").getContext("webgl");
  if (!context || context.isContextLost()) return false;
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return true;
}

/**
 * @param {Plot} gd
 * @param {string} text
 */
function say(gd, text) {
  const box = gd.closest(".scene") || gd.parentElement;
  if (!box) return; // it has left the page
  let told = box.querySelector(":scope > .problem.lost");
  if (text && !told) {
    told = Object.assign(document.createElement("p"), { className: "problem lost" });
    told.setAttribute("role", "alert");
    box.append(told);
  }
  if (told) { if (text) told.textContent = text; else told.remove(); }
  tell("problem");
}

/** @param {Plot} gd */
function draw(gd) {
  if (!gd.isConnected || !isLost(gd)) return; // drawn anew by somebody else
  renew(gd).then(() => { say(gd, ""); drawn(gd); });
}

/**
 * @param {Plot} gd
 * @param {number} tried
 */
function attempt(gd, tried) {
  clearTimeout(waiting.get(gd));
  waiting.delete(gd);
  if (given()) { draw(gd); return; }
  if (tried + 1 >= PAUSES.length) say(gd, SAID);
  const pause = PAUSES[Math.min(tried + 1, PAUSES.length - 1)];
  waiting.set(gd, setTimeout(() => attempt(gd, tried + 1), pause));
}

window.addEventListener("webglcontextlost", (event) => {
  const gd = plotAt(event);
  if (!gd || !isScene(gd)) return;
  event.preventDefault(); // so that the browser may give it back
  if (waiting.has(gd)) return;
  waiting.set(gd, setTimeout(() => attempt(gd, 0), PAUSES[0]));
}, true);
window.addEventListener("webglcontextrestored", (event) => { const gd = plotAt(event); if (gd && waiting.has(gd)) attempt(gd, 0); }, true);

hearOf("drawn", waitForNone);
