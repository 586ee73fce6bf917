// The Compare page: the table's rows from the results that have come, its CSV, tiles that open Explore, and cancelling.
(function () {
  let rows = [];
  const set = (type, index, props) => window.dash_clientside.set_props({ type, index }, props);

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.compare = {
    begin: (blank) => { rows = blank || []; return [rows, ""]; },
    result: (result) => {
      if (!result || !rows.some((row) => row.key === result.key)) return null; // of an earlier run
      rows = rows.map((row) => (row.key === result.key ? result : row));
      window.dash_clientside.set_props("compare-table", { rows });
      if (result.over) window.dash_clientside.set_props("compare-over", { children: result.over });
      return null;
    },
  };

  document.addEventListener("click", (event) => {
    if (!event.target.closest) return;
    if (event.target.closest("#compare-csv")) {
      const columns = [...new Set(rows.flatMap((row) => Object.keys(row.csv)))];
      const problem = (row) => (row.state === "done" ? "" : row.reason || row.state);
      const lines = rows.map((row) => [...columns.map((name) => row.csv[name]), problem(row)]);
      if (rows.length) window.shatterscope.saveCsv("comparison", [...columns, "problem"], lines);
      return;
    }
    const tile = event.target.closest(".tile");
    if (tile && tile.dataset.href && !event.target.closest("a, button") && !String(window.getSelection())) window.location.assign(tile.dataset.href);
  });

  // What was computed stays; what was not says so.
  document.addEventListener("shatterscope:cancelled", (event) => {
    if (!document.getElementById("compare-table")) return;
    event.preventDefault();
    rows.filter((row) => row.state === "waiting").forEach((row) => set("compare-result", row.key, { data: { ...row, state: "failed", reason: "Cancelled. Press Compare to compute it." } }));
    document.querySelectorAll(".tile .words:empty").forEach((words) => set("compare-words", JSON.parse(words.id).index, { children: "cancelled" }));
  });

  document.addEventListener("keydown", (event) => {
    const run = document.getElementById("compare-run");
    if (!run || run.disabled || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    if (document.activeElement && document.activeElement.blur) document.activeElement.blur();
    setTimeout(() => run.click(), 0); // the blur's value first
  });
})();
