// Where the points of a scene lie on screen.
import { projectionOf, tracesOf } from "../kit/plotly.js";

/** @typedef {[number, number, number]} Place on screen: x and y in pixels of the scene, and the depth, -1 (near) to 1 */

/**
 * The product of two 4×4 matrices, each 16 numbers by columns.
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 */
const times = (a, b) => Float64Array.from({ length: 16 }, (_, i) => [0, 1, 2, 3].reduce((sum, k) => sum + a[4 * k + (i % 4)] * b[4 * (i >> 2) + k], 0));

/**
 * From data to pixels of the scene; `at` is null for what lies behind the eye.
 * @param {HTMLElement} gd
 */
export function lens(gd) {
  const seen = projectionOf(gd);
  if (!seen) return null;
  const { model, view, projection, scale: [sx, sy, sz], width, height } = seen;
  const m = times(projection, times(view, model));
  /**
   * @param {number} x
   * @param {number} y
   * @param {number} z
   * @returns {Place | null}
   */
  const at = (x, y, z) => {
    const [a, b, c] = [x * sx, y * sy, z * sz];
    const w = m[3] * a + m[7] * b + m[11] * c + m[15];
    if (w <= 0) return null;
    return [(((m[0] * a + m[4] * b + m[8] * c + m[12]) / w + 1) / 2) * width, ((1 - (m[1] * a + m[5] * b + m[9] * c + m[13]) / w) / 2) * height,
      (m[2] * a + m[6] * b + m[10] * c + m[14]) / w];
  };
  return { at, width, height };
}

/**
 * The curve on screen: a place for each vertex; null where it has a gap.
 * @param {HTMLElement} gd
 * @returns {(Place | null)[]}
 */
export function curve(gd) {
  const seen = lens(gd);
  const trace = seen && tracesOf(gd)[0];
  if (!trace || !trace.x) return [];
  return Array.from(trace.x, (x, i) => (Number.isFinite(x) ? seen.at(Number(x), trace.y[i], trace.z[i]) : null));
}
