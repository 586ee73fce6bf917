// The status element: busy as soon as a callback leaves for the server, idle when the last one is back, error while a message
// about a problem stands on the page. Counting the requests themselves answers a click at once and cannot forget one.
//
// The event `shatterscope:answered` tells, before the status does, that no callback is away; `shatterscope:idle` when that has been so for a moment.
//
// What takes longer than a second says so and can be cancelled: the requests are aborted, which makes the server drop the work,
// and the page goes back to the view that was last complete. A request that a newer one of the same callback has overtaken is
// aborted at once, because Dash would throw its answer away.
(function () {
  const LONG = 1000; // milliseconds
  const flights = new Set(); // of { output, controller }
  let settle = null;
  let lost = "";
  let since = null; // when the page became busy
  let ticking = null;
  let complete = null; // the query of the last complete view
  let completing = null;

  const words = { busy: "computing", idle: "ready" };

  function show() {
    const status = document.getElementById("status");
    if (!status) return;
    const problem = document.querySelector(".problem:not(:empty)");
    const state = flights.size > 0 ? "busy" : lost || problem ? "error" : "idle";
    if (state !== "busy") document.dispatchEvent(new CustomEvent("shatterscope:answered"));
    status.dataset.state = state;
    document.documentElement.dataset.busy = state === "busy" ? "1" : "";
    const text = document.getElementById("status-text");
    const said = words[state] || lost || "see the message";
    if (text && text.textContent !== said) text.textContent = said;
    clearTimeout(completing);
    if (state === "busy") {
      if (since === null) { since = Date.now(); ticking = setInterval(tick, LONG); }
    } else {
      since = null;
      clearInterval(ticking);
      // Between the links of a slow chain of callbacks the page is idle for a moment, which is not yet a complete view.
      completing = setTimeout(() => {
        if (state === "idle") complete = window.shatterscope.state().query;
        document.dispatchEvent(new CustomEvent("shatterscope:idle"));
      }, 300);
    }
    tick();
  }

  // Before anything was complete there is only the unedited model to go back to, which is what a bare address shows.
  function before() {
    if (complete !== null) return complete;
    const asked = new URLSearchParams(window.shatterscope.state().query);
    const checkpoint = asked.get("c");
    asked.delete("c");
    return asked.size ? (checkpoint ? "?" + new URLSearchParams({ c: checkpoint }) : "?") : null;
  }

  function tick() {
    const seconds = since === null ? 0 : Math.floor((Date.now() - since) / 1000);
    const time = document.getElementById("status-time");
    const button = document.getElementById("cancel");
    if (time) time.textContent = seconds ? `${seconds} s` : "";
    if (button) button.hidden = !seconds || before() === null;
  }

  // A page that can do better than go back says so by preventing the event's default.
  function cancel() {
    const back = before();
    flights.forEach((flight) => flight.controller.abort());
    if (!document.dispatchEvent(new CustomEvent("shatterscope:cancelled", { cancelable: true }))) return;
    window.dash_clientside.set_props("url-in", { data: { query: back, at: Date.now(), cancelled: true } });
  }

  const nothing = () => new Response(null, { status: 204 }); // for Dash: no update
  const fetch = window.fetch.bind(window);
  window.fetch = function (resource, options) {
    const url = typeof resource === "string" ? resource : resource.url;
    if (!url.includes("_dash-update-component")) return fetch(resource, options);
    const asked = JSON.parse(options.body);
    const output = asked.output + JSON.stringify(asked.outputs); // of a pattern: which of its callbacks
    flights.forEach((flight) => { if (flight.output === output) flight.controller.abort(); });
    // Of clicks that could not be told the page says that they were not done.
    const clicks = (asked.inputs || []).some((input) => input.id === "clicks");
    const flight = { output, controller: new AbortController() };
    flights.add(flight);
    clearTimeout(settle);
    show();
    const done = (message) => {
      flights.delete(flight);
      if (message !== null) lost = message;
      // The next callback of a chain leaves within a few milliseconds: do not flicker in between.
      if (flights.size === 0) settle = setTimeout(show, 80);
    };
    return fetch(resource, { ...options, signal: flight.controller.signal }).then(
      (response) => {
        if (response.status >= 500 && clicks) window.shatterscope.clicks.drop();
        done(response.status >= 500 ? "server error, try again" : "");
        return response;
      },
      (error) => {
        if (flight.controller.signal.aborted) { done(null); return nothing(); }
        if (clicks) window.shatterscope.clicks.drop();
        done("server not reached: your state is kept, click again when it is back");
        throw error;
      },
    );
  };
  document.addEventListener("shatterscope:problem", show);
  // A page that asks nothing of the server is ready as soon as it stands.
  const first = () => (document.getElementById("status") ? show() : setTimeout(first, 50));
  window.addEventListener("load", first);
  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#cancel")) cancel();
  });
})();
