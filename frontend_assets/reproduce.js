// The Reproduce page in the browser: server-sent events of its jobs drive the progress bar and, every few seconds, the tables; a
// picture of a ring leads to Explore; tables can be saved.
//
// Where the events cannot be had (the page is pointed at an API elsewhere, or too many follow) the page polls through its own server.
(function () {
  const REFRESH = 4000; // milliseconds between two computations of the tables
  const ENDED = ["done", "cancelled", "failed"];
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const sources = new Map();
  let known = {}; // jobs by id, as last told
  let steered = null;
  let drawn = ""; // what the tables were last computed from
  let last = 0;
  let timer = null;

  function open(id) {
    const source = new EventSource(`/api/v1/jobs/${encodeURIComponent(id)}/events`);
    sources.set(id, source);
    const take = (event) => { known = { ...known, [id]: JSON.parse(event.data) }; set("reproduce-jobs", { data: known }); };
    const close = () => { source.close(); if (sources.get(id) === source) sources.delete(id); };
    source.addEventListener("progress", take);
    source.addEventListener("end", (event) => { take(event); close(); });
    // The browser connects anew by itself, unless it was refused.
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) { close(); set("reproduce-poll", { disabled: false }); } });
  }

  function tick(jobs, wanted) {
    const state = JSON.stringify(wanted.map((id) => [id, jobs[id] && jobs[id].done, jobs[id] && ENDED.includes(jobs[id].status)]));
    if (state === drawn) return;
    const now = () => { timer = null; drawn = state; last = Date.now(); set("reproduce-tick", { data: last }); };
    const over = wanted.every((id) => jobs[id] && ENDED.includes(jobs[id].status));
    clearTimeout(timer);
    if (over || Date.now() - last >= REFRESH) now();
    else timer = setTimeout(now, REFRESH - (Date.now() - last));
  }

  function duration(seconds) {
    if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
    return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
  }

  function words(job) {
    const name = job.request && job.request.sequence ? "Sequences" : "Single edits";
    const count = `${job.done} of ${job.total} rows`;
    if (job.status === "running") {
      const pace = job.rate ? `, ${job.rate >= 10 ? Math.round(job.rate) : job.rate.toFixed(1)} a second` : "";
      return `${name}: ${count}${pace}${job.eta !== null && job.eta !== undefined ? `, ${duration(job.eta)} left` : ""}.`;
    }
    const said = { queued: "waiting", paused: `paused at ${count}`, cancelled: `cancelled, ${count} are kept`, failed: `stopped at ${count}: ${job.error}`, done: `all ${job.total} rows` };
    return `${name}: ${said[job.status]}.`;
  }

  function stateOf(found) {
    const some = (status) => found.some((job) => job.status === status);
    for (const status of ["running", "failed", "paused", "queued"]) if (some(status)) return status;
    return some("cancelled") ? "cancelled" : "done";
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.reproduce = {
    // Follows the run's jobs, and no others; returns whether there is nothing to follow.
    follow: (run, again) => {
      const wanted = run ? run.jobs : [];
      sources.forEach((source, id) => { if (!wanted.includes(id)) { source.close(); sources.delete(id); } });
      const resumed = again !== steered;
      steered = again;
      const before = known;
      known = Object.fromEntries(wanted.filter((id) => before[id]).map((id) => [id, before[id]]));
      if (!wanted.length) drawn = "";
      for (const id of wanted) if (!sources.has(id) && (resumed || !known[id])) open(id);
      return wanted.length === 0;
    },

    progress: (jobs, run) => {
      const none = window.dash_clientside.no_update;
      const wanted = run ? run.jobs : [];
      const found = wanted.map((id) => jobs && jobs[id]).filter(Boolean);
      if (!found.length) return [wanted.length ? "" : none, "0", "none", { "--done": "0%" }, true, true, true, false];
      tick(jobs, wanted);
      const done = found.reduce((sum, job) => sum + job.done, 0);
      const total = found.reduce((sum, job) => sum + job.total, 0);
      const percent = total ? (100 * done) / total : 0;
      const state = stateOf(found);
      const any = (...status) => found.some((job) => status.includes(job.status));
      const active = any("queued", "running");
      return [
        found.map(words).join(" "), percent.toFixed(1), state, { "--done": `${percent}%` },
        !active, active || !any("paused", "failed", "cancelled"), !any("queued", "running", "paused"), active,
      ];
    },

    // Rings come a few at a time: each answer asks for the next ones. (`set_props` is used because the two stores point at one another.)
    drawMore: (drawn) => {
      if (drawn && !drawn.all) set("rings-more", { data: drawn });
      return window.dash_clientside.no_update;
    },

    explore: (click, figure) => {
      const relation = click && click.points && click.points[0].customdata;
      const link = relation && figure.layout.meta && figure.layout.meta.links[relation];
      if (link) window.location.assign(link);
      return window.dash_clientside.no_update;
    },
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-table-csv]");
    const table = button && button.closest(".figure-card").querySelector("[data-csv]");
    if (!table) return;
    const { title, columns, rows } = JSON.parse(table.dataset.csv);
    window.shatterscope.saveCsv(title, columns, rows);
  });

  // Cancelling what the page computes leaves it as it is: a run is cancelled by its own button.
  document.addEventListener("shatterscope:cancelled", (event) => { if (document.getElementById("reproduce-table")) event.preventDefault(); });
})();
