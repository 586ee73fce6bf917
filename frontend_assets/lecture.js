// The lecture: a lesson told over the living page. Its place (lesson, step, reveal) is in the address, so a step is a change of the
// address and nothing else; links, rooms and the browser's reload know it without being told.
//
// Here it steps, shows and prepares; what the figures wear is in lecture_dress.js, the questions are in lecture_question.js, and keys, buttons,
// the blank screen and the way to the speaker's window (lecture_notes.js) in lecture_stage.js. They share `shatterscope.lecture`.
(function () {
  const page = (window.shatterscope = window.shatterscope || {});
  const lecture = (page.lecture = {});
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
  let hidden = []; // elements that a step made inert
  const active = () => root.dataset.lecture !== undefined;
  const stepAt = (at) => lesson && lesson.steps[at.step - 1];
  const queryAt = (at) => { const step = stepAt(at); return at.revealed && step.reveal ? step.reveal.query : step.query; };

  function go(step, revealed = false) {
    if (!lesson) return;
    const number = Math.min(Math.max(step, 1), lesson.steps.length);
    const at = { lesson: lesson.id, step: number, revealed: revealed && Boolean(lesson.steps[number - 1].reveal) };
    const moved = Boolean(shown) && (shown.step !== at.step || shown.revealed !== at.revealed);
    page.go({ path: window.location.pathname, query: `?${queryAt(at)}`, push: moved });
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
    page.go({ path: window.location.pathname, query: query ? `?${query}`.replaceAll("%7E", "~").replaceAll("%3A", ":") : "", push: true });
    close();
  }

  // --- showing --------------------------------------------------------------------------------------------------------
  const PARTS = {
    ask: ".rail .ask", change: ".rail .change", stack: ".stack-bar", strength: ".strength", history: ".stack-tools > button",
    before: ".scene.before", after: ".scene.after", captions: ".scene-caption", words: ".scene-words", legend: ".legend",
    see: ".see-bar", r: ".r-panel", accuracy: ".accuracy-panel", quality: ".details .quality-line",
  };
  const without = (part) => (root.dataset.lectureHide || "").split(" ").includes(part); // what the step hides
  const elements = (part) => [...document.querySelectorAll(PARTS[part])];

  function open() {
    const began = !active();
    root.dataset.lecture = "";
    byId("lecture").hidden = false;
    if (began) {
      lecture.dressNow();
      byId("lecture-text").focus({ preventScroll: true });
    }
  }

  function close() {
    if (!active()) return;
    lecture.blank(false);
    clearTimeout(changing);
    coming = null;
    delete root.dataset.lecture;
    delete root.dataset.lectureHide;
    hidden.forEach((element) => { element.inert = false; });
    hidden = [];
    byId("lecture").hidden = true;
    shown = null;
    if (document.fullscreenElement) document.exitFullscreen();
    lecture.dressNow();
    lecture.tell();
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
    if (bare !== without("new")) lecture.dressNow();
  }

  function render(asked) {
    const step = stepAt(asked);
    if (!step) return;
    const at = { ...asked, revealed: asked.revealed && Boolean(step.reveal) }; // an address may ask for an answer that no step has
    const began = !shown;
    open();
    const same = shown && shown.step === at.step && shown.revealed === at.revealed;
    shown = at;
    coming = at;
    clearTimeout(changing);
    if (began) looksNow(); else changing = setTimeout(() => { if (byId("status").dataset.state !== "busy") looksNow(); }, PATIENCE);
    if (!same) {
      byId("lecture-title").textContent = step.title;
      byId("lecture-body").innerHTML = step.html;
      lecture.ask(step, at);
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
      lecture.tell();
    }
    arrive();
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
        [lesson, shown, prepared] = [told, null, new Set()];
        lecture.forget(told.id);
        lecture.listen();
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

  Object.assign(lecture, {
    active, looks, without, go, next, previous, leave,
    lesson: () => lesson,
    place: () => shown,
    step: () => shown && stepAt(shown),
  });
})();
