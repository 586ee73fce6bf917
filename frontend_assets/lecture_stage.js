// Around the lecture: its keys and buttons, full screen, the blank screen, and the speaker's window (lecture_notes.js), which a
// BroadcastChannel keeps in step both ways.
(function () {
  const { lecture } = window.shatterscope;
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);

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
      else if (data.kind === "press" && lecture.active()) act(data.what);
    };
  }
  function tell() {
    if (!channel) return;
    const [lesson, shown, step] = [lecture.lesson(), lecture.place(), lecture.step()];
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
    next: lecture.next, previous: lecture.previous, leave: lecture.leave, full, notes, blank: () => blank(),
    first: () => lecture.go(1), last: () => lecture.go(lecture.lesson().steps.length),
    back: () => lecture.go(lecture.place().step, lecture.place().revealed),
  };
  const KEYS = {
    ArrowRight: "next", ArrowDown: "next", PageDown: "next", " ": "next", ArrowLeft: "previous", ArrowUp: "previous", PageUp: "previous",
    Home: "first", End: "last", f: "full", s: "notes", b: "blank", Escape: "leave", ".": "blank",
  };
  const BUTTONS = {
    "lecture-next": "next", "lecture-prev": "previous", "lecture-notes": "notes", "lecture-full": "full", "lecture-blank": "blank",
    "lecture-leave": "leave", "lecture-back": "back",
  };
  const act = (what) => { if (lecture.lesson() || what === "leave") ACTIONS[what](); };

  // Who presents leaves for everyone, so the key is pressed twice; who follows leaves by the room's own button.
  let asked = null;
  function sure() {
    if (root.dataset.room === "follower") return false;
    if (root.dataset.room !== "presenter" || asked) { forget(); return true; }
    const button = byId("lecture-leave");
    asked = setTimeout(forget, 4000);
    button.dataset.name = button.textContent;
    button.textContent = "Esc again: leave, for everyone";
    button.parentElement.dataset.sure = "1";
    return false;
  }
  function forget() {
    if (!asked) return;
    clearTimeout(asked);
    asked = null;
    const button = byId("lecture-leave");
    button.textContent = button.dataset.name;
    delete button.parentElement.dataset.sure;
  }

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
    if (!lecture.active() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || taken(event)) return;
    const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!what) return;
    if (what === "leave") {
      const cancel = byId("cancel");
      if ((cancel && !cancel.hidden) || document.fullscreenElement || !sure()) return;
    }
    event.preventDefault();
    act(what);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (button && lecture.active() && BUTTONS[button.id]) act(BUTTONS[button.id]);
  });
  // After a drag with the mouse the keys step on again; who tabs to the slider keeps its arrows.
  document.addEventListener("pointerup", () => {
    const focused = document.activeElement;
    if (lecture.active() && focused && focused.matches("input[type=range], .lecture button")) setTimeout(() => focused.blur(), 0);
  });

  Object.assign(lecture, { blank, tell, listen });
})();
