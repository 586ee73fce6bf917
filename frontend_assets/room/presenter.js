// A presenter's page tells the server its whole state: path, query and the camera. Latest wins, so nothing is queued and nothing can fall behind.
import { state } from "../address/address.js";
import { pageCamera } from "../scene/page_camera.js";
import { draw, here, isAsked, isRevealed, presents, remember } from "./standing.js";
import * as server from "./stream.js";

const EVERY = 100; // milliseconds between two states, at least

let dirty = false;
let sending = false;
let told = "null"; // the camera that was told last
/** @type {(how: string) => void} */
let stands = () => {};

/**
 * Who is to hear that there is no such room ("ended"), or that the token is void ("refused").
 * @param {(how: string) => void} heard
 */
export const onRefusal = (heard) => { stands = heard; };

/** Something on the page is different now. */
export function changed() {
  dirty = true;
  if (!sending) pump();
}

async function pump() {
  const mine = here.room;
  let failures = 0;
  if (!mine?.token) return;
  sending = true;
  while (dirty && here.room === mine) {
    dirty = false;
    const shows = { ...state(), camera: pageCamera.get() };
    told = JSON.stringify(shows.camera);
    try {
      const response = await server.call(server.url(mine.id, "/state"), "PUT", { state: shows, shown: here.shown }, mine.token);
      if (here.room !== mine) break;
      if (response.status === 404) stands("ended");
      else if (response.status === 403) stands("refused");
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
  if (dirty && presents()) pump(); // of a room opened meanwhile
}

// What moves the camera but a hand (a lesson, the keyboard) tells nobody, so it is looked at.
setInterval(() => { if (presents() && JSON.stringify(pageCamera.get()) !== told) changed(); }, 200);

/** Counts stand for one question: they are hidden again when the lesson goes on. */
export function atQuestion() {
  if (here.shown && !isAsked(here.shown)) { here.shown = null; remember(); }
  // What the room answered is shown with what is true, also by a lecturer who has a clicker and no mouse.
  if (!here.shown && here.answers && isAsked(here.answers) && isRevealed()) reveal(here.answers);
  draw();
}

/**
 * Shows the counts to everybody.
 * @param {import("../kit/events.js").Question} question
 */
export function reveal(question) {
  here.shown = { lesson: question.lesson, step: question.step };
  remember();
  changed();
}
