// The link to what is shown: with the checkpoint named and its weights pinned. A room is where one looks, not what is seen.
import { bare, state } from "../address/address.js";
import { answers, nothing } from "../kit/dash.js";
import { find } from "../kit/dom.js";

/** @type {Record<string, string> | null} */
let pins = null; // of each checkpoint: what a link says of its weights
/** @type {string | null} */
let version = null;

export const checkpoint = () => /** @type {HTMLSelectElement | null} */ (find("checkpoint"))?.value ?? "";

/** @param {string} query */
export function pinned(query) {
  const name = checkpoint();
  if (!pins || !pins[name]) return query;
  const parts = bare(query).split("&").filter((part) => part && !/^(c|h|ver|room)=/.test(part));
  return `?${[`c=${name}`, ...parts, `h=${pins[name]}`, `ver=${version}`].join("&")}`;
}

export function link() {
  const { path, query } = state();
  return window.location.origin + path + pinned(query);
}

answers("share", { pins: (data) => { if (data) ({ pins, version } = data); return nothing(); } });
