// All that is taken from Dash: its functions for scripts (`dash_clientside`, `dash_component_api`, React) and, where it has none, its own ways.
// Nothing else in these scripts names them (tests/test_app_scripts.py).

const page = /** @type {any} */ (window);
page.dash_clientside = page.dash_clientside || {};

export const React = page.React;

/**
 * Functions for `ClientsideFunction(namespace, name)` of Python. They must be there before Dash's renderer starts.
 * @param {string} namespace
 * @param {Record<string, (...given: any[]) => unknown>} functions
 */
export const answers = (namespace, functions) => { page.dash_clientside[namespace] = { ...page.dash_clientside[namespace], ...functions }; };

/** What such a function answers to leave its output as it is. */
export const nothing = () => page.dash_clientside.no_update;

/** The inputs that such a function is called for, as `id.property`. */
export const causes = () => page.dash_clientside.callback_context.triggered.map((/** @type {{ prop_id: string }} */ each) => each.prop_id);

/**
 * @param {string | object} id
 * @param {Record<string, unknown>} props
 */
export const set = (id, props) => page.dash_clientside.set_props(id, props);

/**
 * The properties of an element; empty where this page has no such element: Dash throws there.
 * @param {string | object} id
 * @returns {Record<string, any>}
 */
export const props = (id) => { try { return page.dash_component_api.getLayout(id).props || {}; } catch { return {}; } };

/**
 * What a store holds.
 * @param {string} id
 */
export const data = (id) => props(id).data;

/**
 * The id of an element as Dash knows it: those of patterns are objects, of which the page has the text.
 * @param {string} text
 * @returns {string | Record<string, any>}
 */
export const idOf = (text) => (text.startsWith("{") ? JSON.parse(text) : text);

/**
 * The text of an id.
 * @param {string | object | undefined} id
 */
export const textOf = (id) => (id && typeof id === "object" ? JSON.stringify(id) : id);

const store = () => page.dash_stores[0];

/** Whether a callback has still to be called or answered: also between the links of a chain, when no request is away. */
export const pending = () => store().getState().isLoading;

/**
 * `heard` at each end of that. To be called when the page stands.
 * @param {() => void} heard
 */
export function afterPending(heard) {
  let before = pending();
  store().subscribe(() => {
    const now = pending();
    if (before && !now) heard();
    before = now;
  });
}

/** The answer to a callback that changes nothing. */
export const noUpdate = () => new Response(null, { status: 204 });

/**
 * Puts `around` in the way of each request of a callback. `output` tells the callbacks apart, `inputs` are the ids of what it is called with.
 * @param {(asked: { output: string, inputs: string[] }, send: (signal: AbortSignal) => Promise<Response>) => Promise<Response>} around
 */
export function throughCallbacks(around) {
  const fetch = window.fetch.bind(window);
  window.fetch = (resource, options) => {
    const url = resource instanceof Request ? resource.url : String(resource);
    if (!url.includes("_dash-update-component")) return fetch(resource, options);
    const asked = JSON.parse(String(options?.body));
    return around({
      output: asked.output + JSON.stringify(asked.outputs), // of a pattern: which of its callbacks
      inputs: (asked.inputs || []).map((/** @type {{ id: string }} */ input) => input.id),
    }, (signal) => fetch(resource, { ...options, signal }));
  };
}

/**
 * Where Dash's graphs fetch plotly from when the first of them appears.
 * @param {() => string} address
 */
export const plotlyFrom = (address) => Object.defineProperty(window, "_dashPlotlyJSURL", { get: address, set() {} });
