// What the parts of a page tell each other: events of the document named `shatterscope:…`, or of a scene's element, from which they bubble.

/** @typedef {{ lesson: string, step: number }} Question */

/**
 * @typedef {object} Told
 * @property {undefined} answered no callback is left; told before the status says so
 * @property {undefined} idle the status says so
 * @property {undefined} cancelled the person gave up what is computed; a page that can do better than go back prevents the default
 * @property {undefined} problem a message about a problem has come or gone
 * @property {{ path: string, query: string }} state the address has changed
 * @property {undefined} camera a scene was turned by hand
 * @property {undefined} room the live room has changed
 * @property {Question & { choice: number }} answer to a lesson's question; who prevents the default reveals it later
 * @property {Question & { counts: number[] }} counts of the room's answers
 */

/**
 * @typedef {object} ToldOfScene
 * @property {undefined} drawn it stands on the page
 * @property {undefined} rendering its pixels are drawn: what lies over them (names, the label under the pointer) goes with them
 * @property {{ entity: number }} point an entity was clicked
 */

/**
 * @template {keyof Told} K
 * @param {K} name
 * @param {Told[K]} [detail]
 * @returns {boolean} false where somebody prevented the default
 */
export const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`shatterscope:${name}`, { detail, cancelable: true }));

/**
 * @template {keyof Told} K
 * @param {K} name
 * @param {(detail: Told[K], event: Event) => void} heard
 * @param {AddEventListenerOptions} [options]
 */
export const hear = (name, heard, options) => document.addEventListener(`shatterscope:${name}`, (event) => heard(/** @type {CustomEvent} */ (event).detail, event), options);

/**
 * @template {keyof ToldOfScene} K
 * @param {HTMLElement} gd
 * @param {K} name
 * @param {ToldOfScene[K]} [detail]
 */
export const tellOf = (gd, name, detail) => gd.dispatchEvent(new CustomEvent(`shatterscope:${name}`, { bubbles: true, detail }));

/**
 * @template {keyof ToldOfScene} K
 * @param {K} name
 * @param {(gd: any, detail: ToldOfScene[K]) => void} heard
 */
export const hearOf = (name, heard) => document.addEventListener(`shatterscope:${name}`, (event) => heard(event.target, /** @type {CustomEvent} */ (event).detail));
