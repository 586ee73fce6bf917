// A live room. The presenter's page tells the server its whole state ({path, query} and the camera); a follower's page reads the newest
// from one stream and goes there. Latest wins on both sides, so nothing is queued and nothing can fall behind.
//
// - The presenter's secret is kept by the browser (kept.js) and sent in a header, never in an address. A follower's address names the room.
// - Who uses a control while following is on their own until they press `room-follow`.
// - Of a lesson: the event `answer` is sent to the presenter, the event `counts` is told when the presenter shows them.
// The server is in stream.js, what is seen and pressed in seen.js.
import { inRoom, params, state, within } from "../address/address.js";
import { go } from "../address/go.js";
import { closest } from "../kit/dom.js";
import { hear, tell } from "../kit/events.js";
import { pageCamera } from "../scene/page_camera.js";
import * as kept from "./kept.js";
import * as server from "./stream.js";

/**
 * @typedef {import("../kit/events.js").Question} Question
 * @typedef {import("./stream.js").Shown} Shown
 * @typedef {{ id: string, token: string | null, following: boolean }} Room `token` is the presenter's
 */

const EVERY = 100; // milliseconds between two states of the presenter, at least
const GRACE = 6000; // milliseconds that a presenter may be away without a word about it: a reload is no absence
const OVER = ["ended", "expired"];

/** @type {Room | null} */
let room = null;
/** @type {{ id: string, elsewhere: boolean } | null} */
let own = null; // a room this browser presents and this tab does not; another tab may drive it
let link = ""; // how it stands: "live", "lost" or why it is over
/** @type {{ followers: number, presenter: boolean } | null} */
let people = null;
let absent = false; // the presenter has been away for longer than it takes to reload a page
let hang = () => {}; // ends the stream
/** @type {number | null} */
let seen = null; // newest revision
/** @type {Shown | null} */
let newest = null; // newest state heard
let appliedAt = 0; // when a state was last applied, and when somebody last touched the page
let touchedAt = 0;
/** @type {(Question & { counts?: number[], shown?: boolean, choice?: number }) | null} */
let answers = null; // to the question at hand: the room's counts, or a follower's own choice
/** @type {Question | null} */
let shown = null; // the question whose counts the presenter shows

const draw = () => tell("room");
const remember = () => kept.setTab(room && { id: room.id, following: room.following, driving: Boolean(room.token), shown });

/**
 * The address of a follower names the room, a presenter's does not.
 * @param {string | null} id
 */
const name = (id) => window.history.replaceState(window.history.state, "", inRoom(id));

// --- in and out -------------------------------------------------------------------------------------------------------------
/** @param {Room & { shown?: Question | null }} next */
function enter(next) {
  hang();
  clearTimeout(missing);
  [room, people, absent, seen, newest, answers, shown] = [{ id: next.id, token: next.token, following: next.following }, null, false, null, null, null, next.shown || null];
  remember();
  name(next.token ? null : next.id);
  if (next.token) own = null;
  kept.drive(next.token ? next.id : null, () => {
    own = { id: next.id, elsewhere: true };
    enter({ id: next.id, token: null, following: true });
  });
  link = "live";
  draw();
  hang = server.listen({ id: next.id, token: next.token, seen: () => seen, heard, stands });
}

export function leave(why = "") {
  if (room && (room.token || OVER.includes(why))) kept.forget(room.id);
  hang();
  clearTimeout(missing);
  [room, link] = [null, why];
  remember();
  kept.drive(null);
  pageCamera.set(null);
  name(null);
  draw();
}

/** @param {string} how */
function stands(how) {
  if (how === "ended") { leave("ended"); return; }
  if (how === "refused") { handedOver(); return; }
  link = how;
  draw();
  if (how !== "live" || !room) return;
  if (room.token) changed(); // the server may have missed some
  else if (answers) send(answers); // or may have been started anew
}

function handedOver() {
  if (!room) return;
  const { id } = room;
  kept.forget(id);
  enter({ id, token: null, following: true });
}

/**
 * To present a room that is open already: from what it shows now, so that nobody who follows is moved.
 * @param {string} id
 * @param {string} token
 */
async function present(id, token) {
  const shows = await server.snapshot(id).catch(() => null);
  const goes = shows && sound(shows);
  const away = goes && shows.path !== window.location.pathname;
  hang();
  room = null;
  name(null);
  if (away) { // the page that opens goes on from here
    kept.setTab({ id, following: false, driving: true });
    go(shows);
    return;
  }
  if (goes) {
    go(shows);
    pageCamera.set(shows.camera);
  }
  enter({ id, token, following: false });
}

