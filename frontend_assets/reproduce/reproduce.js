// The Reproduce page in the browser: server-sent events of its jobs drive the progress bar and, every few seconds, the tables; a
// picture of a ring leads to Explore; tables can be saved.
//
// Where the events cannot be had (the page is pointed at an API elsewhere, or too many follow) the page polls through its own server.
import { answers, nothing, set } from "../kit/dash.js";
import { closest } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { saveCsv } from "../kit/save.js";

/**
 * @typedef {object} Job
 * @property {string} status
 * @property {number} done rows
 * @property {number} total rows
 * @property {number} [rate] rows a second
 * @property {number | null} [eta] seconds
 * @property {string} [error]
 * @property {{ sequence?: unknown }} [request]
 */

/** @typedef {{ jobs: string[] } | null} Run */

const REFRESH = 4000; // milliseconds between two computations of the tables
const ENDED = ["done", "cancelled", "failed"];
/** @type {Map<string, EventSource>} */
const sources = new Map();
/** @type {Record<string, Job>} */
let known = {}; // jobs by id, as last told
/** @type {unknown} */
let steered = null;
let drawn = ""; // what the tables were last computed from
let last = 0;
/** @type {number | undefined} */
let timer;

/** @param {string} id */
function open(id) {
  const source = new EventSource(`/api/v1/jobs/${encodeURIComponent(id)}/events`);
  sources.set(id, source);
  const take = (/** @type {MessageEvent} */ event) => { known = { ...known, [id]: JSON.parse(event.data) }; set("reproduce-jobs", { data: known }); };
  const close = () => { source.close(); if (sources.get(id) === source) sources.delete(id); };
  source.addEventListener("progress", take);
  source.addEventListener("end", (event) => { take(event); close(); });
  // The browser connects anew by itself, unless it was refused.
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) { close(); set("reproduce-poll", { disabled: false }); } });
}

/**
 * @param {Record<string, Job>} jobs
 * @param {string[]} wanted
 */
function tick(jobs, wanted) {
  const state = JSON.stringify(wanted.map((id) => [id, jobs[id] && jobs[id].done, jobs[id] && ENDED.includes(jobs[id].status)]));
  if (state === drawn) return;
  const now = () => { drawn = state; last = Date.now(); set("reproduce-tick", { data: last }); };
  const over = wanted.every((id) => jobs[id] && ENDED.includes(jobs[id].status));
  clearTimeout(timer);
  if (over || Date.now() - last >= REFRESH) now();
  else timer = setTimeout(now, REFRESH - (Date.now() - last));
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {Job} job */
function words(job) {
  const name = job.request && job.request.sequence ? "Sequences" : "Single edits";
  const count = `${job.done} of ${job.total} rows`;
  if (job.status === "running") {
    const pace = job.rate ? `, ${job.rate >= 10 ? Math.round(job.rate) : job.rate.toFixed(1)} a second` : "";
    return `${name}: ${count}${pace}${job.eta !== null && job.eta !== undefined ? `, ${duration(job.eta)} left` : ""}.`;
  }
  /** @type {Record<string, string>} */
  const said = { queued: "waiting", paused: `paused at ${count}`, cancelled: `cancelled, ${count} are kept`, failed: `stopped at ${count}: ${job.error}`, done: `all ${job.total} rows` };
  return `${name}: ${said[job.status]}.`;
}

/** @param {Job[]} found */
function stateOf(found) {
  const some = (/** @type {string} */ status) => found.some((job) => job.status === status);
  for (const status of ["running", "failed", "paused", "queued"]) if (some(status)) return status;
  return some("cancelled") ? "cancelled" : "done";
}

answers("reproduce", {
  // Follows the run's jobs, and no others; returns whether there is nothing to follow.
  follow: (/** @type {Run} */ run, again) => {
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

  progress: (/** @type {Record<string, Job> | null} */ jobs, /** @type {Run} */ run) => {
    const none = nothing();
    const wanted = run ? run.jobs : [];
    const found = wanted.flatMap((id) => jobs?.[id] ?? []);
    if (!jobs || !found.length) return [wanted.length ? "" : none, "0", "none", { "--done": "0%" }, true, true, true, false];
    tick(jobs, wanted);
    const done = found.reduce((sum, job) => sum + job.done, 0);
    const total = found.reduce((sum, job) => sum + job.total, 0);
    const percent = total ? (100 * done) / total : 0;
    const state = stateOf(found);
    const any = (/** @type {string[]} */ ...status) => found.some((job) => status.includes(job.status));
    const active = any("queued", "running");
    return [
      found.map(words).join(" "), percent.toFixed(1), state, { "--done": `${percent}%` },
      !active, active || !any("paused", "failed", "cancelled"), !any("queued", "running", "paused"), active,
    ];
  },

  // Rings come a few at a time: each answer asks for the next ones. (`set` is used because the two stores point at one another.)
  drawMore: (drawn) => {
    if (drawn && !drawn.all) set("rings-more", { data: drawn });
    return nothing();
  },

  explore: (click, figure) => {
    const relation = click && click.points && click.points[0].customdata;
    const link = relation && figure.layout.meta && figure.layout.meta.links[relation];
    if (link) window.location.assign(link);
    return nothing();
  },
});

document.addEventListener("click", (event) => {
  const card = closest(event, "[data-table-csv]")?.closest(".figure-card");
  const table = /** @type {HTMLElement | null | undefined} */ (card?.querySelector("[data-csv]"));
  if (!table?.dataset.csv) return;
  const { title, columns, rows } = JSON.parse(table.dataset.csv);
  saveCsv(title, columns, rows);
});

// Cancelling what the page computes leaves it as it is: a run is cancelled by its own button.
hear("cancelled", (_, event) => event.preventDefault());
