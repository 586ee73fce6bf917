// R by site is asked for where it is seen: at the site of the scenes where that is not the one that the panel's R is of, at all sites while
// their fold is open; and so is where a fact can be written. It takes up to a second or two, and no other click waits for it. The Python halves are
// app/pages/explore/callbacks/sites.py and placements.py.
import { answers, nothing } from "../kit/dash.js";

/**
 * @typedef {{ checkpoint: string, edits: string[] }} Model
 */

/**
 * @param {Model | null} model
 * @param {{ site: string | null } | null} see
 * @param {boolean} every
 */
const asked = (model, see, every) => (model && see && model.edits.length && (see.site || every)
  ? { checkpoint: model.checkpoint, edits: model.edits, site: see.site, every: Boolean(every) } : null);
/**
 * @param {object | null} now
 * @param {object | null | undefined} known
 */
const news = (now, known) => (JSON.stringify(now) === JSON.stringify(known ?? null) ? nothing() : now);

answers("sites", {
  asked: (model, see, every, known) => news(asked(model, see, every), known),
  placements: (model, open, known) => news(model && open && model.edits.length ? { checkpoint: model.checkpoint, edits: model.edits } : null, known),
});
