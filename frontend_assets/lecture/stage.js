// Around the lecture: its keys and buttons, and full screen.
import { go } from "../address/go.js";
import { button, byId, closest, focused, on, pressed, root, TYPING } from "../kit/dom.js";
import { lecturing } from "../kit/lecturing.js";
import { blank } from "./blank.js";
import { onPress, openNotes } from "./channel.js";
import { goTo, leave, next, previous } from "./lecture.js";
import { now } from "./place.js";
import { answer } from "./question.js";

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else root.requestFullscreen?.().catch(() => {});
}

/** @type {Record<string, () => void>} */
const ACTIONS = {
  next, previous, leave, full, blank, notes: openNotes,
  first: () => goTo(1),
  last: () => goTo(now.lesson?.steps.length ?? 1),
  back: () => { if (now.place) goTo(now.place.step, now.place.revealed); },
};
/** @type {Record<string, string>} */
const KEYS = {
  ArrowRight: "next", ArrowDown: "next", PageDown: "next", " ": "next", ArrowLeft: "previous", ArrowUp: "previous", PageUp: "previous",
  Home: "first", End: "last", f: "full", s: "notes", b: "blank", Escape: "leave", ".": "blank",
};
/** @type {Record<string, string>} */
const BUTTONS = {
  "lecture-next": "next", "lecture-prev": "previous", "lecture-notes": "notes", "lecture-full": "full", "lecture-blank": "blank",
  "lecture-leave": "leave", "lecture-back": "back",
};
/** @param {string} what */
const act = (what) => { if (now.lesson || what === "leave") ACTIONS[what]?.(); };
onPress(act);

// Who presents leaves for everyone, so the key is pressed twice; who follows leaves by the room's own button.
/** @type {{ name: string, timer: number } | null} */
let warned = null;
function sure() {
  if (root.dataset.room === "follower") return false;
  if (root.dataset.room !== "presenter" || warned) { unwarn(); return true; }
  const leaving = byId("lecture-leave");
  warned = { name: leaving.textContent ?? "", timer: setTimeout(unwarn, 4000) };
  leaving.textContent = "Esc again: leave, for everyone";
  if (leaving.parentElement) leaving.parentElement.dataset.sure = "1";
  return false;
}
function unwarn() {
  if (!warned) return;
  clearTimeout(warned.timer);
  const leaving = byId("lecture-leave");
  leaving.textContent = warned.name;
  warned = null;
  delete leaving.parentElement?.dataset.sure;
}

/**
 * What has the focus keeps its own keys: a slider its arrows, a button its space. Only a clicker's keys are the lecture's always.
 * @param {KeyboardEvent} event
 */
function taken(event) {
  if (["PageDown", "PageUp"].includes(event.key)) return false;
  if (on(event, TYPING)) return true;
  if (on(event, "input, select")) return !["Escape", "f", "s", "b"].includes(event.key.toLowerCase());
  return event.key === " " && on(event, "button, a, summary");
}

document.addEventListener("keydown", (event) => {
  if (!lecturing() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || taken(event)) return;
  const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!what) return;
  if (what === "leave") {
    const cancel = button("cancel");
    if ((cancel && !cancel.hidden) || document.fullscreenElement || !sure()) return;
  }
  event.preventDefault();
  act(what);
});
document.addEventListener("click", (event) => {
  const found = pressed(event);
  if (!found || !lecturing() || found.disabled) return;
  if (BUTTONS[found.id]) act(BUTTONS[found.id]);
  if (found.closest("#lecture-question") && answer(Number(found.dataset.choice)) && now.place) goTo(now.place.step, true);
});
// A link to another lesson goes on there: in the same window and room, and still full screen.
document.addEventListener("click", (event) => {
  const link = closest(event, "#lecture a[href^='/?lesson=']");
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go({ path: window.location.pathname, query: link.search, push: true });
});
// After a drag with the mouse the keys step on again; who tabs to the slider keeps its arrows.
document.addEventListener("pointerup", () => {
  const at = focused();
  if (lecturing() && at?.matches("input[type=range], .lecture button")) setTimeout(() => at.blur(), 0);
});
