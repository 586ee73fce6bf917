// A live room. The presenter's page tells the server its whole state ({path, query} and the camera); a follower's page reads the newest
// from one stream and goes there. Latest wins on both sides, so nothing is queued and nothing can fall behind.
//
// - The presenter's secret is kept by the browser (room_kept.js) and sent in a header, never in an address. A follower's address names the room.
// - Who uses a control while following is on their own until they press `room-follow`.
// - Of a lesson: `shatterscope:answer` {lesson, step, choice} is sent to the presenter, `shatterscope:counts` {lesson, step, counts} is told when the
//   presenter shows them (by the button, or by `shatterscope:reveal` {lesson, step}).
// The server is in room_stream.js, what is seen and pressed in room_seen.js.
(function () {
  const EVERY = 100; // milliseconds between two states of the presenter, at least
  const GRACE = 6000; // milliseconds that a presenter may be away without a word about it: a reload is no absence
  const OVER = ["ended", "expired"];
  const server = () => window.shatterscope.roomServer;
  const kept = () => window.shatterscope.roomKept;

  let room = null; // { id, token (the presenter's), following }
  let own = null; // a room this browser presents and this tab does not: { id, elsewhere (another tab drives it) }
  let link = ""; // how it stands: "live", "lost" or why it is over
  let people = null; // { followers, presenter }
  let absent = false; // the presenter has been away for longer than it takes to reload a page
  let hang = () => {}; // ends the stream
  let seen = null; // newest revision
  let newest = null; // newest state heard
  let appliedAt = 0; // when a state was last applied, and when somebody last touched the page
  let touchedAt = 0;
  let answers = null; // to the question at hand: the presenter's { lesson, step, counts, shown }, or a follower's own answer
  let shown = null; // the question whose counts the presenter shows

  const draw = () => document.dispatchEvent(new CustomEvent("shatterscope:room"));
  const here = (path) => server().url(room.id, path);
  const remember = () => kept().setTab(room && { id: room.id, following: room.following, driving: Boolean(room.token), shown });

  // The address of a follower names the room, a presenter's does not.
  function name(id) {
    const { path, query } = window.shatterscope.state();
    const parts = [id ? `room=${encodeURIComponent(id)}` : "", query.slice(1)].filter(Boolean);
    window.history.replaceState(window.history.state, "", path + (parts.length ? "?" + parts.join("&") : ""));
  }

  // --- in and out -------------------------------------------------------------------------------------------------------------
  function enter(next) {
    hang();
    clearTimeout(missing);
    [room, people, absent, seen, newest, answers, shown] = [next, null, false, null, null, null, next.shown || null];
    remember();
    name(room.token ? null : room.id);
    if (room.token) own = null;
    kept().drive(room.token ? room.id : null, () => {
      own = { id: next.id, elsewhere: true };
      enter({ id: next.id, token: null, following: true });
    });
    link = "live";
    draw();
    hang = server().listen({ id: room.id, token: room.token, seen: () => seen, heard, stands });
  }

  function leave(why = "") {
    if (room && (room.token || OVER.includes(why))) kept().forget(room.id);
    hang();
    clearTimeout(missing);
    [room, link] = [null, why];
    remember();
    kept().drive(null);
    window.shatterscope.camera.set(null);
    name(null);
    draw();
  }

  function stands(how) {
    if (how === "ended") { leave("ended"); return; }
    if (how === "refused") { handedOver(); return; }
    link = how;
    draw();
    if (how !== "live") return;
    if (room.token) changed(); // the server may have missed some
    else if (answers) send(answers); // or may have been started anew
  }

  function handedOver() {
    kept().forget(room.id);
    enter({ id: room.id, token: null, following: true });
  }

  // To present a room that is open already: from what it shows now, so that nobody who follows is moved.
  async function present(id, token) {
    const state = await server().snapshot(id).catch(() => null);
    const goes = state && sound(state);
    const away = goes && state.path !== window.location.pathname;
    hang();
    room = null;
    name(null);
    if (away) { // the page that opens goes on from here
      kept().setTab({ id, following: false, driving: true });
      window.shatterscope.go(state);
      return;
    }
    if (goes) {
      window.shatterscope.go(state);
      window.shatterscope.camera.set(state.camera);
    }
    enter({ id, token, following: false });
  }

  // How this page comes into a room: by its address, or because this tab was in one.
  async function begin() {
    const named = new URLSearchParams(window.location.search).get("room");
    const code = new URLSearchParams(window.location.hash.slice(1)).get("take");
    const tab = kept().tab();
    if (named && code) {
      window.history.replaceState(null, "", window.location.pathname + window.location.search);
      const response = await server().call(server().url(named, "/presenter"), "POST", { code }).catch(() => null);
      if (response && response.ok) {
        const told = await response.json();
        kept().keep(named, told.presenter_token, told.expires);
        await present(named, told.presenter_token);
        return "";
      }
      follow(named, tab);
      return response ? (await response.json()).detail : "The server was not reached: open the link again.";
    }
    const token = tab && tab.driving && !named && kept().secret(tab.id);
    // A tab that was copied brings the memory of the first one, which goes on driving.
    if (token && !await kept().drivenElsewhere(tab.id)) enter({ id: tab.id, token, following: false, shown: tab.shown });
    else if (named) follow(named, tab);
    else if (tab && !tab.driving) enter({ id: tab.id, token: null, following: false }); // a follower went to this page by hand
    else remember();
    return "";
  }
  const follow = (id, tab) => enter({ id, token: null, following: !(tab && tab.id === id && !tab.driving && !tab.following) });

  // A room that this browser presents, and perhaps no tab: it is offered, not entered.
  async function lookForOwn() {
    const id = kept().newest();
    if (!id || (room && room.token)) return;
    const response = await server().call(server().url(id), "GET").catch(() => null);
    if (response && response.status === 404) { kept().forget(id); own = null; } else own = { id, elsewhere: await kept().drivenElsewhere(id) };
    if (room && room.token) own = null; // entered meanwhile
    draw();
  }
  const takeUp = () => present(own.id, kept().secret(own.id));

  // --- what the server says ---------------------------------------------------------------------------------------------------
  let missing = null;
  function heard({ name: event, data }) {
    if (event === "state" && (seen === null || data.revision > seen)) {
      seen = data.revision;
      newest = data.state;
      if (room.following) apply(`${room.id} ${seen}`);
    } else if (event === "room") {
      clearTimeout(missing);
      const away = () => { absent = !data.presenter; draw(); };
      if (data.presenter || !people) away(); else missing = setTimeout(away, GRACE);
      people = data;
      draw();
    } else if (event === "counts") {
      if (room.token) { answers = data; atQuestion(); }
      if (data.shown) document.dispatchEvent(new CustomEvent("shatterscope:counts", { detail: { lesson: data.lesson, step: data.step, counts: data.counts } }));
    } else if (event === "end") leave(data.reason);
  }

  // --- the presenter ----------------------------------------------------------------------------------------------------------
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
        const response = await server().call(here("/state"), "PUT", { state, shown }, room.token);
        if (room !== mine) break;
        if (response.status === 404) leave("ended");
        else if (response.status === 403) handedOver();
        else if (response.status === 429 || response.status >= 500) throw new Error(String(response.status));
        else failures = 0;
        await server().pause(EVERY);
      } catch {
        dirty = true;
        await server().patience(failures);
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
  const place = () => new URLSearchParams(window.shatterscope.state().query);
  const asked = (question) => Boolean(question) && place().get("lesson") === question.lesson && Number(place().get("step") || 1) === question.step;

  // What the room answered is shown with what is true, also by a lecturer who has a clicker and no mouse.
  function atQuestion() {
    if (shown && !asked(shown)) { shown = null; remember(); }
    if (!shown && asked(answers) && place().get("reveal") === "1") reveal(answers);
    draw();
  }

  function reveal(question) {
    shown = { lesson: question.lesson, step: question.step };
    remember();
    changed();
  }

  // Each of these returns what went wrong, in words.
  async function open() {
    const response = await server().call(server().API, "POST").catch(() => null);
    const made = response && await response.json();
    if (!response || !response.ok) return made ? made.detail : "The server is not reached. Try again when it is back.";
    kept().keep(made.id, made.presenter_token, made.expires);
    enter({ id: made.id, token: made.presenter_token, following: false });
    return "";
  }

  async function end() {
    const inside = room && room.token; // the stream may say that it is over before this is answered
    const id = inside ? room.id : own.id;
    const response = await server().call(server().url(id), "DELETE", null, inside || kept().secret(id)).catch(() => null);
    if (!response || !(response.ok || response.status === 404)) return "The room could not be ended. Try again when the server is reached.";
    kept().forget(id);
    own = null;
    if (inside) leave(); else draw();
    return "";
  }

  // --- a follower -------------------------------------------------------------------------------------------------------------
  const still = (query) => query.replace(/^\?/, "").split("&").filter((part) => part && !part.startsWith("cam=")).join("&");

  const elsewhere = () => {
    const { path, query } = window.shatterscope.state();
    return !newest || path !== newest.path || still(query) !== still(newest.query);
  };

  // A presenter leads to pages of this server and nowhere else.
  const sound = ({ path, query, camera }) => /^\/(?!\/)[\w/-]*$/.test(path) && /^(\?|$)/.test(query)
    && (!camera || (Array.isArray(camera.at) && camera.at.length === 9 && camera.at.every(Number.isFinite)));

  // `at` names the moment. Pages that come to the same state of a room give it the same name, so that what they ask of the server is
  // the same to the byte, and is answered once (app/kit/serving/once.py).
  function apply(at) {
    if (!newest || !sound(newest)) return;
    const { path, query, camera } = newest;
    const now = window.shatterscope.state();
    if (elsewhere()) {
      appliedAt = performance.now();
      window.shatterscope.go({ path, query, at }); // the address keeps the room
    } else if (query !== now.query) { // only the camera: nothing to ask the server
      window.history.replaceState(window.history.state, "", `${path}?${[`room=${encodeURIComponent(room.id)}`, query.slice(1)].filter(Boolean).join("&")}`);
    }
    if (camera) window.shatterscope.camera.set(camera);
  }

  function explore() {
    if (!room || room.token || !room.following) return;
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
    const response = await server().call(here("/answers"), "POST", { ...answer, voter: kept().voter() }).catch(() => null); // a lost one is sent again with the stream
    if (response && response.status === 429 && answers === answer) { await server().pause(server().waitOf(response)); if (room && answers === answer) send(answer); }
  }

  // --- what happens on the page -----------------------------------------------------------------------------------------------
  // To answer a question is to follow; and a step that is still arriving changes the page while somebody touches it.
  for (const kind of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(kind, (event) => { if (event.isTrusted && !(event.target.closest && event.target.closest("#room, #lecture-question"))) touchedAt = performance.now(); }, true);
  }
  document.addEventListener("shatterscope:state", () => {
    if (!room) return;
    if (room.token) { atQuestion(); changed(); } else if (touchedAt > appliedAt && elsewhere()) explore(); else draw();
  });
  document.addEventListener("shatterscope:camera", () => { if (room && room.token) changed(); else explore(); });
  document.addEventListener("shatterscope:reveal", (event) => { if (room && room.token) reveal(event.detail); });
  document.addEventListener("shatterscope:answer", (event) => {
    if (!room || room.token) return;
    const { lesson, step, choice } = event.detail;
    answers = { lesson, step, choice };
    draw();
    send(answers);
    if (room.following) event.preventDefault(); // the presenter reveals
  });
  window.addEventListener("popstate", () => { touchedAt = performance.now(); explore(); });

  window.shatterscope = Object.assign(window.shatterscope || {}, {
    room: {
      now: () => ({ room, own, link, over: OVER.includes(link), people, absent, answers: asked(answers) ? answers : null, revealed: place().get("reveal") === "1" }),
      begin, lookForOwn, takeUp, open, end, leave, back, reveal,
    },
  });
})();
