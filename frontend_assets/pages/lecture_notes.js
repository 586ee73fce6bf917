// The speaker's window: what to say at this step, and what comes. All of it is told by the lecturing tab (lecture/channel.js); keys and buttons
// pressed here are pressed there.
import { byId, closest, on, root } from "../kit/dom.js";
import { local } from "../kit/storage.js";

/** @typedef {{ step: number, of: number, title: string, notes: string, question: object | null, revealed: boolean, blank: boolean, next: string }} Told */

const channel = new BroadcastChannel(`shatterscope-lecture-${window.location.hash.slice(1)}`);
/** @param {string} what */
const press = (what) => channel.postMessage({ kind: "press", what });
const began = Date.now();

root.dataset.theme = local.text("theme") || "auto";

/** @param {Told} told */
function show(told) {
  byId("notes-step").textContent = `${told.step} / ${told.of}`;
  byId("notes-title").textContent = told.title;
  byId("notes-text").innerHTML = told.notes || "<p>No notes for this step.</p>";
  byId("notes-state").textContent = [told.blank && "The screen is blank.", told.question && !told.revealed && "The audience is answering."].filter(Boolean).join(" ");
  byId("notes-after").textContent = told.next ? `Next: ${told.next}` : "This is the last step.";
  document.title = `${told.step} · ${told.title} · Notes`;
}
channel.onmessage = ({ data }) => {
  if (data.kind === "step") show(data);
  if (data.kind === "over") byId("notes-state").textContent = "The lecture is over, or its window shows something else.";
};

/** @type {Record<string, string>} */
const KEYS = {
  ArrowRight: "next", ArrowDown: "next", PageDown: "next", " ": "next", ArrowLeft: "previous", ArrowUp: "previous", PageUp: "previous",
  Home: "first", End: "last", b: "blank",
};
document.addEventListener("keydown", (event) => {
  const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!what || event.ctrlKey || event.metaKey || event.altKey || (event.key === " " && on(event, "button"))) return;
  event.preventDefault();
  press(what);
});
document.addEventListener("click", (event) => {
  const what = closest(event, "[data-press]")?.dataset.press;
  if (what) press(what);
});

const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
setInterval(() => {
  const seconds = Math.floor((Date.now() - began) / 1000);
  byId("notes-time").textContent = `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
}, 500);
channel.postMessage({ kind: "hello" });
