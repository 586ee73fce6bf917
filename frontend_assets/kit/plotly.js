// All that is taken from inside of plotly: its complete figures (`_fullLayout`, `_fullData`), its 3D scenes, its classes, and how it arrives.
// Nothing else in these scripts names them (tests/test_app_scripts.py), so that a new version of plotly is a matter of this file.
import { closest, every } from "./dom.js";
import { tellOf } from "./events.js";

/** @typedef {HTMLElement & { data: any[], layout: any, on: (name: string, heard: (change: any) => void) => void }} Plot the element of a figure */
/** @typedef {{ x: number, y: number, z: number }} Vector */
/** @typedef {{ eye: Vector, center: Vector, up: Vector, projection?: any }} Camera */

const page = /** @type {any} */ (window);

/** Plotly itself; undefined until the first figure has asked for it. */
export const plotly = () => page.Plotly;

/**
 * Calls `install` with plotly as soon as it has come.
 * @param {(plotly: any) => void} install
 */
export function arriving(install) {
  /** @type {any} */
  let here;
  Object.defineProperty(window, "Plotly", {
    configurable: true,
    get: () => here,
    set(value) { here = value; if (value?.react) install(value); },
  });
}

// --- figures --------------------------------------------------------------------------------------------------------------

/**
 * @param {ParentNode} [within]
 * @returns {Plot[]}
 */
export const plots = (within = document) => /** @type {Plot[]} */ (every(".js-plotly-plot", within));

/**
 * The figure within an element.
 * @param {ParentNode | null} element
 */
export const plotIn = (element) => /** @type {Plot | null} */ (element?.querySelector(".js-plotly-plot") ?? null);

/**
 * The figure that an event happened to.
 * @param {Event} event
 */
export const plotAt = (event) => /** @type {Plot | null} */ (closest(event, ".js-plotly-plot"));

/**
 * The layout with everything that plotly has added; null where nothing is drawn.
 * @param {any} gd
 */
export const layoutOf = (gd) => gd?._fullLayout ?? null;

/**
 * The traces with everything that plotly has added.
 * @param {any} gd
 * @returns {any[]}
 */
export const tracesOf = (gd) => gd?._fullData ?? [];

/**
 * The elements a figure is drawn in.
 * @param {Plot} gd
 */
export const layersOf = (gd) => ({
  flat: every(".svg-container > .main-svg", gd),
  solid: gd.querySelector(".svg-container .gl-container"),
  names: every(".infolayer > .annotation-scene", gd),
});

// --- scenes ---------------------------------------------------------------------------------------------------------------

/** @param {any} gd */
const sceneOf = (gd) => gd?._fullLayout?.scene?._scene ?? null;

/**
 * Whether plotly has made a 3D scene of it.
 * @param {any} gd
 */
export const isScene = (gd) => Boolean(sceneOf(gd));

/**
 * The scene itself, where it is drawn and has its WebGL context.
 * @param {any} gd
 */
export function alive(gd) {
  const scene = sceneOf(gd);
  return scene?.glplot?.cameraParams.view && !scene.glplot.gl.isContextLost() ? scene : null;
}

export const scenes = () => plots().filter(alive);

/**
 * @param {any} gd
 * @returns {Camera | null}
 */
export const cameraOf = (gd) => sceneOf(gd)?.getCamera() ?? null;

/**
 * Turns a scene that is drawn.
 * @param {any} gd
 * @param {Camera} camera
 */
export function turn(gd, camera) {
  gd.layout.scene.camera = camera;
  gd._fullLayout.scene.camera = { ...gd._fullLayout.scene.camera, ...camera };
  sceneOf(gd).setViewport(gd._fullLayout.scene);
}

/**
 * How a scene puts its data on screen: three matrices of 16 numbers by columns, the scale of the data, and its place in the window.
 * @param {any} gd
 * @returns {{ model: number[], view: number[], projection: number[], scale: [number, number, number], width: number, height: number, box: DOMRect } | null}
 */
export function projectionOf(gd) {
  const scene = alive(gd);
  if (!scene) return null;
  const { clientWidth: width, clientHeight: height } = scene.container;
  return { ...scene.glplot.cameraParams, scale: scene.dataScale, width, height, box: scene.container.getBoundingClientRect() };
}

