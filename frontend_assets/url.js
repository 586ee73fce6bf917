// The address bar carries the state. Once on loading, and on the browser's back and forward, the query goes to the `url-in` store;
// whenever the server has put a new query in `url-out`, it goes into the address bar. A changed model, or another run, is a
// step in the browser's history, looking around is not.
// A follower's address also names its live room (`room.js`), which is no part of the state and stays as it is.
const address = {
  parts: (room) => window.location.search.slice(1).split("&").filter((part) => part && part.startsWith("room=") === room),
  query: () => { const parts = address.parts(false); return parts.length ? "?" + parts.join("&") : ""; },
  with: (path, query) => {
    const parts = [...address.parts(true), query.replace(/^\?/, "")].filter(Boolean);
    return path + (parts.length ? "?" + parts.join("&") : "");
  },
  // The part of an address that a step in the browser's history is about.
  model: (href) => ["e", "run"].flatMap((key) => new URL(href, window.location.href).searchParams.getAll(key)).join("&"),
  tell: () => document.dispatchEvent(new CustomEvent("shatterscope:state", { detail: window.shatterscope.state() })),
  read: false, // Dash has taken the state from the address; before that there is nothing to tell it
};

window.dash_clientside = window.dash_clientside || {};
const echoes = {}; // what `shareDistance` has set, by face
window.dash_clientside.shatterscope = {
  readUrl: () => {
    address.read = true;
    return { query: address.query(), at: Date.now() };
  },

  // One address, or those of the steps that led to it.
  writeUrl: (queries) => {
    const list = [].concat(queries === undefined || queries === null ? [] : queries);
    const before = window.location.href;
    // In a lecture a step is the lesson's: Back leads to the one before, whatever was tried in between.
    const lecture = document.documentElement.dataset.lecture !== undefined;
    for (const query of list) {
      const wanted = address.with(window.location.pathname, query);
      if (wanted === window.location.pathname + window.location.search) continue;
      const step = !lecture && address.model(wanted) !== address.model(window.location.href);
      const push = step && !window.shatterscope.clicks.spare();
      window.history[push ? "pushState" : "replaceState"](step ? null : window.history.state, "", wanted);
    }
    if (window.location.href !== before) address.tell();
    return list.length ? list[list.length - 1] : "";
  },

  // The distance has three faces: the field (what the server reads), the near choice and the slider. `set_props` is used because
  // they point at one another.
  shareDistance: (near, slider, distance) => {
    const { triggered } = window.dash_clientside.callback_context;
    const set = window.dash_clientside.set_props;
    const by = triggered.length ? triggered[0].prop_id.split(".")[0] : "distance";
    // What was set here comes back as a call of its own, by then the field may have moved on: it is no wish of the person's.
    const [face, own] = by === "near" ? ["near", near] : ["distance-slider", slider];
    const echo = by !== "distance" && own !== null && own !== undefined && echoes[face] === own;
    if (by !== "distance") delete echoes[face];
    const value = echo || by === "distance" ? distance : own;
    if (value === null || value === undefined) {
      // Setting calls this again: only what differs.
      if (near !== null && near !== undefined) set("near", { value: null });
      return "";
    }
    if (by === "distance-slider" && value === Math.abs(distance)) return ""; // it follows; the sign is the field's
    if (value !== distance) set("distance", { value });
    if (near !== value) { echoes.near = value; set("near", { value }); }
    if (slider !== Math.abs(value)) { echoes["distance-slider"] = Math.abs(value); set("distance-slider", { value: Math.abs(value) }); }
    return "";
  },

  showStrength: (value) => Number(value === undefined ? 1 : value).toFixed(2),
};

// The whole state of a page is its path and its query. Whoever else drives the page (a lesson, a live room) uses these two, and
// hears of changes by the event `shatterscope:state`.
window.shatterscope = Object.assign(window.shatterscope || {}, {
  model: address.model,
  state: () => ({ path: window.location.pathname, query: address.query() }),

  // `at` names the moment: to be told of one and the same moment twice is to be told once. `push`: the browser's Back leads back from there.
  // `was` is what the controls stand at: what is done to them until the answer comes is done to what was opened.
  go: ({ path, query, at = Date.now(), push = false }) => {
    if (path !== window.location.pathname) {
      window.location.assign(address.with(path, query));
      return;
    }
    const { clicks } = window.shatterscope;
    window.history[push && !clicks.spare() ? "pushState" : "replaceState"](null, "", address.with(path, query));
    clicks.drop();
    if (address.read) window.dash_clientside.set_props("url-in", { data: { query: address.query(), at, was: clicks.screen().value } });
    address.tell();
  },
});

window.addEventListener("popstate", () => { if (!window.shatterscope.clicks.back()) window.shatterscope.go(window.shatterscope.state()); });
