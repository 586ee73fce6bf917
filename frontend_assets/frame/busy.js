// The status element: busy as soon as a callback leaves for the server, idle when Dash has no callback left and the last answer stands on the
// page, error while a message about a problem does. That no request is away says nothing: on a slow line or machine the next link of a chain of
// callbacks leaves long after the one before has come.
//
// What takes longer than a second says so and can be cancelled: the requests are aborted, which makes the server drop the work,
// and the page goes back to the view that was last complete. A request that a newer one of the same callback has overtaken is
// aborted at once, because Dash would throw its answer away.
import { params, state } from "../address/address.js";
import { drop } from "../address/clicks.js";
import { afterPending, data, noUpdate, pending, set, throughCallbacks } from "../kit/dash.js";
import { closest, find, root } from "../kit/dom.js";
import { hear, tell } from "../kit/events.js";

const LONG = 1000; // milliseconds
const WORDS = { busy: "computing", idle: "ready", error: "" };
/** @type {Set<{ output: string, controller: AbortController }>} */
const flights = new Set();
/** @type {number | undefined} */
let settle;
let lost = "";
/** @type {number | null} */
let since = null; // when the page became busy
/** @type {number | undefined} */
let ticking;
/** @type {string | null} */
let complete = null; // the query of the last complete view

function show() {
  const status = find("status");
  if (!status) return;
  const problem = document.querySelector(".problem:not(:empty)");
  const now = pending() ? "busy" : lost || problem ? "error" : "idle";
  if (now !== "busy") tell("answered");
  status.dataset.state = now;
  root.dataset.busy = now === "busy" ? "1" : "";
  const text = find("status-text");
  const said = WORDS[now] || lost || "see the message";
  if (text && text.textContent !== said) text.textContent = said;
  if (now === "busy") {
    if (since === null) { since = Date.now(); ticking = setInterval(tick, LONG); }
  } else {
    since = null;
    clearInterval(ticking);
    if (now === "idle") complete = state().query;
    tell("idle");
  }
  tick();
}

// Before anything was complete there is only the unedited model to go back to, which is what a bare address shows; and before the page knows
// what its address asks for, nothing that Redo could try again.
function before() {
  if (complete !== null) return complete;
  if ((data("url-out") ?? null) === null) return null;
  const asked = params();
  const checkpoint = asked.get("c");
  asked.delete("c");
  return asked.size ? (checkpoint ? `?${new URLSearchParams({ c: checkpoint })}` : "?") : null;
}

function tick() {
  const seconds = since === null ? 0 : Math.floor((Date.now() - since) / 1000);
  const time = find("status-time");
  const button = find("cancel");
  if (time) time.textContent = seconds ? `${seconds} s` : "";
  if (button) button.hidden = !seconds || before() === null;
}

function cancel() {
  const query = before();
  flights.forEach((flight) => flight.controller.abort());
  if (tell("cancelled")) set("url-in", { data: { query, at: Date.now(), cancelled: true } });
}

throughCallbacks(({ output, inputs }, send) => {
  flights.forEach((flight) => { if (flight.output === output) flight.controller.abort(); });
  const clicks = inputs.includes("clicks"); // of clicks that could not be told the page says that they were not done
  const flight = { output, controller: new AbortController() };
  flights.add(flight);
  show();
  /** @param {string | null} message */
  const done = (message) => {
    flights.delete(flight);
    if (message !== null) lost = message;
  };
  return send(flight.controller.signal).then(
    (response) => {
      if (response.status >= 500 && clicks) drop();
      done(response.status >= 500 ? "server error, try again" : "");
      return response;
    },
    (error) => {
      if (flight.controller.signal.aborted) { done(null); return noUpdate(); }
      if (clicks) drop();
      done("server not reached: your state is kept, click again when it is back");
      throw error;
    },
  );
});
hear("problem", show);
// A page that asks nothing of the server is ready as soon as it stands.
function first() {
  if (!find("status")) { setTimeout(first, 50); return; }
  show();
  // Before that React puts the answer on the page, and what this sets off outside of Dash (an unfolded panel asks for its content) leaves.
  afterPending(() => { clearTimeout(settle); settle = setTimeout(show, 80); });
}
window.addEventListener("load", first);
document.addEventListener("click", (event) => { if (closest(event, "#cancel")) cancel(); });
