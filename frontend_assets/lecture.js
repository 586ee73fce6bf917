// The lecture: a lesson told over the living page. Its place (lesson, step, reveal) is in the address, so a step is a change of the
// address and nothing else; links, rooms and the browser's reload know it without being told.
//
// A question's answer is told by `shatterscope:answer` {lesson, step, choice} on document. Where nobody prevents its default, it
// reveals. Counts to show beside the choices come by `shatterscope:counts` {lesson, step, counts}, choices counted from 0.
// Speaker notes are a window of their own (lecture_notes.js), in step both ways by a BroadcastChannel.
(function () {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const AHEAD = 3; // steps that are prepared while one is shown
  const PATIENCE = 600; // milliseconds that a step's looks wait for its drawing

  // --- places ---------------------------------------------------------------------------------------------------------
  const place = (query) => {
    const found = new URLSearchParams(query);
    const step = Number.parseInt(found.get("step") || "1", 10);
    return { lesson: found.get("lesson"), step: Number.isFinite(step) ? step : 1, revealed: found.get("reveal") === "1" };
  };
  const here = () => place(window.location.search);
  const OWN = ["lesson", "step", "reveal", "room", "h"];
  const view = (query) => {
    const kept = new URLSearchParams();
    new URLSearchParams(query).forEach((value, key) => { if (!OWN.includes(key)) kept.append(key, value); });
    return kept.toString();
  };

  let lesson = null; // as the server told it
  let shown = null; // the place on screen
  let answers = {}; // step -> the choice of the person here
  let counts = {}; // step -> counts of the room
  let early = null; // counts of a lesson that is still on its way, for who comes late
  let hidden = []; // elements that a step made inert
  const active = () => root.dataset.lecture !== undefined;
  const stepAt = (at) => lesson && lesson.steps[at.step - 1];
  const queryAt = (at) => { const step = stepAt(at); return at.revealed && step.reveal ? step.reveal.query : step.query; };

  function go(step, revealed = false) {
    if (!lesson) return;
    const number = Math.min(Math.max(step, 1), lesson.steps.length);
    const at = { lesson: lesson.id, step: number, revealed: revealed && Boolean(lesson.steps[number - 1].reveal) };
    window.shatterscope.go({ path: window.location.pathname, query: `?${queryAt(at)}` });
    render(at);
  }

  const next = () => {
    const step = shown && stepAt(shown);
    if (!step) return;
    if (step.question && !shown.revealed) go(shown.step, true);
    else if (shown.step < lesson.steps.length) go(shown.step + 1);
  };
  // Backwards a question stands answered: it has been asked.
  const previous = () => {
    if (!shown) return;
    if (shown.revealed) go(shown.step, false);
    else if (shown.step > 1) go(shown.step - 1, true);
  };
  const changed = () => view(window.location.search) !== view(queryAt(shown));

  function leave() {
    const query = view(window.location.search);
    window.shatterscope.go({ path: window.location.pathname, query: query ? `?${query}`.replaceAll("%7E", "~").replaceAll("%3A", ":") : "" });
    close();
  }

  // --- showing --------------------------------------------------------------------------------------------------------
  const PARTS = {
    ask: ".rail .ask", change: ".rail .change", stack: ".stack-bar", strength: ".strength", history: ".stack-tools > button",
    before: ".scene.before", after: ".scene.after", captions: ".scene-caption", words: ".scene-words", legend: ".legend",
    see: ".see-bar", r: ".r-panel", accuracy: ".accuracy-panel",
  };
  const elements = (part) => [...document.querySelectorAll(PARTS[part])];

  function open() {
    const began = !active();
    root.dataset.lecture = "";
    byId("lecture").hidden = false;
    if (began) {
      dressNow();
      byId("lecture-text").focus({ preventScroll: true });
    }
  }

  function close() {
    if (!active()) return;
    blank(false);
    clearTimeout(changing);
    coming = null;
    delete root.dataset.lecture;
    delete root.dataset.lectureHide;
    hidden.forEach((element) => { element.inert = false; });
    hidden = [];
    byId("lecture").hidden = true;
    shown = null;
    if (document.fullscreenElement) document.exitFullscreen();
    dressNow();
    tell();
    const start = byId("lecture-start");
    if (start) start.focus({ preventScroll: true });
  }

  // What a step hides makes the scenes larger or smaller, so that they are drawn again. It comes with the step's own drawing, or, where there is
  // nothing new to draw, when the page is ready.
  let coming = null; // the place whose looks are still to come
  let changing = null;
  function looks() {
    clearTimeout(changing);
    if (!coming) return;
    const at = coming;
    coming = null;
    const step = stepAt(at);
    const { hide, lock } = at.revealed && step.reveal ? step.reveal : step;
    root.dataset.lectureHide = hide.join(" ");
    hidden.forEach((element) => { element.inert = false; });
    hidden = lock.flatMap(elements);
    hidden.forEach((element) => { element.inert = true; });
  }

  function looksNow() {
    const bare = without("new");
    looks();
    if (bare !== without("new")) dressNow();
  }

  function render(at) {
    const step = stepAt(at);
    if (!step) return;
    const began = !shown;
    open();
    const same = shown && shown.step === at.step && shown.revealed === at.revealed;
    shown = at;
    coming = at;
    clearTimeout(changing);
    if (began) looksNow(); else changing = setTimeout(looksNow, PATIENCE);
    if (!same) {
      byId("lecture-title").textContent = step.title;
      byId("lecture-body").innerHTML = step.html;
      ask(step);
      const answer = byId("lecture-reveal");
      answer.hidden = !at.revealed;
      answer.innerHTML = at.revealed && step.reveal ? step.reveal.html : "";
      byId("lecture-text").scrollTop = 0;
      if (at.revealed) answer.scrollIntoView({ block: "nearest" });
      const last = at.step === lesson.steps.length && !(step.question && !at.revealed);
      byId("lecture-step").textContent = `${at.step} / ${lesson.steps.length}`;
      byId("lecture-step").setAttribute("aria-label", `step ${at.step} of ${lesson.steps.length}`);
      byId("lecture-prev").disabled = at.step === 1 && !at.revealed;
      byId("lecture-next").disabled = last;
      byId("lecture-next").textContent = step.question && !at.revealed ? "Reveal ›" : "Next ›";
      byId("lecture").style.setProperty("--done", `${(100 * at.step) / lesson.steps.length}%`);
      if (document.activeElement && document.activeElement.disabled) byId("lecture-text").focus({ preventScroll: true });
      document.title = `${step.title} · ${lesson.title}`;
      tell();
    }
    arrive();
  }

  // The choices are buttons until one is pressed; then they say which it was, which is right, and how many chose each.
  function ask(step) {
    const box = byId("lecture-question");
    box.hidden = !step.question;
    box.replaceChildren();
    if (!step.question) return;
    const legend = document.createElement("legend");
    legend.textContent = step.question.ask;
    box.append(legend);
    const number = shown.step;
    const found = counts[number];
    const all = found ? found.reduce((sum, count) => sum + count, 0) : 0;
    step.question.choices.forEach((text, choice) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "choice-answer";
      button.dataset.choice = choice;
      const label = document.createElement("span");
      label.textContent = text;
      button.append(label);
      const mine = answers[number] === choice;
      button.setAttribute("aria-pressed", String(mine));
      if (shown.revealed) {
        button.disabled = true;
        if (step.question.right !== null) button.dataset.right = String(step.question.right === choice + 1);
      }
      if (found) {
        const count = document.createElement("b");
        count.className = "count";
        count.textContent = found[choice] || 0;
        button.style.setProperty("--share", all ? `${(100 * (found[choice] || 0)) / all}%` : "0%");
        button.append(count);
      }
      box.append(button);
    });
  }

  function answer(choice) {
    answers[shown.step] = choice;
    const detail = { lesson: lesson.id, step: shown.step, choice };
    const event = new CustomEvent("shatterscope:answer", { detail, cancelable: true });
    if (document.dispatchEvent(event)) go(shown.step, true);
    else { ask(stepAt(shown)); byId("lecture-question").querySelectorAll("button")[choice].focus(); }
  }

  document.addEventListener("shatterscope:counts", (event) => {
    const told = event.detail || {};
    if (!Array.isArray(told.counts)) return;
    if (!lesson || told.lesson !== lesson.id) { early = told; return; }
    counts[told.step] = told.counts;
    if (shown && shown.step === told.step) {
      const focused = document.activeElement && document.activeElement.dataset.choice;
      ask(stepAt(shown));
      if (focused !== undefined) byId("lecture-question").querySelectorAll("button")[focused].focus();
    }
  });

  // --- for the last row: thicker points and lines, larger names ---------------------------------------------------------
  const plots = () => [...document.querySelectorAll(".scene .js-plotly-plot")];
  // Where the names stand: nearer than on Explore, for they are larger, and half a screen is narrow; nearer still on a phone.
  const NAMES = { subject: ["subject", "subject", -56, -48], truth: ["true object", "truth", 24, -76], new: ["new object", "new", 38, 62] };
  const PHONE = window.matchMedia("(max-width: 900px)");
  const named = (note) => {
    const by = PHONE.matches ? 0.6 : 1;
    const [, [long, short, ax, ay]] = Object.entries(NAMES).find(([, [text]]) => note.text.includes(text)) || [0, ["", "", note.ax, note.ay]];
    return { ...note, text: note.text.replace(long, short), ax: by * ax, ay: by * ay, arrowwidth: 2, font: { ...note.font, size: 20 * by } };
  };
  const without = (part) => (root.dataset.lectureHide || "").split(" ").includes(part);
  function dressed(figure) {
    if (!active() || !figure || !figure.data || !figure.data.length) return figure;
    const [ring, marks, ...rest] = figure.data;
    const thicker = PHONE.matches ? 0.8 : 1.5;
    const bigger = (sizes, by) => (Array.isArray(sizes) ? sizes.map((size) => size * by) : sizes * by);
    const data = [
      { ...ring, marker: { ...ring.marker, size: ring.marker.size * thicker }, line: { ...ring.line, width: ring.line.width * (thicker + 0.5) } },
      marks && { ...marks, marker: { ...marks.marker, size: bigger(marks.marker.size, thicker) } },
      ...rest,
    ].filter(Boolean);
    const scene = figure.layout.scene;
    const bare = without("new");
    if (bare && marks && marks.x.length === 6) { // each of the three is drawn twice
      const kept = (list) => list.filter((_, index) => index % 3 !== 2);
      const { size, symbol, color } = data[1].marker;
      data[1] = { ...data[1], x: kept(marks.x), y: kept(marks.y), z: kept(marks.z), marker: { ...data[1].marker, size: kept(size), symbol: kept(symbol), color: kept(color) } };
    }
    const annotations = (scene.annotations || []).filter((note) => !bare || !note.text.includes("new object")).map(named);
    return { ...figure, data, layout: { ...figure.layout, scene: { ...scene, annotations } } };
  }
  // The figure as Dash made it is kept, so that entering and leaving draw it again in the other dress.
  function dress(gd, figure) {
    if (!gd.closest(".scene")) return figure;
    gd._plain = figure;
    looks();
    return dressed(figure);
  }
  function dressNow() {
    plots().forEach((gd) => { if (gd._plain && window.Plotly) window.Plotly.react(gd, gd._plain); });
  }

  // --- arriving, and preparing what comes -------------------------------------------------------------------------------
  let waiting = null;
  let prepared = new Set();
  function arrive() {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (!active() || !shown) return;
      if (byId("status").dataset.state === "busy") { arrive(); return; }
      mark();
      prepareAhead();
    }, 120);
  }
  function mark() {
    if (!active() || !shown) return;
    byId("lecture-back").hidden = byId("status").dataset.state === "busy" || !changed();
  }

  function ahead() {
    const found = [];
    const add = (step, revealed) => found.push({ lesson: lesson.id, step, revealed });
    for (let step = shown.step; step <= Math.min(shown.step + AHEAD, lesson.steps.length); step += 1) {
      if (step > shown.step) add(step, false);
      if (lesson.steps[step - 1].reveal && !(step === shown.step && shown.revealed)) add(step, true);
    }
    return found;
  }
  let preparing = false;
  async function prepareAhead() {
    if (preparing || root.dataset.room === "follower") return; // the presenter's page prepares for all
    const key = (at) => `${at.lesson}/${at.step}/${at.revealed}`;
    const todo = ahead().find((at) => !prepared.has(key(at)));
    if (!todo) return;
    preparing = true;
    prepared.add(key(todo));
    try {
      await fetch(`/lecture/prepare?lesson=${encodeURIComponent(todo.lesson)}&step=${todo.step}${todo.revealed ? "&reveal=1" : ""}`);
    } catch { /* the step itself will say what is wrong */ }
    preparing = false;
    arrive();
  }

  // --- blank, full screen, notes ----------------------------------------------------------------------------------------
  function blank(on) {
    let cover = byId("lecture-cover");
    if (on === undefined) on = !cover;
    if (!on && cover) cover.remove();
    if (on && !cover) {
      cover = document.createElement("div");
      cover.id = "lecture-cover";
      cover.setAttribute("role", "status");
      cover.setAttribute("aria-label", "The screen is blank. Press B to go on.");
      cover.addEventListener("click", () => blank(false));
      document.body.append(cover);
    }
    tell();
  }
  function full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (root.requestFullscreen) root.requestFullscreen().catch(() => {});
  }

  // One channel for each lecturing tab: its name is kept in the tab, so that it outlives a reload.
  const session = () => {
    try {
      const kept = window.sessionStorage.getItem("lecture") || Math.random().toString(36).slice(2, 12);
      window.sessionStorage.setItem("lecture", kept);
      return kept;
    } catch { return "lecture"; }
  };
  let channel = null;
  function listen() {
    if (channel || !window.BroadcastChannel) return;
    channel = new BroadcastChannel(`shatterscope-lecture-${session()}`);
    channel.onmessage = ({ data }) => {
      if (data.kind === "hello") tell();
      else if (data.kind === "press" && active()) act(data.what);
    };
  }
  function tell() {
    if (!channel) return;
    const step = shown && stepAt(shown);
    const after = shown && lesson.steps[shown.step];
    channel.postMessage(step
      ? { kind: "step", lesson: lesson.title, step: shown.step, of: lesson.steps.length, title: step.title, notes: step.notes, question: step.question || null,
        revealed: shown.revealed, blank: Boolean(byId("lecture-cover")), next: step.question && !shown.revealed ? "the answer" : after ? after.title : "" }
      : { kind: "over" });
  }
  function notes() {
    listen();
    window.open(`/assets/lecture-notes.html#${session()}`, `notes-${session()}`, "width=900,height=680");
  }

  // --- keys and buttons -------------------------------------------------------------------------------------------------
  const ACTIONS = {
    next, previous, first: () => go(1), last: () => go(lesson.steps.length), full, notes, blank: () => blank(), leave,
    back: () => go(shown.step, shown.revealed),
  };
  const KEYS = {
    ArrowRight: "next", ArrowDown: "next", PageDown: "next", " ": "next", ArrowLeft: "previous", ArrowUp: "previous", PageUp: "previous",
    Home: "first", End: "last", f: "full", s: "notes", b: "blank", Escape: "leave", ".": "blank",
  };
  const BUTTONS = {
    "lecture-next": "next", "lecture-prev": "previous", "lecture-notes": "notes", "lecture-full": "full", "lecture-blank": "blank",
    "lecture-leave": "leave", "lecture-back": "back",
  };
  const act = (what) => { if (lesson || what === "leave") ACTIONS[what](); };

  // What has the focus keeps its own keys: a slider its arrows, a button its space. Only a clicker's keys are the lecture's always.
  function taken(event) {
    const target = event.target;
    if (["PageDown", "PageUp"].includes(event.key) || !target.matches) return false;
    if (target.matches("input[type=text], input[type=number], textarea")) return true;
    if (target.matches("input, select")) return !["Escape", "f", "s", "b"].includes(event.key.toLowerCase());
    if (event.key === " ") return target.matches("button, a, summary");
    return false;
  }
  document.addEventListener("keydown", (event) => {
    if (!active() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || taken(event)) return;
    const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!what) return;
    if (what === "leave") {
      const cancel = byId("cancel");
      const open = document.querySelector("[popover]:popover-open, dialog[open]");
      if ((cancel && !cancel.hidden) || open || document.fullscreenElement) return;
      if (byId("lecture-cover")) { blank(false); return; }
    }
    event.preventDefault();
    act(what);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (!button || !active()) return;
    if (BUTTONS[button.id]) act(BUTTONS[button.id]);
    else if (button.dataset.choice !== undefined && !button.disabled && button.closest("#lecture-question")) answer(Number(button.dataset.choice));
  });
  // After a drag with the mouse the keys step on again; who tabs to the slider keeps its arrows.
  document.addEventListener("pointerup", () => {
    const focused = document.activeElement;
    if (active() && focused && focused.matches("input[type=range], .lecture button")) setTimeout(() => focused.blur(), 0);
  });
  document.addEventListener("shatterscope:state", () => { if (active()) arrive(); });
  document.addEventListener("shatterscope:idle", looksNow);

  // --- from Dash --------------------------------------------------------------------------------------------------------
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.lecture = {
    // The id of the lesson that the address names, told once.
    wanted: () => {
      const { lesson: asked } = here();
      return asked && (!lesson || lesson.id !== asked) ? asked : window.dash_clientside.no_update;
    },
    show: (told) => {
      if (told && (!lesson || lesson.id !== told.id)) {
        [lesson, shown, answers, prepared] = [told, null, {}, new Set()];
        counts = early && early.lesson === told.id ? { [early.step]: early.counts } : {};
        listen();
      }
      const at = here();
      if (!at.lesson) { close(); return ""; }
      if (!lesson || lesson.id !== at.lesson) { // it is on its way, or will never come
        root.dataset.lecture = "";
        byId("lecture").hidden = false;
        return "";
      }
      const number = Math.min(Math.max(at.step, 1), lesson.steps.length);
      if (number !== at.step) go(number, at.revealed);
      else render(at);
      return lesson.id;
    },
  };
  window.shatterscope = Object.assign(window.shatterscope || {}, { dress });
})();
