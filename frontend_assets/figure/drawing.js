// How a figure gets on screen: dcc.Graph draws by Plotly.react, which is wrapped here as it arrives. A scene takes a tenth of a second to draw
// where there is no graphics card, so nothing is drawn that would not be seen:
// - a figure that stands there already, at this size, is left alone;
// - a change of size that the last drawing has already met draws nothing (dcc.Graph tells of each, a moment after);
// - one that is hidden or out of view is drawn when it comes into view, but for a scene's first, which takes longest: it gets ready unseen;
//   one that is out of view, and not hidden, at the latest when all answers are there: no click waits for it, and a page that is ready is drawn.
import { plotlyFrom } from "../kit/dash.js";
import { root } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { arriving, drawn, layoutOf } from "../kit/plotly.js";

/** @typedef {import("../kit/plotly.js").Plot} Plot */
/** @typedef {{ data: any[], layout: any, config?: any }} Figure */

/**
 * What else happens to a drawing: `framed` and `dressed` change the figure, `still` may put it off, `drawn` comes after it.
 * @type {{ framed: (gd: Plot, figure: Figure) => Figure, dressed: (gd: Plot, figure: Figure) => Figure,
 *   still: (gd: Plot, draw: () => Promise<unknown>) => Promise<unknown>, drawn: (gd: Plot) => void }}
 */
const also = { framed: (_, figure) => figure, dressed: (_, figure) => figure, still: (_, draw) => draw(), drawn: () => {} };

/** @param {Partial<typeof also>} more */
export const onDrawing = (more) => { Object.assign(also, more); };

/** @param {HTMLElement} gd */
const hidden = (gd) => gd.clientWidth === 0 && gd.clientHeight === 0;

/** @param {HTMLElement} gd */
function away(gd) {
  if (!root.dataset.busy || gd.closest(".scene")) return false;
  const { top, bottom } = gd.getBoundingClientRect();
  return bottom < 0 || top > window.innerHeight;
}

/** @type {Map<Element, () => void>} */
const late = new Map(); // how to draw what waits for it
/** @param {Element} gd */
function drawLate(gd) {
  const draw = late.get(gd);
  if (!draw || hidden(/** @type {HTMLElement} */ (gd))) return;
  late.delete(gd);
  shown.unobserve(gd);
  draw();
}
const shown = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => { if (isIntersecting) drawLate(target); }));
const drawAll = () => [...late.keys()].forEach(drawLate);
hear("answered", drawAll);
window.addEventListener("beforeprint", drawAll);

// As many points as the screen has, at most two to each way; plotly's own two on any screen are four times the work on most.
const density = () => Math.min(Math.max(window.devicePixelRatio || 1, 1), 2);

/**
 * @param {HTMLElement} gd
 * @param {Figure} figure
 */
const signature = (gd, { data, layout }) => JSON.stringify([gd.clientWidth, gd.clientHeight, data, layout], (key, value) => (key === "camera" ? undefined : value));

/** @param {HTMLElement} gd */
function fits(gd) {
  const layout = layoutOf(gd);
  return layout && Math.abs(layout.width - gd.clientWidth) < 1 && Math.abs(layout.height - gd.clientHeight) < 1;
}

/** @type {WeakMap<HTMLElement, string>} */
const stands = new WeakMap(); // what was drawn last
/** @type {WeakMap<HTMLElement, object>} */
const configs = new WeakMap();

/** @param {any} Plotly */
function install(Plotly) {
  const resize = Plotly.Plots.resize;
  Plotly.Plots.resize = (/** @type {HTMLElement} */ gd) => (hidden(gd) || late.has(gd) || fits(gd) || gd.dataset.printed ? Promise.resolve(gd) : resize(gd));

  const react = Plotly.react;
  Plotly.react = (/** @type {string | Plot} */ graph, /** @type {Figure} */ figure, /** @type {unknown[]} */ ...rest) => {
    const gd = /** @type {Plot} */ (typeof graph === "string" ? document.getElementById(graph) : graph);
    const draw = () => also.still(gd, () => {
      const framed = also.dressed(gd, also.framed(gd, figure));
      const now = signature(gd, framed);
      if (layoutOf(gd) && stands.get(gd) === now) return Promise.resolve(gd);
      stands.set(gd, now);
      // Another configuration would make plotly begin anew, with a new WebGL context: who names none means the one that is there.
      const config = { ...(framed.config || configs.get(gd)), plotGlPixelRatio: density() };
      configs.set(gd, config);
      return Promise.resolve(react(gd, { ...framed, config }, ...rest)).then((done) => {
        also.drawn(gd);
        drawn(gd);
        if (!hidden(gd) && !fits(gd)) resize(gd); // its place has changed while it was drawn
        return done;
      });
    });
    late.delete(gd);
    const first = !layoutOf(gd) || (gd.closest(".scene") && !gd.querySelector("canvas"));
    if (first || !(hidden(gd) || away(gd))) return draw();
    late.set(gd, draw);
    shown.observe(gd);
    return Promise.resolve(gd);
  };
}

// The small 3D bundle that the page has begun to load.
const early = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="preload"][as="script"]'));
plotlyFrom(() => (early ? early.href : "/assets/vendor/plotly-gl3d.min.js"));
arriving(install);
