// The way to the speaker's window (pages/lecture_notes.js): a BroadcastChannel keeps both in step. There is one for each lecturing tab: its
// name is kept in the tab, so that it outlives a reload.
import { find } from "../kit/dom.js";
import { lecturing } from "../kit/lecturing.js";
import { tab } from "../kit/storage.js";
import { now, stepAt } from "./place.js";

function session() {
  const kept = tab.text("lecture") || Math.random().toString(36).slice(2, 12);
  tab.setText("lecture", kept);
  return tab.text("lecture") ?? "lecture";
}

/** @type {BroadcastChannel | null} */
let channel = null;
/** @type {(what: string) => void} */
let act = () => {};

/**
 * What is done when a key or button is pressed in the speaker's window.
 * @param {(what: string) => void} pressed
 */
export const onPress = (pressed) => { act = pressed; };

export function listen() {
  if (channel || !window.BroadcastChannel) return;
  channel = new BroadcastChannel(`shatterscope-lecture-${session()}`);
  channel.onmessage = ({ data }) => {
    if (data.kind === "hello") tellNotes();
    else if (data.kind === "press" && lecturing()) act(data.what);
  };
}

export function tellNotes() {
  if (!channel) return;
  const [lesson, shown, step] = [now.lesson, now.place, stepAt(now.place)];
  if (!lesson || !shown || !step) { channel.postMessage({ kind: "over" }); return; }
  const next = step.question && !shown.revealed ? "the answer" : lesson.steps[shown.step]?.title ?? "";
  channel.postMessage({
    kind: "step", lesson: lesson.title, step: shown.step, of: lesson.steps.length, title: step.title, notes: step.notes, question: step.question || null,
    revealed: shown.revealed, blank: Boolean(find("lecture-cover")), next,
  });
}

export function openNotes() {
  listen();
  window.open(`/assets/lecture-notes.html#${session()}`, `notes-${session()}`, "width=900,height=680");
}
