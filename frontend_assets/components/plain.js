import { textOf } from "../kit/dash.js";
import { h } from "./base.js";

/** @typedef {string | [string, object, ...any[]]} Node text, or [tag, attributes, ...children] */

/**
 * React keeps what stays, so that a bar glides to its new place.
 * @param {Node} node
 * @returns {unknown}
 */
const element = (node) => (Array.isArray(node) ? h(node[0], node[1], ...node.slice(2).map(element)) : node);

/** @param {{ id?: string | object, className?: string, content?: Node[], value?: unknown }} props */
export function Plain({ id, className, content = [], value }) {
  return h("div", { id: textOf(id), className, "data-value": value }, ...content.map(element));
}