/** How this page comes into a room: by its address, or because this tab was in one. Tells what went wrong, in words. */
export async function begin() {
  const named = new URLSearchParams(window.location.search).get("room");
  const code = new URLSearchParams(window.location.hash.slice(1)).get("take");
  const tab = kept.thisTab();
  if (named && code) {
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
    const response = await server.call(server.url(named, "/presenter"), "POST", { code }).catch(() => null);
    if (response && response.ok) {
      const told = await response.json();
      kept.keep(named, told.presenter_token, told.expires);
      await present(named, told.presenter_token);
      return "";
    }
    follow(named, tab);
    return response ? (await response.json()).detail : "The server was not reached: open the link again.";
  }
  const token = tab?.driving && !named ? kept.secret(tab.id) : null;
  // A tab that was copied brings the memory of the first one, which goes on driving.
  if (tab && token && !await kept.drivenElsewhere(tab.id)) enter({ id: tab.id, token, following: false, shown: tab.shown });
  else if (named) follow(named, tab);
  else if (tab && !tab.driving) enter({ id: tab.id, token: null, following: false }); // a follower went to this page by hand
  else remember();
  return "";
}
/**
 * @param {string} id
 * @param {import("./kept.js").Tab | null} tab
 */
const follow = (id, tab) => enter({ id, token: null, following: !(tab && tab.id === id && !tab.driving && !tab.following) });

/** A room that this browser presents, and perhaps no tab: it is offered, not entered. */
export async function lookForOwn() {
  const id = kept.newest();
  if (!id || (room && room.token)) return;
  const response = await server.call(server.url(id), "GET").catch(() => null);
  if (response && response.status === 404) { kept.forget(id); own = null; } else own = { id, elsewhere: await kept.drivenElsewhere(id) };
  if (room && room.token) own = null; // entered meanwhile
  draw();
}
export async function takeUp() {
  const token = own && kept.secret(own.id);
  if (own && token) await present(own.id, token);
}

// --- what the server says ---------------------------------------------------------------------------------------------------
/** @type {number | undefined} */
let missing;
/** @param {import("./stream.js").Told} told */
function heard({ name: event, data }) {
  if (event === "state" && (seen === null || data.revision > seen)) {
    seen = data.revision;
    newest = data.state;
    if (room?.following) apply(`${room.id} ${seen}`);
  } else if (event === "room") {
    clearTimeout(missing);
    const away = () => { absent = !data.presenter; draw(); };
    if (data.presenter || !people) away(); else missing = setTimeout(away, GRACE);
    people = data;
    draw();
  } else if (event === "counts") {
    if (room?.token) { answers = data; atQuestion(); }
    if (data.shown) tell("counts", { lesson: data.lesson, step: data.step, counts: data.counts });
  } else if (event === "end") leave(data.reason);
}

// --- the presenter ----------------------------------------------------------------------------------------------------------
let dirty = false;
let sending = false;
function changed() {
  dirty = true;
  if (!sending) pump();
}

async function pump() {
  const mine = room;
  let failures = 0;
  if (!mine?.token) return;
  sending = true;
  while (dirty && room === mine) {
    dirty = false;
    const shows = { ...state(), camera: pageCamera.get() };
    told = JSON.stringify(shows.camera);
    try {
      const response = await server.call(server.url(mine.id, "/state"), "PUT", { state: shows, shown }, mine.token);
      if (room !== mine) break;
      if (response.status === 404) leave("ended");
      else if (response.status === 403) handedOver();
      else if (response.status === 429 || response.status >= 500) throw new Error(String(response.status));
      else failures = 0;
      await server.pause(EVERY);
    } catch {
      dirty = true;
      await server.patience(failures);
      failures += 1;
    }
  }
  sending = false;
  if (dirty && room?.token) pump(); // of a room opened meanwhile
}

// What moves the camera but a hand (a lesson, the keyboard) tells nobody, so it is looked at.
let told = "null";
setInterval(() => {
  if (room && room.token && JSON.stringify(pageCamera.get()) !== told) changed();
}, 200);

// Counts stand for one question: they are hidden again when the lesson goes on.
/** @param {Question | null} question */
const asked = (question) => question !== null && params().get("lesson") === question.lesson && Number(params().get("step") || 1) === question.step;

