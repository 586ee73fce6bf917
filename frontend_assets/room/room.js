// A live room: in and out of it, and what its stream says. The presenter's page tells the server what it shows (presenter.js), a follower's page goes
// there (follower.js); what is seen and pressed is in seen.js.
//
// - The presenter's secret is kept by the browser (kept.js) and sent in a header, never in an address.
// - Of a lesson: the event `answer` is sent to the presenter, the event `counts` is told when the presenter shows them.
import { go } from "../address/go.js";
import { hear, tell } from "../kit/events.js";
import { pageCamera } from "../scene/page_camera.js";
import { apply, explore, heardOf, isSound, moved, send } from "./follower.js";
import * as kept from "./kept.js";
import { atQuestion, changed, onRefusal } from "./presenter.js";
import { draw, here, isAsked, isRevealed, name, presents, remember } from "./standing.js";
import * as server from "./stream.js";

const GRACE = 6000; // milliseconds that a presenter may be away without a word about it: a reload is no absence
const OVER = ["ended", "expired"];

let hang = () => {}; // ends the stream
/** @type {number | null} */
let seen = null; // newest revision
/** @type {number | undefined} */
let missing; // until the presenter is said to be away

// --- in and out -------------------------------------------------------------------------------------------------------------
/** @param {import("./standing.js").Room & { shown?: import("../kit/events.js").Question | null }} next */
function enter(next) {
  hang();
  clearTimeout(missing);
  const room = { id: next.id, token: next.token, following: next.following };
  Object.assign(here, { room, people: null, absent: false, answers: null, shown: next.shown || null });
  seen = null;
  heardOf(null);
  remember();
  name(next.token ? null : next.id);
  if (next.token) here.own = null;
  kept.drive(next.token ? next.id : null, () => {
    here.own = { id: next.id, elsewhere: true };
    enter({ id: next.id, token: null, following: true });
  });
  here.link = "live";
  draw();
  hang = server.listen({ id: next.id, token: next.token, seen: () => seen, heard, stands });
}

export function leave(why = "") {
  const { room } = here;
  if (room && (room.token || OVER.includes(why))) kept.forget(room.id);
  hang();
  clearTimeout(missing);
  [here.room, here.link] = [null, why];
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
  here.link = how;
  draw();
  if (how !== "live") return;
  if (presents()) changed(); // the server may have missed some
  else if (here.answers) send(here.answers); // or may have been started anew
}
onRefusal(stands);

function handedOver() {
  if (!here.room) return;
  const { id } = here.room;
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
  const goes = shows && isSound(shows);
  const away = goes && shows.path !== window.location.pathname;
  hang();
  here.room = null;
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
  if (!id || presents()) return;
  const response = await server.call(server.url(id), "GET").catch(() => null);
  if (response?.status === 404) { kept.forget(id); here.own = null; } else here.own = { id, elsewhere: await kept.drivenElsewhere(id) };
  if (presents()) here.own = null; // entered meanwhile
  draw();
}
export async function takeUp() {
  const { own } = here;
  const token = own && kept.secret(own.id);
  if (own && token) await present(own.id, token);
}

// --- what the server says ---------------------------------------------------------------------------------------------------
/** @param {import("./stream.js").Told} told */
function heard({ name: event, data }) {
  if (event === "state" && (seen === null || data.revision > seen)) {
    seen = data.revision;
    heardOf(data.state);
    if (here.room?.following) apply(`${here.room.id} ${seen}`);
  } else if (event === "room") {
    clearTimeout(missing);
    const away = () => { here.absent = !data.presenter; draw(); };
    if (data.presenter || !here.people) away(); else missing = setTimeout(away, GRACE);
    here.people = data;
    draw();
  } else if (event === "counts") {
    if (presents()) { here.answers = data; atQuestion(); }
    if (data.shown) tell("counts", { lesson: data.lesson, step: data.step, counts: data.counts });
  } else if (event === "end") leave(data.reason);
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
  const inside = here.room?.token; // the stream may say that it is over before this is answered
  const id = inside ? here.room?.id : here.own?.id;
  if (!id) return "";
  const response = await server.call(server.url(id), "DELETE", null, inside || kept.secret(id)).catch(() => null);
  if (!response || !(response.ok || response.status === 404)) return "The room could not be ended. Try again when the server is reached.";
  kept.forget(id);
  here.own = null;
  if (inside) leave(); else draw();
  return "";
}

// --- what happens on the page -----------------------------------------------------------------------------------------------
hear("state", () => {
  if (!here.room) return;
  if (presents()) { atQuestion(); changed(); } else moved();
});
hear("camera", () => { if (presents()) changed(); else explore(); });
hear("answer", ({ lesson, step, choice }, event) => {
  if (!here.room || presents()) return;
  here.answers = { lesson, step, choice };
  draw();
  send(here.answers);
  if (here.room.following) event.preventDefault(); // the presenter reveals
});

/** How it stands. */
export const now = () => ({ ...here, over: OVER.includes(here.link), answers: isAsked(here.answers) ? here.answers : null, revealed: isRevealed() });