/**
 * The scene's pixels as a PNG, `ratio` of them to each pixel of the page; drawn anew at once, so that a handler of `beforeprint` gets it.
 * @param {any} gd
 * @returns {string | null} its address
 */
export function pixels(gd, ratio = 2) {
  const scene = alive(gd);
  if (!scene) return null;
  const own = scene.glplot.pixelRatio;
  scene.glplot.pixelRatio = ratio;
  try { return scene.toImage("png"); } finally { scene.glplot.pixelRatio = own; scene.glplot.redraw(); }
}

/**
 * Frees the graphics card's memory now; the browser would in its own time, and bears only some 8 to 16 contexts.
 * @param {any} gd
 */
export function release(gd) {
  const context = alive(gd)?.glplot.gl;
  plotly().purge(gd);
  context?.getExtension("WEBGL_lose_context")?.loseContext();
}

/**
 * The names beside marks, as the scene is about to draw them.
 * @param {any} gd
 * @returns {any[]}
 */
export const namesOf = (gd) => sceneOf(gd).fullSceneLayout.annotations ?? [];

/** @param {any} gd */
export function drawNames(gd) {
  const scene = sceneOf(gd);
  scene.drawAnnotations(scene);
}

/**
 * A label as plotly shows under the pointer; `x` and `y` in pixels of the scene.
 * @param {any} gd
 * @param {{ x: number, y: number, text: string }} label
 */
export function showLabel(gd, label) {
  const { container, svgContainer } = sceneOf(gd);
  const { bgcolor, bordercolor, font } = gd._fullLayout.hoverlabel;
  const look = { color: bgcolor, borderColor: bordercolor, fontFamily: font.family, fontSize: font.size, fontColor: font.color };
  svgContainer.setAttribute("viewBox", `0 0 ${container.clientWidth} ${container.clientHeight}`);
  plotly().Fx.loneHover({ ...label, ...look }, { container: svgContainer, gd });
}

/** @param {any} gd */
export function hideLabel(gd) {
  const svg = sceneOf(gd)?.svgContainer;
  if (svg) plotly().Fx.loneUnhover(svg);
}

const told = new WeakSet(); // scenes that tell of their drawings

/**
 * To be called after each drawing. From then on the scene tells of itself (events.js), and spends no time on what nobody sees.
 * @param {any} gd
 */
export function drawn(gd) {
  const scene = sceneOf(gd);
  if (!scene?.glplot) return;
  // Which entity is meant is found by scene/point.js, not from a second drawing that nobody sees.
  scene.glplot.mouseListener.enabled = false;
  const { objects } = scene.glplot;
  const last = objects[objects.length - 1];
  if (objects.some((/** @type {any} */ object) => object.pickSlots)) {
    objects.forEach((/** @type {any} */ object) => { object.pickSlots = 0; });
    scene.glplot.remove(last); // whoever goes or comes makes the scene count its slots again,
    scene.glplot.add(last); // and drop the buffer that it would read back at each drawing
  }
  if (!told.has(scene)) {
    told.add(scene);
    const draw = scene.drawAnnotations;
    scene.drawAnnotations = (/** @type {unknown[]} */ ...given) => {
      if (!alive(gd)) return;
      tellOf(gd, "rendering");
      draw(...given);
    };
    if (alive(gd)) drawNames(gd);
  }
  tellOf(gd, "drawn");
}

// --- scenes whose WebGL context is gone -------------------------------------------------------------------------------------

/** @param {any} gd */
export const isLost = (gd) => Boolean(sceneOf(gd)?.glplot?.gl.isContextLost());

/**
 * Plotly's own way waits for the old context, in every frame.
 * @param {any} gd
 */
export const waitForNone = (gd) => { sceneOf(gd).recoverContext = () => {}; };

/**
 * Draws it again in a context of its own, seen from where it was.
 * @param {any} gd
 * @returns {Promise<void>}
 */
export function renew(gd) {
  const scene = sceneOf(gd);
  gd.layout.scene.camera = scene.getCamera();
  scene.destroy();
  gd._fullLayout.scene._scene = null;
  return plotly().redraw(gd);
}
