// This browser's own views: one can be deleted by the browser that saved it, which knows its token.
import { every, find, root } from "../kit/dom.js";
import { local } from "../kit/storage.js";

const KEY = "shatterscope-views";

/** @returns {Record<string, string>} by id */
export const tokens = () => local.get(KEY) || {};

/**
 * @param {string} id
 * @param {string} token
 */
export const keep = (id, token) => local.set(KEY, { ...tokens(), [id]: token });

/** @param {string} id */
export function lose(id) {
  const { [id]: _, ...rest } = tokens();
  local.set(KEY, rest);
  every(`[data-view="${id}"]`).forEach((card) => { card.hidden = true; });
}

function owned() {
  const mine = tokens();
  every("[data-delete]").forEach((button) => { button.hidden = !mine[button.dataset.delete ?? ""]; });
}
new MutationObserver(() => { if (find("gallery-cards")) owned(); }).observe(root, { childList: true, subtree: true });
