// The Compare page: the table's rows from the results that have come, its CSV, tiles that open Explore, and cancelling.
import { answers, set } from "../kit/dash.js";
import { button, closest, every, focused } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { saveCsv } from "../kit/save.js";

/** @typedef {import("../components/sort_table.js").Row & { csv: Record<string, unknown>, over?: string }} Row */

/** @type {Row[]} */
let rows = [];

answers("compare", {
  // Training is followed round by round: each answer asks for the next. At its end stands what is to be drawn and measured.
  more: (told) => {
    if (told) Object.entries(told.next).forEach(([type, data]) => set({ type, index: told.key }, { data }));
    return null;
  },
  begin: (blank) => { rows = blank || []; return [rows, ""]; },
  result: (result) => {
    if (!result || !rows.some((row) => row.key === result.key)) return null; // of an earlier run
    rows = rows.map((row) => (row.key === result.key ? result : row));
    set("compare-table", { rows });
    if (result.over) set("compare-over", { children: result.over });
    return null;
  },
});

document.addEventListener("click", (event) => {
  if (closest(event, "#compare-csv")) {
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row.csv)))];
    const problem = (/** @type {Row} */ row) => (row.state === "done" ? "" : row.reason || row.state);
    const lines = rows.map((row) => [...columns.map((name) => row.csv[name]), problem(row)]);
    if (rows.length) saveCsv("comparison", [...columns, "problem"], lines);
    return;
  }
  const tile = closest(event, ".tile");
  if (tile && tile.dataset.href && !closest(event, "a, button") && !String(window.getSelection())) window.location.assign(tile.dataset.href);
});

// What was computed stays; what was not says so.
hear("cancelled", (_, event) => {
  event.preventDefault();
  rows.filter((row) => row.state === "waiting").forEach((row) => set({ type: "compare-result", index: row.key }, { data: { ...row, state: "failed", reason: "Cancelled. Press Compare to compute it." } }));
  every(".tile .words:empty, .tile .words:has(.training)").forEach((words) => set({ type: "compare-words", index: JSON.parse(words.id).index }, { children: "cancelled" }));
});

document.addEventListener("keydown", (event) => {
  const run = button("compare-run");
  if (!run || run.disabled || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  focused()?.blur();
  setTimeout(() => run.click(), 0); // the blur's value first
});
