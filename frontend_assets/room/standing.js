// How this page stands to live rooms, and who is told of it.
import { inRoom, params } from "../address/address.js";
import { tell } from "../kit/events.js";
import * as kept from "./kept.js";

/**
 * @typedef {import("../kit/events.js").Question} Question
 * @typedef {{ id: string, token: string | null, following: boolean }} Room `token` is the presenter's
 *
 * @typedef {object} Standing
 * @property {Room | null} room
 * @property {{ id: string, elsewhere: boolean } | null} own a room this browser presents and this tab does not; another tab may drive it
 * @property {string} link how it stands: "live", "lost" or why it is over
 * @property {{ followers: number, presenter: boolean } | null} people
 * @property {boolean} absent the presenter has been away for longer than it takes to reload a page
 * @property {(Question & { counts?: number[], shown?: boolean, choice?: number }) | null} answers to the question at hand: the room's counts, or a
 *   follower's own choice
 * @property {Question | null} shown the question whose counts the presenter shows
 */

/** @type {Standing} */
export const here = { room: null, own: null, link: "", people: null, absent: false, answers: null, shown: null };

export const draw = () => tell("room");
export const presents = () => Boolean(here.room?.token);

/** The tab finds its way back into the room after a reload. */
export function remember() {
  const { room, shown } = here;
  kept.setTab(room && { id: room.id, following: room.following, driving: Boolean(room.token), shown });
}

/**
 * The address of a follower names the room, a presenter's does not.
 * @param {string | null} id
 */
export const name = (id) => window.history.replaceState(window.history.state, "", inRoom(id));

/**
 * Whether the lesson is at that question.
 * @param {Question | null} question
 */
export const isAsked = (question) => question !== null && params().get("lesson") === question.lesson && Number(params().get("step") || 1) === question.step;

export const isRevealed = () => params().get("reveal") === "1";
