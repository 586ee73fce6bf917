// Where a lecture is: its place (lesson, step, reveal) is in the address, so a step is a change of the address and nothing else; links,
// rooms and the browser's reload know it without being told.

/**
 * @typedef {{ query: string, html: string, hide: string[], lock: string[], panel: string | null }} Shown what a step shows, or what its answer does
 * @typedef {{ ask: string, choices: string[], right: number | null }} Question `right` is counted from 1
 * @typedef {Shown & { title: string, notes: string, question: Question | null, reveal: Shown | null }} Step
 * @typedef {{ id: string, title: string, steps: Step[] }} Lesson as the server tells it (app/lecture/told.py)
 * @typedef {{ lesson: string, step: number, revealed: boolean }} Place `step` is counted from 1
 */

/** @type {{ lesson: Lesson | null, place: Place | null }} */
export const now = { lesson: null, place: null }; // the lesson that is told, and its place on screen

/** What the address asks for. */
export function asked() {
  const found = new URLSearchParams(window.location.search);
  const step = Number.parseInt(found.get("step") || "1", 10);
  return { lesson: found.get("lesson"), step: Number.isFinite(step) ? step : 1, revealed: found.get("reveal") === "1" };
}

const OWN = ["lesson", "step", "reveal", "room", "h"];
/**
 * A query without its place in a lecture.
 * @param {string} query
 */
export function view(query) {
  const kept = new URLSearchParams();
  new URLSearchParams(query).forEach((value, key) => { if (!OWN.includes(key)) kept.append(key, value); });
  return kept.toString();
}

/** @param {{ step: number } | null} at */
export const stepAt = (at) => (at && now.lesson?.steps[at.step - 1]) || null;

/**
 * The step as it is shown there: itself, or its answer.
 * @param {Place | null} at
 * @returns {Shown | null}
 */
export function shownAt(at) {
  const step = stepAt(at);
  return at?.revealed && step?.reveal ? step.reveal : step;
}

/** @param {number} step */
export const inside = (step) => Math.min(Math.max(step, 1), now.lesson?.steps.length ?? 1);

/** Whether the view was changed since the step was shown. */
export const changed = () => view(window.location.search) !== view(shownAt(now.place)?.query ?? "");
