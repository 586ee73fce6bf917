// What a browser keeps of live rooms, and which of its tabs drives one.
//
// The secret of a room this browser presents is in local storage until the room is over or handed over, so that a closed tab or a crash
// does not lose the room. Which room a tab is in, and how, is the tab's own. One tab drives: the one that was told to last. It is written
// down who does, and crossed out by the page that goes. What a crashed page left behind is known by the silence when it is asked.
import { local, tab } from "../kit/storage.js";

/**
 * @typedef {{ token: string, until: string }} Secret
 * @typedef {{ id: string, following: boolean, driving: boolean, shown?: import("../kit/events.js").Question | null }} Tab how a tab is in a room
 */

const SECRETS = "shatterscope-rooms"; // id -> { token, until }
const DRIVERS = "shatterscope-drivers"; // id -> the page that drives it
const ANSWER = 3000; // milliseconds in which a page that is said to drive must say so itself: a busy one is slow

/** @returns {[string, Secret][]} */
const known = () => Object.entries(local.get(SECRETS) || {});
const secrets = () => Object.fromEntries(known().filter(([, { until }]) => Date.parse(until) > Date.now()));

/** @param {string} id */
export function forget(id) {
  const { [id]: _, ...rest } = secrets();
  local.set(SECRETS, rest);
}

/**
 * @param {string} id
 * @param {string} token
 * @param {string} until
 */
export const keep = (id, token, until) => local.set(SECRETS, { ...secrets(), [id]: { token, until } });

/**
 * @param {string} id
 * @returns {string | null}
 */
export const secret = (id) => secrets()[id]?.token ?? null;

/** The room that was opened last. */
export const newest = () => Object.keys(secrets()).pop() ?? null;

/** @returns {Tab | null} */
export const thisTab = () => tab.get("room");

/** @param {Tab | null} value */
export const setTab = (value) => tab.set("room", value);

const drawn = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const page = drawn();
/** @type {string | null} */
let driving = null; // the room that this page drives
let yielded = () => {};
/** @returns {Record<string, string>} */
const drivers = () => local.get(DRIVERS) || {};
/**
 * @param {string} id
 * @param {string} by
 */
function crossOut(id, by) {
  const { [id]: who, ...rest } = drivers();
  if (who === by) local.set(DRIVERS, rest);
}
const channel = window.BroadcastChannel ? new BroadcastChannel("shatterscope-rooms") : null;
/**
 * @param {string} kind
 * @param {string} id
 */
const post = (kind, id) => { if (channel) channel.postMessage({ kind, id }); };
if (channel) {
  channel.onmessage = ({ data: { kind, id } }) => {
    if (id !== driving) return;
    if (kind === "who") post("drives", id);
    if (kind === "taken") { driving = null; yielded(); }
  };
}

/**
 * This tab drives the room, or (null) none; `whenTaken` is called when another tab takes it.
 * @param {string | null} id
 */
export function drive(id, whenTaken = () => {}) {
  yielded = whenTaken;
  if (driving) crossOut(driving, page);
  driving = id;
  if (!id) return;
  local.set(DRIVERS, { ...drivers(), [id]: page });
  post("taken", id);
}
window.addEventListener("pagehide", () => { if (driving) crossOut(driving, page); });
window.addEventListener("pageshow", ({ persisted }) => { // the browser brings a left page back as it was
  if (!persisted || !driving) return;
  if (drivers()[driving]) { driving = null; yielded(); } else drive(driving, yielded);
});

/** Names this tab in the counts of answers. */
export function voter() {
  const name = tab.get("voter") || drawn();
  tab.set("voter", name);
  return name;
}

/**
 * @param {string} id
 * @returns {Promise<boolean>}
 */
export const drivenElsewhere = (id) => new Promise((resolve) => {
  const who = drivers()[id];
  if (!channel || !who || who === page) { resolve(false); return; }
  /** @param {boolean} answer */
  const done = (answer) => {
    clearTimeout(timer);
    channel.removeEventListener("message", hear);
    resolve(answer);
  };
  /** @param {MessageEvent} message */
  const hear = ({ data }) => { if (data.kind === "drives" && data.id === id) done(true); };
  const timer = setTimeout(() => { crossOut(id, who); done(false); }, ANSWER);
  channel.addEventListener("message", hear);
  post("who", id);
});
