// `window.shatterscope`: the components that Python names by this namespace (app/kit/components.py), and what the console and the tests may ask of a page.

/** @param {Record<string, unknown>} parts */
export const offer = (parts) => {
  const page = /** @type {any} */ (window);
  page.shatterscope = { ...page.shatterscope, ...parts };
};
