// What panels show is asked for where it is seen: while their fold is open; R at the site of the scenes where that is not the one that the numbers' R is
// of. It takes up to a second or two, and no other click waits for it. The Python halves are app/pages/explore/callbacks/panels.py and sites.py.
import { answers, nothing } from "../kit/dash.js";
import { closest, every } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { lecturing } from "../kit/lecturing.js";

/**
 * @typedef {{ checkpoint: string, edits: string[] }} Model
 * @typedef {{ site: string | null }} See
 */

/**
 * @param {object | null} now
 * @param {object | null | undefined} known
 */
const news = (now, known) => (JSON.stringify(now) === JSON.stringify(known ?? null) ? nothing() : now);

// A link says what is unfolded (`open=name`): it is, and comes into view, once there is an edit for it to tell of.
let named = new URLSearchParams(window.location.search).getAll("open");

/** @param {boolean} edited */
function unfold(edited) {
  const folds = /** @type {HTMLDetailsElement[]} */ (every("[data-panel]"))
    .filter(({ dataset }) => named.includes(dataset.panel || "") && (edited || dataset.withoutEdits));
  named = named.filter((name) => !folds.some((fold) => fold.dataset.panel === name));
  for (const fold of folds) fold.open = true;
  if (folds[0]) hear("idle", () => folds[0].closest(".card")?.scrollIntoView({ block: "start" }), { once: true });
}

// Who follows a panel's link wants to see it.
document.addEventListener("click", (event) => {
  const link = closest(event, ".to-panel");
  const fold = link && every(`${link.getAttribute("href")} [data-panel]`)[0];
  if (fold instanceof HTMLDetailsElement) fold.open = true;
});

// The last panel unfolds below the screen: what it shows comes into view, unless the person has looked elsewhere meanwhile.
document.addEventListener("toggle", ({ target }) => {
  if (!(target instanceof HTMLDetailsElement) || !target.matches("[data-panel]") || !target.open || lecturing()) return;
  const card = target.closest(".card"), summary = target.querySelector("summary");
  hear("idle", () => {
    if (!card || !summary || !target.open) return;
    const { top, bottom } = summary.getBoundingClientRect(), box = card.getBoundingClientRect();
    if (top < 0 || bottom > window.innerHeight || box.bottom <= window.innerHeight) return;
    card.scrollIntoView({ block: box.height < window.innerHeight ? "end" : "start" });
  }, { once: true });
}, true);

answers("panels", {
  /**
   * @param {boolean} open
   * @param {Model | null} model
   * @param {(See | object | null)[]} rest of a panel that follows it what is seen, and what was asked before
   */
  asked: (open, model, ...rest) => {
    if (named.length && model && model.edits.length) unfold(true);
    const known = rest.pop(), [see] = /** @type {(See | null)[]} */ (rest);
    const now = open && model && model.edits.length ? { checkpoint: model.checkpoint, edits: model.edits, ...(see ? { site: see.site } : {}) } : null;
    return news(now, known);
  },
  /**
   * Of a panel that tells of the model, edited or not.
   * @param {boolean} open
   * @param {Model | null} model
   * @param {object | null} known
   */
  always: (open, model, known) => {
    if (named.length && model) unfold(model.edits.length > 0);
    return news(open && model ? { checkpoint: model.checkpoint, edits: model.edits } : null, known);
  },
  /**
   * @param {Model | null} model
   * @param {See | null} see
   * @param {object | null} known
   */
  site: (model, see, known) => news(
    model && see && see.site && model.edits.length ? { checkpoint: model.checkpoint, edits: model.edits, site: see.site } : null, known,
  ),
});
