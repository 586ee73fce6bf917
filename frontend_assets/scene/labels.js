// Where the names of the marks stand: beside the curve, not on it, within the frame, clear of captions, legend and each other, and as
// near to their marks as that allows. Found anew at each drawing of a scene, for it depends on the camera; a name stays where it is
// until another place is clearly better.
import { every } from "../kit/dom.js";
import { hear, hearOf } from "../kit/events.js";
import { drawNames, namesOf, scenes, tracesOf } from "../kit/plotly.js";
import { curve, lens } from "./lens.js";

/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box in pixels of the scene */
/** @typedef {[number, number]} Offset of a name from its mark */

const CELL = 4; // pixels: the curve is kept as a grid of cells that it touches
const AIR = 5; // pixels between a name and anything else
const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));

/** @param {{ text: string, font: { size: number } }} note */
function widthOf(note) {
  pen.font = `600 ${note.font.size}px Inter, system-ui, sans-serif`;
  return pen.measureText(note.text.replace(/<[^>]*>/g, "")).width;
}

/**
 * How many cells of a box the curve touches, in constant time: sums over all cells above and to the left.
 * @param {(import("./lens.js").Place | null)[]} places
 * @param {number} width
 * @param {number} height
 * @returns {(box: Box) => number}
 */
function crowd(places, width, height) {
  const [columns, rows] = [Math.ceil(width / CELL) + 1, Math.ceil(height / CELL) + 1];
  const cells = new Uint8Array(columns * rows);
  for (let i = 1; i < places.length; i += 1) {
    const [from, to] = [places[i - 1], places[i]];
    if (!from || !to) continue;
    const steps = Math.min(Math.max(Math.ceil(Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])) / CELL), 1), 1000);
    for (let step = 0; step <= steps; step += 1) {
      const x = ((from[0] + ((to[0] - from[0]) * step) / steps) / CELL) | 0;
      const y = ((from[1] + ((to[1] - from[1]) * step) / steps) / CELL) | 0;
      if (x >= 0 && y >= 0 && x < columns && y < rows) cells[y * columns + x] = 1;
    }
  }
  const sums = new Uint32Array((columns + 1) * (rows + 1));
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0, row = 0; x < columns; x += 1) {
      row += cells[y * columns + x];
      sums[(y + 1) * (columns + 1) + x + 1] = sums[y * (columns + 1) + x + 1] + row;
    }
  }
  /**
   * @param {number} value
   * @param {number} most
   */
  const clip = (value, most) => Math.min(Math.max(value, 0), most);
  return ({ left, top, right, bottom }) => {
    const [x0, x1] = [clip(Math.floor(left / CELL), columns), clip(Math.ceil(right / CELL), columns)];
    const [y0, y1] = [clip(Math.floor(top / CELL), rows), clip(Math.ceil(bottom / CELL), rows)];
    /**
     * @param {number} x
     * @param {number} y
     */
    const sum = (x, y) => sums[y * (columns + 1) + x];
    return sum(x1, y1) - sum(x0, y1) - sum(x1, y0) + sum(x0, y0);
  };
}

/**
 * What else stands over the scene, in its own pixels.
 * @param {HTMLElement} gd
 * @returns {Box[]}
 */
function taken(gd) {
  const frame = gd.getBoundingClientRect();
  const zoom = gd.clientWidth / frame.width;
  const around = gd.closest(".scenes");
  const inside = gd.closest(".scene");
  const found = [
    ...(inside ? every(".scene-caption, .scene-words, .scene-choice", inside) : []),
    ...(around ? every(":scope > .legend, :scope > .hint, :scope > .problem", around) : []),
  ];
  return found.flatMap((element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return element.matches(".legend, .scene-choice") ? [element.getBoundingClientRect()] : [...range.getClientRects()];
  }).filter((box) => box.width > 0 && box.height > 0)
    .map((box) => ({ left: zoom * (box.left - frame.left), top: zoom * (box.top - frame.top), right: zoom * (box.right - frame.left), bottom: zoom * (box.bottom - frame.top) }));
}

/**
 * @param {Box} box
 * @param {number} by
 */
const grown = (box, by) => ({ left: box.left - by, top: box.top - by, right: box.right + by, bottom: box.bottom + by });
/**
 * @param {Box} a
 * @param {Box} b
 */
const common = (a, b) => Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));

