// The blank screen. It lies over everything, and Esc takes it away first.
import { find } from "../kit/dom.js";
import { above } from "../kit/escape.js";
import { tellNotes } from "./channel.js";

const cover = () => find("lecture-cover");

/** Whether there was one. */
export function uncover() {
  const found = cover();
  found?.remove();
  tellNotes();
  return Boolean(found);
}

export function blank() {
  if (cover()) { uncover(); return; }
  const made = document.createElement("div");
  made.id = "lecture-cover";
  made.setAttribute("role", "status");
  made.setAttribute("aria-label", "The screen is blank. Press B to go on.");
  made.addEventListener("click", uncover);
  document.body.append(made);
  tellNotes();
}

above(() => Boolean(cover()) && uncover());
