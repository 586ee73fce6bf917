// One camera for both scenes, kept through every update.
//
// - Turning one scene turns the other (dcc.Graph does not tell Python about `plotly_relayouting`, so it is done here).
// - An update never moves the camera: a drawing (figure/drawing.js) is given the camera the scene has now, unless the kind of view (flat or
//   solid) changes. An update that arrives while a scene is being dragged waits for the end of the drag.
// - The event `camera` tells of every turn by hand. Where the camera rests, it goes to the `camera` store, and from there into the link.
import { onDrawing } from "../figure/drawing.js";
import { answers, nothing, set } from "../kit/dash.js";
import { eachFrame, find } from "../kit/dom.js";
import { tell } from "../kit/events.js";
import { cameraOf, plotIn, turn } from "../kit/plotly.js";
import { pageCamera } from "./page_camera.js";

/**
 * @typedef {import("../kit/plotly.js").Plot} Plot
 * @typedef {import("../kit/plotly.js").Camera} Camera
 * @typedef {import("./page_camera.js").Seen} Seen
 */

const SCENES = ["scene-before", "scene-after"];
const plots = () => /** @type {Plot[]} */ (SCENES.map((id) => plotIn(find(id))).filter(Boolean));

/** @param {EventTarget | null} target */
export const isOurs = (target) => target instanceof Element && SCENES.some((id) => target.closest(`#${id}`));

/** @type {WeakMap<HTMLElement, string>} */
const views = new WeakMap(); // the kind of view that each scene shows
/** @type {WeakSet<HTMLElement>} */
const heard = new WeakSet(); // scenes whose turns are heard
let dragging = false;
/** @type {(() => void)[]} */
let waiting = []; // drawings that came during a drag
/** @type {number[] | null} */
let pressed = null; // the camera where a press began
/** @type {Seen | null} */
let wanted = null; // for scenes that are not drawn yet: they take it when they are, until somebody turns them

/** @param {Camera} camera */
const numbers = (camera) => [camera.eye, camera.center, camera.up].flatMap((v) => [v.x, v.y, v.z].map((x) => +x.toFixed(4)));

/** @param {number[]} at */
function vectors(at) {
  const [eye, center, up] = [0, 3, 6].map((from) => ({ x: at[from], y: at[from + 1], z: at[from + 2] }));
  return { eye, center, up };
}

/** @param {Plot} gd */
function follow(gd) {
  if (!cameraOf(gd)) return;
  wanted = null;
  for (const other of plots()) {
    const camera = cameraOf(gd);
    if (camera && other !== gd && cameraOf(other)) turn(other, camera);
  }
  tell("camera");
}

/**
 * A view opened in place is seen from where its address says, or from the usual place.
 * @param {number[] | null} at
 */
function look(at) {
  for (const gd of plots()) {
    const now = cameraOf(gd);
    const usual = gd.layout.meta?.camera;
    if (!now || !usual) continue;
    const from = vectors(at || numbers(usual));
    if (String(numbers(now)) !== String(numbers(from))) turn(gd, { ...gd.layout.scene.camera, ...from });
  }
}

/** @param {Plot} gd */
function obey(gd) {
  const now = cameraOf(gd);
  if (wanted && now && views.get(gd) === wanted.view) turn(gd, { ...vectors(wanted.at), projection: now.projection });
}

/** @type {Plot | null} */
let turned = null;
const followSoon = eachFrame(() => { if (turned) follow(turned); });

/** @type {number | undefined} */
let rest;
/** @param {Plot} gd */
function rests(gd) {
  const camera = cameraOf(gd);
  if (!camera) return;
  const now = numbers(camera);
  if (pressed && String(now) === String(pressed)) return; // a click that turned nothing says nothing
  clearTimeout(rest);
  rest = setTimeout(() => set("camera", { data: now }), 300);
}

/** @param {Plot} gd */
function listen(gd) {
  if (heard.has(gd)) return;
  heard.add(gd);
  gd.on("plotly_relayouting", () => { turned = gd; followSoon(); });
  gd.on("plotly_relayout", (change) => {
    if (!change || !Object.keys(change).some((key) => key.startsWith("scene.camera"))) return;
    follow(gd);
    rests(gd);
  });
}

function release() {
  dragging = false;
  const run = waiting;
  waiting = [];
  run.forEach((next) => next());
}
window.addEventListener("pointerdown", ({ target }) => {
  dragging = isOurs(target);
  const camera = cameraOf(plots().find((each) => each.contains(/** @type {Node} */ (target))));
  pressed = camera && numbers(camera);
}, true);
window.addEventListener("pointerup", () => setTimeout(release, 0), true);
window.addEventListener("pointercancel", release, true);

onDrawing({
  // The camera as it stands.
  framed: (gd, figure) => {
    if (!isOurs(gd)) return figure;
    const layout = figure?.layout;
    const kind = layout?.meta?.view;
    const now = cameraOf(gd);
    const stays = now && layout?.scene && kind === views.get(gd);
    views.set(gd, kind);
    if (!stays) return figure;
    const camera = { ...now, projection: layout.scene.camera?.projection };
    return { ...figure, layout: { ...layout, scene: { ...layout.scene, camera } } };
  },
  // None during a drag.
  still: (gd, draw) => (dragging && isOurs(gd) ? new Promise((resolve) => { waiting.push(() => resolve(draw())); }) : draw()),
  drawn: (gd) => { if (isOurs(gd)) { listen(gd); obey(gd); } },
});

pageCamera.get = () => {
  for (const gd of plots()) {
    const [camera, view] = [cameraOf(gd), views.get(gd)];
    if (camera && view) return { view, at: numbers(camera) };
  }
  return null;
};
pageCamera.set = (camera) => {
  if (dragging) return;
  wanted = camera;
  plots().forEach(obey);
};

answers("camera", { look: (at) => { look(at); return nothing(); } });