/**
 * @param {Box} box
 * @param {number} x
 * @param {number} y
 */
const within = (box, x, y) => x > box.left && x < box.right && y > box.top && y < box.bottom;
/**
 * Places along the line from a mark to its name.
 * @param {ArrayLike<number>} mark
 * @param {Offset} offset
 */
const line = ({ 0: x, 1: y }, [dx, dy]) => Array.from({ length: 9 }, (_, i) => [x + (0.12 + 0.1 * i) * dx, y + (0.12 + 0.1 * i) * dy]);

/**
 * Around the mark, near ones first, and all over the frame for when the curve is everywhere near it.
 * @param {import("./lens.js").Place} mark
 * @param {{ x: number, y: number }} half
 * @param {number} width
 * @param {number} height
 * @returns {Generator<Offset>}
 */
function* offsets([px, py], half, width, height) {
  for (let way = 0; way < 24; way += 1) {
    const [ux, uy] = [Math.cos((way * Math.PI) / 12), Math.sin((way * Math.PI) / 12)];
    for (const away of [16, 24, 34, 48, 66, 90]) yield [ux * (away + half.x), uy * (away + half.y)];
  }
  for (let x = half.x + AIR; x <= width - half.x - AIR; x += 20) for (let y = half.y + AIR; y <= height - half.y - AIR; y += 16) yield [x - px, y - py];
}

/** @param {HTMLElement} gd */
function place(gd) {
  const seen = lens(gd);
  const notes = seen ? namesOf(gd) : [];
  if (!seen || !notes.length) return;
  const { width, height } = seen;
  const { size } = tracesOf(gd)[0].marker;
  const radius = 0.9 * size; // of a dot, in pixels of the page
  const touched = crowd(curve(gd), width, height);
  const blocked = taken(gd).map((box) => grown(box, AIR));
  const marks = notes.map((note) => seen.at(note.x, note.y, note.z));
  // Of those that have found their places.
  /** @type {Box[]} */
  const names = [];
  /** @type {number[][]} */
  const lines = [];
  notes.forEach((note, index) => {
    const mark = marks[index];
    note.visible = Boolean(mark && mark[0] >= 0 && mark[1] >= 0 && mark[0] <= width && mark[1] <= height);
    if (!mark || !note.visible) return;
    const half = { x: widthOf(note) / 2 + note.borderpad + 1, y: (note.font.size * 1.3) / 2 + note.borderpad };
    /** @param {Offset} offset */
    const cost = ([dx, dy]) => {
      const [x, y] = [mark[0] + dx, mark[1] + dy];
      const box = { left: x - half.x, right: x + half.x, top: y - half.y, bottom: y + half.y };
      if (box.left < AIR || box.top < AIR || box.right > width - AIR || box.bottom > height - AIR) return Infinity;
      let found = 40 * touched(grown(box, radius)) + 0.3 * Math.hypot(dx, dy);
      for (const other of [...blocked, ...names]) found += 4 * common(box, other);
      for (const other of marks) if (other) found += 4 * common(box, { left: other[0] - 9, right: other[0] + 9, top: other[1] - 9, bottom: other[1] + 9 });
      // Neither does a line to a mark run through another name; it crosses as little of the curve as can be.
      for (const [lx, ly] of lines) if (within(box, lx, ly)) found += 40;
      for (const [lx, ly] of line(mark, [dx, dy])) {
        if (touched({ left: lx, right: lx + 1, top: ly, bottom: ly + 1 }) > 0) found += 2;
        for (const name of names) if (within(name, lx, ly)) found += 40;
      }
      return found;
    };
    /** @type {{ at: Offset, cost: number }} */
    let best = note.placed ? { at: note.placed, cost: cost(note.placed) - 25 } : { at: [0, -30], cost: Infinity };
    for (const at of best.cost > 0 ? offsets(mark, half, width, height) : []) {
      const paid = cost(at);
      if (paid < best.cost) best = { at, cost: paid };
    }
    note.placed = best.at;
    [note.ax, note.ay] = best.at;
    const [x, y] = [mark[0] + note.ax, mark[1] + note.ay];
    names.push({ left: x - half.x, right: x + half.x, top: y - half.y, bottom: y + half.y });
    lines.push(...line(mark, best.at));
  });
}

hearOf("rendering", place);
// A caption that came after the drawing may stand where a name does.
hear("idle", () => scenes().forEach(drawNames));
