// Downloads of a figure card (the Python half is app/kit/figure_card.py): PNG, SVG, and CSV of exactly the points drawn.
import { pressed } from "../kit/dom.js";
import { layoutOf, plotIn } from "../kit/plotly.js";
import { fileName, save, saveCsv } from "../kit/save.js";
import { picture } from "./picture.js";
import { pointsOf } from "./points.js";

/** @param {HTMLElement} button */
async function download(button) {
  const card = button.closest(".figure-card");
  const gd = plotIn(card);
  if (!card || !gd || !layoutOf(gd)) return;
  /** @param {string} selector */
  const text = (selector) => card.querySelector(selector)?.textContent?.trim() ?? "";
  const title = text(".figure-title");
  const kind = button.dataset.download ?? "";
  if (kind === "csv") saveCsv(title, ...pointsOf(gd));
  else save(`${fileName(title)}.${kind}`, await picture(gd, title, text(".figure-over"), kind));
}

document.addEventListener("click", (event) => {
  const button = pressed(event, "[data-download]");
  if (button) download(button);
});
