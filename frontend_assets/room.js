// A live room. The presenter's page tells the server its whole state ({path, query} and the camera); a follower's page reads the newest
// from one stream and goes there. Latest wins on both sides, so nothing is queued and nothing can fall behind.
//
// - The presenter's secret lives in this tab's session storage and in a header, never in an address. A follower's address names the room.
// - The stream is read by `fetch`, which unlike EventSource can carry the secret, tells an ended room from a lost connection, and notices one
//   that has silently died.
// - Who uses a control while following is on their own until they press `room-follow`.
// - Of a lesson: `shatterscope:answer` {lesson, step, choice} is sent to the presenter, `shatterscope:counts` {lesson, step, counts} is told when the
//   presenter shows them (by the button, or by `shatterscope:reveal` {lesson, step}).
(function () {
  const API = "/api/v1/rooms";
  const EVERY = 100; // milliseconds between two states of the presenter, at least
  const SILENCE = 40000; // milliseconds after which a stream is dead; the server breaks silence every 15 s
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  // --- what this tab remembers --------------------------------------------------------------------------------------------
  const load = (key) => { try { return JSON.parse(window.sessionStorage.getItem(key)); } catch { return null; } };
  const save = (key, value) => { try { window.sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* private window */ } };
  const secret = (id) => load(`room-secret:${id}`);

  let room = null; // { id, token (the presenter's), following }
  let link = ""; // how it stands: "live", "lost" or why it is over
  let people = null; // { followers, presenter }
  let stream = null; // AbortController of the stream
  let seen = null; // newest revision
  let newest = null; // newest state heard
  let appliedAt = 0; // when a state was last applied, and when somebody last touched the page
  let touchedAt = 0;
  let answers = null; // to the question at hand: the presenter's { lesson, step, counts, shown }, or a follower's own answer
  let trouble = ""; // what went wrong, said in Share
  let shown = null; // the question whose counts the presenter shows

  function remember() {
    save("room", room && { id: room.id, following: room.following });
    if (room && room.token) save(`room-secret:${room.id}`, room.token);
  }

  // The address of a follower names the room, a presenter's does not.
  function name(id) {
    const { path, query } = window.shatterscope.state();
    const parts = [id ? `room=${encodeURIComponent(id)}` : "", query.slice(1)].filter(Boolean);
    window.history.replaceState(window.history.state, "", path + (parts.length ? "?" + parts.join("&") : ""));
  }

  // --- the server -----------------------------------------------------------------------------------------------------------
  const call = (path, method, body, token) => window.fetch(API + path, {
    method,
    headers: { ...(body ? { "Content-Type": "application/json" } : {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    body: body ? JSON.stringify(body) : undefined,
    keepalive: method === "PUT",
  });
  const here = (path = "") => `/${encodeURIComponent(room.id)}${path}`;
  const waitOf = (response) => 1000 * (Number(response.headers.get("Retry-After")) || 2);

  // After a failure: longer each time, a little different in each of many pages, and at once when the network is back.
  const patience = (failures) => new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(400 * 2 ** failures, 8000) * (0.6 + 0.8 * Math.random()));
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", done); // a phone taken out of the pocket
  });

  async function* events(response, alive) {
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const event = {};
        for (const line of part.split("\n")) {
          const colon = line.indexOf(": ");
          if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
        }
        if (event.event) yield { name: event.event, data: JSON.parse(event.data) };
      }
    }
  }

  async function listen() {
    const mine = room;
    let failures = 0;
    while (room === mine) {
      const { token } = room;
      let watch = null;
      stream = new AbortController();
      const { signal } = stream;
      const alive = ((controller) => () => { clearTimeout(watch); watch = setTimeout(() => controller.abort(), SILENCE); })(stream);
      try {
        alive();
        const headers = token ? { Authorization: `Bearer ${token}` } : seen === null ? {} : { "Last-Event-ID": String(seen) };
        const response = await window.fetch(API + here("/events"), { headers, signal, cache: "no-store" });
        if (room !== mine) return;
        if (response.status === 404) { leave("ended"); return; }
        if (response.status === 403 && token) { handedOver(); return; }
        if (response.status === 429) { stands("lost"); await pause(waitOf(response)); continue; }
        if (!response.ok) throw new Error(String(response.status));
        failures = 0;
        stands("live");
        if (token) changed(); // the server may have missed some
        else if (answers) send(answers); // or may have been started anew
        for await (const event of events(response, alive)) {
          if (room !== mine) return;
          hear(event);
        }
      } catch { /* the next round tries again */ } finally { clearTimeout(watch); }
      if (room !== mine) return;
      stands("lost");
      await patience(failures);
      failures += 1;
    }
  }
  window.addEventListener("offline", () => { if (stream) stream.abort(); });

  function hear({ name: event, data }) {
    if (event === "state" && (seen === null || data.revision > seen)) {
      seen = data.revision;
      newest = data.state;
      if (room.following) apply();
    } else if (event === "room") {
      people = data;
      draw();
    } else if (event === "counts") {
      if (room.token) { answers = data; draw(); }
      if (data.shown) document.dispatchEvent(new CustomEvent("shatterscope:counts", { detail: { lesson: data.lesson, step: data.step, counts: data.counts } }));
    } else if (event === "end") leave(data.reason);
  }

  // --- the presenter --------------------------------------------------------------------------------------------------------
  let dirty = false;
  let sending = false;
  function changed() {
    dirty = true;
    if (!sending) pump();
  }

  async function pump() {
    const mine = room;
    let failures = 0;
    sending = true;
    while (dirty && room === mine && room.token) {
      dirty = false;
      const { path, query } = window.shatterscope.state();
      const state = { path, query, camera: window.shatterscope.camera.get() };
      told = JSON.stringify(state.camera);
      try {
        const response = await call(here("/state"), "PUT", { state, shown }, room.token);
        if (room !== mine) break;
        if (response.status === 404) leave("ended");
        else if (response.status === 403) handedOver();
        else if (response.status === 429 || response.status >= 500) throw new Error(String(response.status));
        else failures = 0;
        await pause(EVERY);
      } catch {
        dirty = true;
        await patience(failures);
        failures += 1;
      }
    }
    sending = false;
    if (dirty && room && room.token) pump(); // of a room opened meanwhile
  }

  // What moves the camera but a hand (a lesson, the keyboard) tells nobody, so it is looked at.
  let told = "null";
  setInterval(() => {
    if (room && room.token && JSON.stringify(window.shatterscope.camera.get()) !== told) changed();
  }, 200);

  // Counts stand for one question: they are hidden again when the lesson goes on.
  function leaveQuestion() {
    const at = new URLSearchParams(window.shatterscope.state().query);
    const left = (question) => question && (at.get("lesson") !== question.lesson || Number(at.get("step") || 1) !== question.step);
    if (left(shown)) shown = null;
    if (left(answers)) { answers = null; draw(); }
  }

  function reveal(question) {
    shown = { lesson: question.lesson, step: question.step };
    changed();
  }

  async function open() {
    const response = await call("", "POST");
    if (!response.ok) { complain((await response.json()).detail); return; }
    const made = await response.json();
    enter({ id: made.id, token: made.presenter_token, following: false });
  }

  async function offer() {
    const response = await call(here("/handover"), "POST", null, room.token);
    const told = await response.json();
    if (!response.ok) { complain(told.detail); return; }
    const field = byId("room-offer");
    field.hidden = false;
    field.textContent = `For the next presenter alone, once, within ${Math.round(told.seconds / 60)} minutes: `;
    const anchor = document.createElement("a");
    anchor.href = anchor.textContent = told.url;
    field.append(anchor);
    copy(told.url, byId("room-handover"));
  }

  // --- a follower -------------------------------------------------------------------------------------------------------------
  const still = (query) => query.replace(/^\?/, "").split("&").filter((part) => part && !part.startsWith("cam=")).join("&");

  // A presenter leads to pages of this server and nowhere else.
  const sound = ({ path, query, camera }) => /^\/(?!\/)[\w/-]*$/.test(path) && /^(\?|$)/.test(query)
    && (!camera || (Array.isArray(camera.at) && camera.at.length === 9 && camera.at.every(Number.isFinite)));

  function apply() {
    if (!newest || !sound(newest)) return;
    const { path, query, camera } = newest;
    const now = window.shatterscope.state();
    if (path !== now.path || still(query) !== still(now.query)) {
      appliedAt = performance.now();
      window.shatterscope.go({ path, query }); // the address keeps the room
    } else if (query !== now.query) { // only the camera: nothing to ask the server
      window.history.replaceState(window.history.state, "", `${path}?${[`room=${encodeURIComponent(room.id)}`, query.slice(1)].filter(Boolean).join("&")}`);
    }
    if (camera) window.shatterscope.camera.set(camera);
  }

  function explore() {
    if (!room || room.token || !room.following || link === "ended" || link === "expired") return;
    room.following = false;
    window.shatterscope.camera.set(null);
    remember();
    draw();
  }

  function back() {
    room.following = true;
    remember();
    draw();
    apply();
  }

  async function send(answer) {
    const { following, ...body } = answer;
    const response = await call(here("/answers"), "POST", { ...body, voter: voter() }).catch(() => null); // a lost one is sent again with the stream
    if (response && response.status === 429 && answers === answer) { await pause(waitOf(response)); if (room && answers === answer) send(answer); }
  }

  function voter() {
    const drawn = load("voter") || [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    save("voter", drawn);
    return drawn;
  }

  // --- in and out -------------------------------------------------------------------------------------------------------------
  function enter(next) {
    leaveStream();
    [room, people, seen, newest, answers, shown] = [next, null, null, null, null, null];
    remember();
    name(room.token ? null : room.id);
    stands("live");
    listen();
    if (room.token) invite();
  }

  function leaveStream() {
    room = null;
    if (stream) stream.abort();
  }

  function leave(why = "") {
    if (room) save(`room-secret:${room.id}`, null);
    leaveStream();
    window.shatterscope.camera.set(null);
    remember();
    name(null);
    stands(why);
  }

  function handedOver() {
    const { id } = room;
    save(`room-secret:${id}`, null);
    enter({ id, token: null, following: true });
  }

  async function end() {
    const response = await call(here(), "DELETE", null, room.token).catch(() => null);
    if (response && (response.ok || response.status === 404)) leave(); else complain("The room could not be ended. Try again when the server is reached.");
  }

  // How this page comes into a room: by its address, or because this tab was in one.
  async function begin() {
    const asked = new URLSearchParams(window.location.search).get("room");
    const code = new URLSearchParams(window.location.hash.slice(1)).get("take");
    const kept = load("room");
    const id = asked || (kept && kept.id);
    if (!id) return;
    let token = secret(id);
    if (code) {
      window.history.replaceState(null, "", window.location.pathname + window.location.search);
      const response = await call(`/${encodeURIComponent(id)}/presenter`, "POST", { code }).catch(() => null);
      if (response && response.ok) token = (await response.json()).presenter_token;
      else complain(response ? (await response.json()).detail : "The server was not reached: open the link again.");
    }
    // Without the room in the address, a follower went to this page by hand.
    const following = !token && Boolean(asked) && !(kept && kept.id === id && !kept.following);
    enter({ id, token, following });
  }

  // --- what is seen -----------------------------------------------------------------------------------------------------------
  const OVER = { ended: "The live room has ended", expired: "The live room has ended: its day is over" };
  const show = (id, visible) => { byId(id).hidden = !visible; };
  const say = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };

  function stands(next) {
    link = next;
    draw();
  }

  function draw() {
    if (!byId("room")) return;
    if (trouble && trouble !== byId("room-problem").textContent) byId("share").open = true;
    say("room-problem", trouble);
    const over = link in OVER;
    const presenting = Boolean(room && room.token);
    const role = over ? "over" : !room ? "" : presenting ? "presenter" : room.following ? "follower" : "explorer";
    if (role) root.dataset.room = role; else delete root.dataset.room;
    root.dataset.roomLink = link;
    show("room", Boolean(role));
    show("room-start", !presenting);
    show("room-invite", presenting);
    if (!role) return;
    const words = {
      over: OVER[link], presenter: "Live", explorer: "On your own",
      follower: people && !people.presenter ? "Waiting for the presenter" : "Live",
    };
    say("room-words", link === "lost" ? "Reconnecting" : words[role]);
    say("room-followers", people && !over ? `${people.followers} following` : "");
    show("room-follow", role === "explorer");
    show("room-leave", true);
    const given = presenting && answers ? answers.counts.reduce((sum, each) => sum + each, 0) : 0;
    show("room-answers", given > 0 && !answers.shown);
    say("room-answers", `Show ${given} answer${given === 1 ? "" : "s"}`);
    if (!byId("room-leave").dataset.sure) say("room-leave", over ? "Close" : presenting ? "End" : "Leave");
  }

  async function invite() {
    const mine = room;
    const told = await call(here(), "GET").then((response) => response.json(), () => null);
    if (room !== mine || !told || !told.audience_url || !byId("room-link")) return;
    byId("room-link").href = told.audience_url;
    say("room-link", told.audience_url.replace(/^https?:\/\//, ""));
    byId("room-qr").src = `${API}${here("/qr.svg")}`;
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(new URL(told.audience_url).hostname);
    say("room-reach", local ? "This address works on this computer alone. For other devices, serve with --host 0.0.0.0 and open this page by the computer's address in the network." : "");
  }

  function complain(text) {
    trouble = text;
    draw();
  }

  async function copy(text, button) {
    const before = button.textContent;
    try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { window.prompt("Copy this link", text); return; }
    setTimeout(() => { button.textContent = before; }, 1400);
  }

  // --- what is heard ----------------------------------------------------------------------------------------------------------
  const presses = {
    "room-create": open,
    "room-follow": back,
    "room-handover": offer,
    "room-answers": () => reveal(answers),
    "room-copy": (button) => copy(byId("room-link").href, button),
    "room-leave": (button) => {
      if (!room || !room.token) { leave(); return; }
      if (button.dataset.sure) { delete button.dataset.sure; end(); return; }
      button.dataset.sure = "1";
      button.textContent = "End for everyone?";
      setTimeout(() => { delete button.dataset.sure; draw(); }, 4000);
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (button && presses[button.id]) { trouble = ""; draw(); presses[button.id](button); }
  });

  for (const kind of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(kind, (event) => { if (event.isTrusted && !(event.target.closest && event.target.closest("#room"))) touchedAt = performance.now(); }, true);
  }
  document.addEventListener("shatterscope:state", () => {
    if (!room) return;
    if (room.token) { leaveQuestion(); changed(); } else if (touchedAt > appliedAt) explore();
  });
  document.addEventListener("shatterscope:camera", () => { if (room && room.token) changed(); else explore(); });
  document.addEventListener("shatterscope:reveal", (event) => { if (room && room.token) reveal(event.detail); });
  document.addEventListener("shatterscope:answer", (event) => {
    if (!room || room.token) return;
    const { lesson, step, choice } = event.detail;
    answers = { lesson, step, choice };
    send(answers);
    if (room.following) event.preventDefault(); // the presenter reveals
  });
  window.addEventListener("popstate", () => { touchedAt = performance.now(); explore(); });

  // The header comes with Dash, and the address must name the room before Dash reads it.
  window.addEventListener("load", () => {
    begin();
    const wait = () => { if (!byId("room")) { setTimeout(wait, 50); return; } draw(); if (room && room.token) invite(); };
    wait();
  });
})();
