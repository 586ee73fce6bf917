// The lecture: a lesson told over the living page. Here it steps and shows; see place.js for where it is.
import { plain } from "../address/address.js";
import { go } from "../address/go.js";
import { answers, nothing } from "../kit/dash.js";
import { button, byId, find, focused, root } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { lecturing } from "../kit/lecturing.js";
import { uncover } from "./blank.js";
import { listen, tellNotes } from "./channel.js";
import { dressNow } from "./dress.js";
import { expect, look, lookAsEver, without } from "./looks.js";
import { asked, changed, inside, now, shownAt, stepAt, view } from "./place.js";
import { prepareAnew, prepareNext } from "./prepare.js";
import { ask, forget } from "./question.js";

/** @typedef {import("./place.js").Place} Place */

const busy = () => byId("status").dataset.state === "busy";

// --- steps ------------------------------------------------------------------------------------------------------------

/**
 * @param {number} step
 * @param {boolean} revealed
 */
export function goTo(step, revealed = false) {
  if (!now.lesson) return;
  const number = inside(step);
  const at = { lesson: now.lesson.id, step: number, revealed: revealed && Boolean(now.lesson.steps[number - 1].reveal) };
  const moved = Boolean(now.place && (now.place.step !== at.step || now.place.revealed !== at.revealed));
  go({ path: window.location.pathname, query: `?${shownAt(at)?.query}`, push: moved });
  render(at);
}

export function next() {
  const [shown, step] = [now.place, stepAt(now.place)];
  if (!now.lesson || !shown || !step) return;
  if (step.question && !shown.revealed) goTo(shown.step, true);
  else if (shown.step < now.lesson.steps.length) goTo(shown.step + 1);
}

/** Backwards a question stands answered: it has been asked. */
export function previous() {
  if (!now.place) return;
  if (now.place.revealed) goTo(now.place.step, false);
  else if (now.place.step > 1) goTo(now.place.step - 1, true);
}

export function leave() {
  const query = view(window.location.search);
  go({ path: window.location.pathname, query: query ? plain(`?${query}`) : "", push: true });
  close();
}

// --- showing ----------------------------------------------------------------------------------------------------------

function open() {
  const began = !lecturing();
  root.dataset.lecture = "";
  byId("lecture").hidden = false;
  if (began) {
    dressNow();
    byId("lecture-text").focus({ preventScroll: true });
  }
}

function close() {
  if (!lecturing()) return;
  uncover();
  delete root.dataset.lecture;
  lookAsEver();
  byId("lecture").hidden = true;
  now.place = null;
  if (document.fullscreenElement) document.exitFullscreen();
  dressNow();
  tellNotes();
  find("lecture-start")?.focus({ preventScroll: true });
}

function lookNow() {
  const bare = without("new");
  look();
  if (bare !== without("new")) dressNow();
}

/** @param {Place} wanted */
function render(wanted) {
  const [lesson, step] = [now.lesson, stepAt(wanted)];
  if (!lesson || !step) return;
  const at = { ...wanted, revealed: wanted.revealed && Boolean(step.reveal) }; // an address may ask for an answer that no step has
  const began = !now.place;
  open();
  const same = now.place && now.place.step === at.step && now.place.revealed === at.revealed;
  now.place = at;
  expect(at);
  if (began) lookNow(); // else by its drawing, or when the page is ready without one
  if (!same) write(lesson, step, at);
}

/**
 * @param {import("./place.js").Lesson} lesson
 * @param {import("./place.js").Step} step
 * @param {Place} at
 */
function write(lesson, step, at) {
  const asks = Boolean(step.question) && !at.revealed;
  byId("lecture-title").textContent = step.title;
  byId("lecture-body").innerHTML = step.html;
  ask();
  const answer = byId("lecture-reveal");
  answer.hidden = !at.revealed;
  answer.innerHTML = at.revealed && step.reveal ? step.reveal.html : "";
  byId("lecture-text").scrollTop = 0;
  if (at.revealed) answer.scrollIntoView({ block: "nearest" });
  byId("lecture-step").textContent = `${at.step} / ${lesson.steps.length}`;
  byId("lecture-step").setAttribute("aria-label", `step ${at.step} of ${lesson.steps.length}`);
  button("lecture-prev").disabled = at.step === 1 && !at.revealed;
  button("lecture-next").disabled = at.step === lesson.steps.length && !asks;
  button("lecture-next").textContent = asks ? "Reveal ›" : "Next ›";
  byId("lecture").style.setProperty("--done", `${(100 * at.step) / lesson.steps.length}%`);
  if (focused()?.disabled) byId("lecture-text").focus({ preventScroll: true });
  document.title = `${step.title} · ${lesson.title}`;
  tellNotes();
}

async function arrive() {
  if (!lecturing() || !now.place || busy()) return;
  byId("lecture-back").hidden = !changed();
  if (await prepareNext()) arrive();
}

hear("idle", () => { lookNow(); arrive(); });

// --- from Dash --------------------------------------------------------------------------------------------------------

answers("lecture", {
  // The id of the lesson that the address names, told once.
  wanted: () => {
    const { lesson } = asked();
    return lesson && now.lesson?.id !== lesson ? lesson : nothing();
  },
  show: (told) => {
    if (told && now.lesson?.id !== told.id) {
      [now.lesson, now.place] = [told, null];
      prepareAnew();
      forget(told.id);
      listen();
    }
    const at = asked();
    if (!at.lesson) { close(); return ""; }
    if (now.lesson?.id !== at.lesson) { // it is on its way, or will never come
      root.dataset.lecture = "";
      byId("lecture").hidden = false;
      return "";
    }
    const step = inside(at.step);
    if (step !== at.step) goTo(step, at.revealed);
    else render({ lesson: at.lesson, step, revealed: at.revealed });
    return at.lesson;
  },
});
