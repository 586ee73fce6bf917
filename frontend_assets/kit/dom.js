// The shortest words for the page's elements.

export const root = document.documentElement;

/**
 * An element that the page surely has. Whoever is not sure asks `find`.
 * @param {string} id
 */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} id */
export const find = (id) => document.getElementById(id);

/** @param {string} id */
export const button = (id) => /** @type {HTMLButtonElement} */ (document.getElementById(id));

/**
 * The elements in order.
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLElement[]}
 */
export const every = (selector, within = document) => [...within.querySelectorAll(/** @type {"div"} */ (selector))];

/**
 * The nearest element around what the event happened to; null where it happened to none, such as the window.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

/**
 * @param {Event} event
 * @param {string} selector
 */
export const pressed = (event, selector = "button") => /** @type {HTMLButtonElement | null} */ (closest(event, selector));

/**
 * @param {Event} event
 * @param {string} selector
 */
export const on = (event, selector) => event.target instanceof Element && event.target.matches(selector);

/** @param {EventTarget | null} target */
export const isOpen = (target) => target instanceof HTMLDetailsElement && target.open;

/** What has the focus. */
export const focused = () => /** @type {HTMLElement & { disabled?: boolean } | null} */ (document.activeElement);

/** Nothing a person would read in an input. */
export const TYPING = "input[type=text], input[type=number], textarea";

/**
 * `run` once a frame, however often it is asked for.
 * @param {() => void} run
 */
export function eachFrame(run) {
  let scheduled = false;
  return () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => { scheduled = false; run(); });
  };
}
