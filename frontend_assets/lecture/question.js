// A lesson's questions. An answer is told by the event `answer`; where nobody prevents its default, it reveals. Counts to show beside the choices
// come by the event `counts`, choices counted from 0.
import { byId, focused } from "../kit/dom.js";
import { hear, tell } from "../kit/events.js";
import { now, stepAt } from "./place.js";

/** @type {Record<number, number>} */
let answers = {}; // by step: the choice of the person here
/** @type {Record<number, number[]>} */
let counts = {}; // by step: of the room
/** @type {{ lesson: string, step: number, counts: number[] } | null} */
let early = null; // of a lesson that is still on its way, for who comes late

const buttons = () => byId("lecture-question").querySelectorAll("button");

/** The choices are buttons until one is pressed; then they say which it was, which is right, and how many chose each. */
export function ask() {
  const box = /** @type {HTMLFieldSetElement} */ (byId("lecture-question"));
  const [shown, question] = [now.place, stepAt(now.place)?.question];
  box.hidden = !question;
  box.replaceChildren();
  if (!shown || !question) return;
  const legend = document.createElement("legend");
  legend.textContent = question.ask;
  box.append(legend);
  const found = counts[shown.step];
  const all = found ? found.reduce((sum, count) => sum + count, 0) : 0;
  question.choices.forEach((text, choice) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "choice-answer";
    button.dataset.choice = String(choice);
    const label = document.createElement("span");
    label.textContent = text;
    button.append(label);
    button.setAttribute("aria-pressed", String(answers[shown.step] === choice));
    if (shown.revealed) {
      button.disabled = true;
      if (question.right !== null) button.dataset.right = String(question.right === choice + 1);
    }
    if (found) {
      const count = document.createElement("b");
      count.className = "count";
      count.textContent = String(found[choice] || 0);
      button.style.setProperty("--share", all ? `${(100 * (found[choice] || 0)) / all}%` : "0%");
      button.append(count);
    }
    box.append(button);
  });
}

/**
 * Whether the answer is to be revealed.
 * @param {number} choice
 */
export function answer(choice) {
  if (!now.lesson || !now.place) return false;
  const { step } = now.place;
  answers[step] = choice;
  if (tell("answer", { lesson: now.lesson.id, step, choice })) return true;
  ask();
  buttons()[choice].focus();
  return false;
}

hear("counts", (told) => {
  if (!told || !Array.isArray(told.counts)) return;
  if (!now.lesson || told.lesson !== now.lesson.id) { early = told; return; }
  counts[told.step] = told.counts;
  if (now.place?.step !== told.step) return;
  const choice = focused()?.dataset.choice;
  ask();
  if (choice !== undefined) buttons()[Number(choice)].focus();
});

/**
 * Before another lesson is shown.
 * @param {string} lesson
 */
export function forget(lesson) {
  answers = {};
  counts = early && early.lesson === lesson ? { [early.step]: early.counts } : {};
}
