// What panels show is asked for where it is seen: while their fold is open; R at the site of the scenes where that is not the one that the numbers' R is
// of. It takes up to a second or two, and no other click waits for it. The Python halves are app/pages/explore/callbacks/panels.py and sites.py.
import { answers, nothing } from "../kit/dash.js";

/**
 * @typedef {{ checkpoint: string, edits: string[] }} Model
 * @typedef {{ site: string | null }} See
 */

/**
 * @param {object | null} now
 * @param {object | null | undefined} known
 */
const news = (now, known) => (JSON.stringify(now) === JSON.stringify(known ?? null) ? nothing() : now);

answers("panels", {
  /**
   * @param {boolean} open
   * @param {Model | null} model
   * @param {(See | object | null)[]} rest of a panel that follows it what is seen, and what was asked before
   */
  asked: (open, model, ...rest) => {
    const known = rest.pop(), [see] = /** @type {(See | null)[]} */ (rest);
    const now = open && model && model.edits.length ? { checkpoint: model.checkpoint, edits: model.edits, ...(see ? { site: see.site } : {}) } : null;
    return news(now, known);
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