// What the room answered is shown with what is true, also by a lecturer who has a clicker and no mouse.
function atQuestion() {
  if (shown && !asked(shown)) { shown = null; remember(); }
  if (!shown && answers && asked(answers) && params().get("reveal") === "1") reveal(answers);
  draw();
}

/** @param {Question} question */
export function reveal(question) {
  shown = { lesson: question.lesson, step: question.step };
  remember();
  changed();
}

// Each of these returns what went wrong, in words.
export async function open() {
  const response = await server.call(server.API, "POST").catch(() => null);
  const made = response && await response.json();
  if (!response || !response.ok) return made ? made.detail : "The server is not reached. Try again when it is back.";
  kept.keep(made.id, made.presenter_token, made.expires);
  enter({ id: made.id, token: made.presenter_token, following: false });
  return "";
}

export async function end() {
  const inside = room?.token; // the stream may say that it is over before this is answered
  const id = inside ? room?.id : own?.id;
  if (!id) return "";
  const response = await server.call(server.url(id), "DELETE", null, inside || kept.secret(id)).catch(() => null);
  if (!response || !(response.ok || response.status === 404)) return "The room could not be ended. Try again when the server is reached.";
  kept.forget(id);
  own = null;
  if (inside) leave(); else draw();
  return "";
}

// --- a follower -------------------------------------------------------------------------------------------------------------
/**
 * A query without its camera.
 * @param {string} query
 */
const still = (query) => query.replace(/^\?/, "").split("&").filter((part) => part && !part.startsWith("cam=")).join("&");

const elsewhere = () => {
  const { path, query } = state();
  return !newest || path !== newest.path || still(query) !== still(newest.query);
};

/**
 * A presenter leads to pages of this server and nowhere else.
 * @param {Shown} shown
 */
const sound = ({ path, query, camera }) => /^\/(?!\/)[\w/-]*$/.test(path) && /^(\?|$)/.test(query)
  && (!camera || (Array.isArray(camera.at) && camera.at.length === 9 && camera.at.every(Number.isFinite)));

/**
 * `at` names the moment. Pages that come to the same state of a room give it the same name, so that what they ask of the server is
 * the same to the byte, and is answered once (app/once.py).
 * @param {string} [at]
 */
function apply(at) {
  if (!newest || !sound(newest)) return;
  const { path, query, camera } = newest;
  const now = state();
  if (elsewhere()) {
    appliedAt = performance.now();
    go({ path, query, at }); // the address keeps the room
  } else if (query !== now.query) { // only the camera: nothing to ask the server
    window.history.replaceState(window.history.state, "", within(path, query));
  }
  if (camera) pageCamera.set(camera);
}

function explore() {
  if (!room || room.token || !room.following) return;
  room.following = false;
  pageCamera.set(null);
  remember();
  draw();
}

export function back() {
  if (!room) return;
  room.following = true;
  remember();
  draw();
  apply();
}

/** @param {Question} answer */
async function send(answer) {
  if (!room) return;
  // A lost one is sent again with the stream.
  const response = await server.call(server.url(room.id, "/answers"), "POST", { ...answer, voter: kept.voter() }).catch(() => null);
  if (response && response.status === 429 && answers === answer) { await server.pause(server.waitOf(response)); if (room && answers === answer) send(answer); }
}

// --- what happens on the page -----------------------------------------------------------------------------------------------
// To answer a question is to follow; and a step that is still arriving changes the page while somebody touches it.
for (const kind of ["pointerdown", "keydown", "input"]) {
  document.addEventListener(kind, (event) => { if (event.isTrusted && !closest(event, "#room, #lecture-question")) touchedAt = performance.now(); }, true);
}
hear("state", () => {
  if (!room) return;
  if (room.token) { atQuestion(); changed(); } else if (touchedAt > appliedAt && elsewhere()) explore(); else draw();
});
hear("camera", () => { if (room && room.token) changed(); else explore(); });
hear("answer", (detail, event) => {
  if (!room || room.token) return;
  const { lesson, step, choice } = detail;
  answers = { lesson, step, choice };
  draw();
  send(answers);
  if (room.following) event.preventDefault(); // the presenter reveals
});
window.addEventListener("popstate", () => { touchedAt = performance.now(); explore(); });

/** How it stands. */
export const now = () => ({
  room, own, link, over: OVER.includes(link), people, absent, answers: asked(answers) ? answers : null, revealed: params().get("reveal") === "1",
});
