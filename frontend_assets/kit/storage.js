// What a browser keeps for its pages (`local`) or for this tab (`tab`). A private window keeps nothing, and nothing breaks by it.

/** @param {() => Storage} where */
const kept = (where) => ({
  /** @param {string} key */
  text: (key) => { try { return where().getItem(key); } catch { return null; } },

  /**
   * @param {string} key
   * @param {string} value
   */
  setText: (key, value) => { try { where().setItem(key, value); } catch { /* private window */ } },

  /**
   * @param {string} key
   * @returns {any} null where there is nothing
   */
  get: (key) => { try { return JSON.parse(where().getItem(key) ?? "null"); } catch { return null; } },

  /**
   * @param {string} key
   * @param {unknown} value
   */
  set: (key, value) => { try { where().setItem(key, JSON.stringify(value)); } catch { /* private window */ } },
});

export const local = kept(() => window.localStorage);
export const tab = kept(() => window.sessionStorage);
