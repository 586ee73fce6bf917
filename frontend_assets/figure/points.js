// The points of a figure as a table.
import { layoutOf, tracesOf } from "../kit/plotly.js";

/** @param {any} axis */
const titleOf = (axis) => { const found = axis?.title?.text; return found ? found.replace(/<[^>]*>/g, "") : ""; };

/**
 * One row a point, whatever the mixture of traces: the columns of all traces in the order in which they appear.
 * @param {HTMLElement} gd
 * @returns {[string[], unknown[][]]} columns and rows
 */
export function pointsOf(gd) {
  const columns = ["series"];
  /** @type {unknown[][]} */
  const rows = [];
  const layout = layoutOf(gd);
  for (const trace of tracesOf(gd)) {
    const meta = trace.meta || {};
    if (meta.csv === false || trace.visible === false || trace.visible === "legendonly") continue;
    const names = meta.columns || {};
    /** @type {Record<string, any>} */
    const axis = { x: layout[(trace.xaxis || "x").replace(/^x/, "xaxis")], y: layout[(trace.yaxis || "y").replace(/^y/, "yaxis")] };
    const solid = layout[trace.scene || "scene"] || {};
    /** @type {[string, ArrayLike<unknown>][]} */
    const parts = [];
    for (const key of ["x", "y", "z"]) {
      if (!trace[key] || typeof trace[key] === "string") continue;
      const name = names[key] || titleOf(trace.type === "scatter3d" ? solid[`${key}axis`] : axis[key]) || key;
      parts.push([name, trace[key]]);
      const error = trace[`error_${key}`];
      if (error && error.visible && error.array) parts.push([`${name} ±`, error.array]);
    }
    if (names.text && trace.text) parts.push([names.text, trace.text]);
    if (names.color && trace.marker && trace.marker.color) parts.push([names.color, trace.marker.color]);
    (names.customdata || []).forEach((/** @type {string} */ name, /** @type {number} */ place) => {
      if (trace.customdata) parts.push([name, Array.from(trace.customdata, (item) => (item && item.length !== undefined && typeof item !== "string" ? item[place] : item))]);
    });
    const count = Math.max(0, ...parts.map(([, values]) => values.length));
    const places = parts.map(([name]) => { if (!columns.includes(name)) columns.push(name); return columns.indexOf(name); });
    for (let i = 0; i < count; i += 1) {
      const row = [trace.name || ""];
      parts.forEach(([, values], k) => { row[places[k]] = values[i]; });
      rows.push(row);
    }
  }
  return [columns, rows.map((row) => Array.from(columns, (_, place) => row[place]))];
}
