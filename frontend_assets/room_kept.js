// What a browser keeps of live rooms, and which of its tabs drives one.
//
// The secret of a room this browser presents is in local storage until the room is over or handed over, so that a closed tab or a crash
// does not lose the room. Which room a tab is in, and how, is the tab's own. One tab drives: a page that opens asks the others first,
// and the tab that was told to drive last is the one that does.
(function () {
  const SECRETS = "shatterscope-rooms"; // id -> { token, until }
  const ANSWER = 250; // milliseconds in which another tab says that it drives
  const read = (storage, key) => { try { return JSON.parse(window[storage].getItem(key)); } catch { return null; } };
  const write = (storage, key, value) => { try { window[storage].setItem(key, JSON.stringify(value)); } catch { /* private window */ } };

  const secrets = () => Object.fromEntries(Object.entries(read("localStorage", SECRETS) || {}).filter(([, { until }]) => Date.parse(until) > Date.now()));
  const forget = (id) => { const { [id]: _, ...rest } = secrets(); write("localStorage", SECRETS, rest); };
  const keep = (id, token, until) => write("localStorage", SECRETS, { ...secrets(), [id]: { token, until } });

  let driving = null; // the room that this tab drives
  let yielded = () => {};
  let answered = () => {};
  const channel = window.BroadcastChannel ? new BroadcastChannel("shatterscope-rooms") : null;
  const post = (kind, id) => { if (channel) channel.postMessage({ kind, id }); };
  if (channel) {
    channel.onmessage = ({ data: { kind, id } }) => {
      if (kind === "drives") answered(id);
      if (id !== driving) return;
      if (kind === "who") post("drives", id);
      if (kind === "taken") { driving = null; yielded(); }
    };
  }

  window.shatterscope = Object.assign(window.shatterscope || {}, {
    roomKept: {
      keep,
      forget,
      secret: (id) => { const found = secrets()[id]; return found ? found.token : null; },
      newest: () => Object.keys(secrets()).pop() || null,
      tab: () => read("sessionStorage", "room"), // { id, following, driving, shown }
      setTab: (value) => write("sessionStorage", "room", value),
      voter: () => {
        const drawn = read("sessionStorage", "voter") || [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        write("sessionStorage", "voter", drawn);
        return drawn;
      },

      // This tab drives the room, or (null) none; `whenTaken` is called when another tab takes it.
      drive: (id, whenTaken = () => {}) => {
        [driving, yielded] = [id, whenTaken];
        if (id) post("taken", id);
      },
      drivenElsewhere: (id) => new Promise((resolve) => {
        if (!channel) { resolve(false); return; }
        const timer = setTimeout(() => resolve(false), ANSWER);
        answered = (told) => { if (told === id) { clearTimeout(timer); resolve(true); } };
        post("who", id);
      }),
    },
  });
})();
