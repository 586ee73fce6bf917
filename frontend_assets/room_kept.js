// What a browser keeps of live rooms, and which of its tabs drives one.
//
// The secret of a room this browser presents is in local storage until the room is over or handed over, so that a closed tab or a crash
// does not lose the room. Which room a tab is in, and how, is the tab's own. One tab drives: the one that was told to last. It is written
// down who does, and crossed out by the page that goes. What a crashed page left behind is known by the silence when it is asked.
(function () {
  const SECRETS = "shatterscope-rooms"; // id -> { token, until }
  const DRIVERS = "shatterscope-drivers"; // id -> the page that drives it
  const ANSWER = 3000; // milliseconds in which a page that is said to drive must say so itself: a busy one is slow
  const read = (storage, key) => { try { return JSON.parse(window[storage].getItem(key)); } catch { return null; } };
  const write = (storage, key, value) => { try { window[storage].setItem(key, JSON.stringify(value)); } catch { /* private window */ } };

  const secrets = () => Object.fromEntries(Object.entries(read("localStorage", SECRETS) || {}).filter(([, { until }]) => Date.parse(until) > Date.now()));
  const forget = (id) => { const { [id]: _, ...rest } = secrets(); write("localStorage", SECRETS, rest); };
  const keep = (id, token, until) => write("localStorage", SECRETS, { ...secrets(), [id]: { token, until } });

  const drawn = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const page = drawn();
  let driving = null; // the room that this page drives
  let yielded = () => {};
  const drivers = () => read("localStorage", DRIVERS) || {};
  const crossOut = (id, by) => { const { [id]: who, ...rest } = drivers(); if (who === by) write("localStorage", DRIVERS, rest); };
  const channel = window.BroadcastChannel ? new BroadcastChannel("shatterscope-rooms") : null;
  const post = (kind, id) => { if (channel) channel.postMessage({ kind, id }); };
  if (channel) {
    channel.onmessage = ({ data: { kind, id } }) => {
      if (id !== driving) return;
      if (kind === "who") post("drives", id);
      if (kind === "taken") { driving = null; yielded(); }
    };
  }
  const drive = (id) => {
    if (driving) crossOut(driving, page);
    driving = id;
    if (!id) return;
    write("localStorage", DRIVERS, { ...drivers(), [id]: page });
    post("taken", id);
  };
  window.addEventListener("pagehide", () => { if (driving) crossOut(driving, page); });
  window.addEventListener("pageshow", ({ persisted }) => { // the browser brings a left page back as it was
    if (!persisted || !driving) return;
    if (drivers()[driving]) { driving = null; yielded(); } else drive(driving);
  });

  window.shatterscope = Object.assign(window.shatterscope || {}, {
    roomKept: {
      keep,
      forget,
      secret: (id) => { const found = secrets()[id]; return found ? found.token : null; },
      newest: () => Object.keys(secrets()).pop() || null,
      tab: () => read("sessionStorage", "room"), // { id, following, driving, shown }
      setTab: (value) => write("sessionStorage", "room", value),
      voter: () => {
        const voter = read("sessionStorage", "voter") || drawn();
        write("sessionStorage", "voter", voter);
        return voter;
      },

      // This tab drives the room, or (null) none; `whenTaken` is called when another tab takes it.
      drive: (id, whenTaken = () => {}) => {
        yielded = whenTaken;
        drive(id);
      },
      drivenElsewhere: (id) => new Promise((resolve) => {
        const who = drivers()[id];
        if (!channel || !who || who === page) { resolve(false); return; }
        const done = (answer) => {
          clearTimeout(timer);
          channel.removeEventListener("message", hear);
          resolve(answer);
        };
        const hear = ({ data }) => { if (data.kind === "drives" && data.id === id) done(true); };
        const timer = setTimeout(() => { crossOut(id, who); done(false); }, ANSWER);
        channel.addEventListener("message", hear);
        post("who", id);
      }),
    },
  });
})();
