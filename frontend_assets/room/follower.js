// A follower's page goes where the presenter's newest state is. Who uses a control while following is on their own until they come back.
import { bare, state, within } from "../address/address.js";
import { go } from "../address/go.js";
import { closest } from "../kit/dom.js";
import { pageCamera } from "../scene/page_camera.js";
import * as kept from "./kept.js";
import { draw, here, remember } from "./standing.js";
import * as server from "./stream.js";

/** @typedef {import("./stream.js").Shown} Shown */

/** @type {Shown | null} */
let newest = null;
let appliedAt = 0; // when a state was last applied, and when somebody last touched the page
let touchedAt = 0;

/**
 * A query without its camera.
 * @param {string} query
 */
const still = (query) => bare(query).split("&").filter((part) => part && !part.startsWith("cam=")).join("&");

function elsewhere() {
  const { path, query } = state();
  return !newest || path !== newest.path || still(query) !== still(newest.query);
}

/**
 * A presenter leads to pages of this server and nowhere else.
 * @param {Shown} shown
 */
export const isSound = ({ path, query, camera }) => /^\/(?!\/)[\w/-]*$/.test(path) && /^(\?|$)/.test(query)
  && (!camera || (Array.isArray(camera.at) && camera.at.length === 9 && camera.at.every(Number.isFinite)));

/**
 * What the presenter shows; null before anything was heard.
 * @param {Shown | null} shows
 */
export const heardOf = (shows) => { newest = shows; };

/**
 * `at` names the moment. Pages that come to the same state of a room give it the same name, so that what they ask of the server is
 * the same to the byte, and is answered once (app/kit/serving/pure.py).
 * @param {string} [at]
 */
export function apply(at) {
  if (!newest || !isSound(newest)) return;
  const { path, query, camera } = newest;
  if (elsewhere()) {
    appliedAt = performance.now();
    go({ path, query, at }); // the address keeps the room
  } else if (query !== state().query) { // only the camera: nothing to ask the server
    window.history.replaceState(window.history.state, "", within(path, query));
  }
  if (camera) pageCamera.set(camera);
}

/** On their own. */
export function explore() {
  const { room } = here;
  if (!room || room.token || !room.following) return;
  room.following = false;
  pageCamera.set(null);
  remember();
  draw();
}

/** The page has changed: by the presenter, or by who sits before it. */
export function moved() {
  if (touchedAt > appliedAt && elsewhere()) explore(); else draw();
}

export function back() {
  if (!here.room) return;
  here.room.following = true;
  remember();
  draw();
  apply();
}

/** @param {NonNullable<import("./standing.js").Standing["answers"]>} answer */
export async function send(answer) {
  if (!here.room) return;
  // A lost one is sent again with the stream.
  const response = await server.call(server.url(here.room.id, "/answers"), "POST", { ...answer, voter: kept.voter() }).catch(() => null);
  if (response?.status !== 429 || here.answers !== answer) return;
  await server.pause(server.waitOf(response));
  if (here.answers === answer) send(answer);
}

// To answer a question is to follow; and a step that is still arriving changes the page while somebody touches it.
for (const kind of ["pointerdown", "keydown", "input"]) {
  document.addEventListener(kind, (event) => { if (event.isTrusted && !closest(event, "#room, #lecture-question")) touchedAt = performance.now(); }, true);
}
window.addEventListener("popstate", () => { touchedAt = performance.now(); explore(); });
