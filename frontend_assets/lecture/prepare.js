// While a step is shown, the server computes what the next ones need.
import { root } from "../kit/dom.js";
import { now } from "./place.js";

const AHEAD = 3; // steps
let preparing = false;
/** @type {Set<string>} */
let prepared = new Set();

function* ahead() {
  const [lesson, shown] = [now.lesson, now.place];
  if (!lesson || !shown) return;
  for (let step = shown.step; step <= Math.min(shown.step + AHEAD, lesson.steps.length); step += 1) {
    if (step > shown.step) yield { lesson: lesson.id, step, revealed: false };
    if (lesson.steps[step - 1].reveal && !(step === shown.step && shown.revealed)) yield { lesson: lesson.id, step, revealed: true };
  }
}

/** Another lesson. */
export const prepareAnew = () => { prepared = new Set(); };

/**
 * One thing at a time; whether something was asked for.
 * @returns {Promise<boolean>}
 */
export async function prepareNext() {
  if (preparing || root.dataset.room === "follower") return false; // the presenter's page prepares for all
  /** @param {import("./place.js").Place} at */
  const key = (at) => `${at.lesson}/${at.step}/${at.revealed}`;
  const next = [...ahead()].find((at) => !prepared.has(key(at)));
  if (!next) return false;
  preparing = true;
  prepared.add(key(next));
  try {
    await fetch(`/lecture/prepare?lesson=${encodeURIComponent(next.lesson)}&step=${next.step}${next.revealed ? "&reveal=1" : ""}`);
  } catch { /* the step itself will say what is wrong */ }
  preparing = false;
  return true;
}
