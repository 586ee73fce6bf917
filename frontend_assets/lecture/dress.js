// What the scenes wear in a lecture, for the last row: thicker points and lines, larger and shorter names.
import { onDrawing } from "../figure/drawing.js";
import { every } from "../kit/dom.js";
import { lecturing } from "../kit/lecturing.js";
import { plotly, plots } from "../kit/plotly.js";
import { look, without } from "./looks.js";

/** @typedef {import("../figure/drawing.js").Figure} Figure */

const NAMES = [["true object", "truth"], ["new object", "new"]];
const PHONE = window.matchMedia("(max-width: 900px)");

/** @type {WeakMap<HTMLElement, Figure>} */
const plain = new WeakMap(); // each figure as Dash made it, so that entering and leaving draw it again in the other dress

/** @param {any} note */
function named(note) {
  const text = NAMES.reduce((found, [long, short]) => found.replace(long, short), note.text);
  return { ...note, text, arrowwidth: 2, font: { ...note.font, size: PHONE.matches ? 12 : 20 } };
}

/**
 * @param {Figure} figure
 * @returns {Figure}
 */
function dressed(figure) {
  if (!lecturing() || !figure || !figure.data || !figure.data.length) return figure;
  const [ring, marks, ...rest] = figure.data;
  const thicker = PHONE.matches ? 0.8 : 1.5;
  /**
   * @param {number | number[]} sizes
   * @param {number} by
   */
  const bigger = (sizes, by) => (Array.isArray(sizes) ? sizes.map((size) => size * by) : sizes * by);
  const data = [
    { ...ring, marker: { ...ring.marker, size: ring.marker.size * thicker }, line: { ...ring.line, width: ring.line.width * (thicker + 0.5) } },
    marks && { ...marks, marker: { ...marks.marker, size: bigger(marks.marker.size, thicker) } },
    ...rest,
  ].filter(Boolean);
  const scene = figure.layout.scene;
  const bare = without("new");
  if (bare && marks && marks.x.length === 6) { // each of the three is drawn twice
    const kept = (/** @type {unknown[]} */ list) => list.filter((_, index) => index % 3 !== 2);
    const { size, symbol, color } = data[1].marker;
    data[1] = { ...data[1], x: kept(marks.x), y: kept(marks.y), z: kept(marks.z), marker: { ...data[1].marker, size: kept(size), symbol: kept(symbol), color: kept(color) } };
  }
  const annotations = (scene.annotations || []).filter((/** @type {any} */ note) => !bare || !note.text.includes("new object")).map(named);
  return { ...figure, data, layout: { ...figure.layout, scene: { ...scene, annotations } } };
}

onDrawing({
  dressed: (gd, figure) => {
    if (!gd.closest(".scene")) return figure;
    plain.set(gd, figure);
    look();
    return dressed(figure);
  },
});

export function dressNow() {
  for (const gd of every(".scene").flatMap((scene) => plots(scene))) {
    const figure = plain.get(gd);
    if (figure && plotly()) plotly().react(gd, figure);
  }
}
