// Pictures of the page's figures, from Share.
import { savePicture } from "../figure/picture.js";
import { byId, every, find, isOpen, pressed } from "../kit/dom.js";
import { plotIn, tracesOf } from "../kit/plotly.js";
import { say } from "./said.js";

/** @param {HTMLButtonElement} button */
async function picture(button) {
  const [id, format] = (button.dataset.picture ?? "").split(".");
  const gd = plotIn(find(id)) ?? /** @type {import("../kit/plotly.js").Plot | null} */ (find(id));
  if (!gd || !tracesOf(gd).length) { say("There is nothing in this figure yet: apply an edit first."); return; }
  say(`Saved ${await savePicture(gd, button.parentElement?.firstChild?.textContent ?? "", format)}.`);
}

/**
 * The line of a figure card; its own buttons do the work.
 * @param {HTMLElement} card
 */
function line(card) {
  const name = card.querySelector(".figure-title")?.textContent?.trim() ?? "";
  const row = document.createElement("span");
  row.className = "share-picture";
  row.append(Object.assign(document.createElement("span"), { textContent: name }));
  for (const kind of ["png", "svg"]) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: kind.toUpperCase() });
    button.setAttribute("aria-label", `${name} as ${kind.toUpperCase()}`);
    button.addEventListener("click", () => { every(`[data-download=${kind}]`, card)[0]?.click(); say(`Saving ${name} …`); });
    row.append(button);
  }
  return row;
}

/** A line for every figure card on the page that is drawn. */
function listCards() {
  const list = document.querySelector(".share-pictures[data-cards]");
  list?.replaceChildren(...every(".figure-card:has(.graph)").filter((card) => tracesOf(plotIn(card)).length).map(line));
}

document.addEventListener("click", (event) => {
  const button = pressed(event);
  if (button?.dataset.picture && event.detail <= 1) picture(button);
});
document.addEventListener("toggle", ({ target }) => { if (target === byId("share") && isOpen(target)) listCards(); }, true);
