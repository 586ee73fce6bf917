// The status element: busy as soon as a callback leaves for the server, idle when the last one is back, error while a message
// about a problem stands on the page. Counting the requests themselves answers a click at once and cannot forget one.
(function () {
  let open = 0;
  let settle = null;
  let lost = "";

  function show() {
    const status = document.getElementById("status");
    if (!status) return;
    const problem = document.querySelector(".problem:not(:empty)");
    const state = open > 0 ? "busy" : lost || problem ? "error" : "idle";
    const words = { busy: "computing", idle: "ready", error: lost || "see the message" };
    status.dataset.state = state;
    document.documentElement.dataset.busy = state === "busy" ? "1" : "";
    const text = document.getElementById("status-text");
    if (text && text.textContent !== words[state]) text.textContent = words[state];
  }

  const fetch = window.fetch.bind(window);
  window.fetch = function (resource, options) {
    const url = typeof resource === "string" ? resource : resource.url;
    if (!url.includes("_dash-update-component")) return fetch(resource, options);
    open += 1;
    clearTimeout(settle);
    show();
    const done = (message) => {
      lost = message;
      open -= 1;
      // The next callback of a chain leaves within a few milliseconds: do not flicker in between.
      if (open === 0) settle = setTimeout(show, 80);
    };
    return fetch(resource, options).then(
      (response) => { done(response.status >= 500 ? "server error, try again" : ""); return response; },
      (error) => { done("server not reached: your state is kept, click again when it is back"); throw error; },
    );
  };
  window.addEventListener("load", () => setTimeout(show, 0));
})();
