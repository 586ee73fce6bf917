// Files of what is shown: they come from `/export.…` below the page's address.
import { state } from "../address/address.js";
import { save } from "../kit/save.js";
import { pinned } from "./link.js";
import { say } from "./said.js";

/**
 * @param {string} format
 * @param {HTMLButtonElement} button
 */
export async function file(format, button) {
  button.disabled = true;
  say("Making the file …");
  try {
    const { path, query } = state();
    // A file holds what is unfolded.
    const folds = format === "html" ? [...document.querySelectorAll("[data-panel][open]")].filter((fold) => fold.querySelector("table")) : [];
    const shown = folds.map((fold, place) => `${query || place ? "&" : "?"}open=${fold.getAttribute("data-panel")}`).join("");
    const response = await fetch(`${path === "/" ? "" : path}/export.${format}${pinned(query + shown)}`);
    if (!response.ok) { say(await response.text()); return; }
    const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") || "");
    const content = await response.blob();
    save(name ? name[1] : `shatterscope.${format}`, content, content.type);
    say(`Saved ${name ? name[1] : "it"} (${(content.size / 1e6).toFixed(content.size < 1e5 ? 2 : 1)} MB).`);
  } catch { say("The server is not reached. Try again when it is back."); } finally { button.disabled = false; }
}
