// The address bar holds the whole state of a page: its path and its query. A follower's address also names its live room (room/room.js), which is
// no part of the state and stays as it is.

/** @typedef {{ path: string, query: string }} State */

/** @param {boolean} room */
const parts = (room) => window.location.search.slice(1).split("&").filter((part) => part && part.startsWith("room=") === room);

/** @param {string[]} found */
const joined = (found) => (found.length ? `?${found.join("&")}` : "");

const query = () => joined(parts(false));

/** @returns {State} */
export const state = () => ({ path: window.location.pathname, query: query() });

export const params = () => new URLSearchParams(query());

/** @param {string} text */
export const bare = (text) => text.replace(/^\?/, "");

/**
 * The address of a state, from this page: the room goes along.
 * @param {string} path
 * @param {string} text
 */
export const within = (path, text) => path + joined([...parts(true), bare(text)].filter(Boolean));

/**
 * This address in the room `id`, or in none.
 * @param {string | null} id
 */
export const inRoom = (id) => window.location.pathname + joined([id ? `room=${encodeURIComponent(id)}` : "", ...parts(false)].filter(Boolean));

/**
 * The part of an address that a step in the browser's history is about: a changed model, or another run. Looking around is no step.
 * @param {string} href
 */
export const model = (href) => ["e", "run"].flatMap((key) => new URL(href, window.location.href).searchParams.getAll(key)).join("&");

/**
 * As Python writes it: two signs that need no escape have none.
 * @param {string} text
 */
export const plain = (text) => text.replaceAll("%7E", "~").replaceAll("%3A", ":");
