// The edit stack where it is longer than its place: the newest edits are in view, and a button says how many are not, and leads to them.
import { byId, closest, every, find } from "../kit/dom.js";

/** @type {number | null} */
let seen = null; // chips that were there when it was last looked at

function mark() {
  const [list, button] = [find("edit-stack"), find("stack-more")];
  if (!list || !button) return;
  const box = list.getBoundingClientRect();
  if (!box.height) return; // a hidden list says nothing of how it will fit
  const chips = every(".chip.edit", list).map((chip) => chip.getBoundingClientRect());
  const above = chips.filter((chip) => chip.bottom < box.top + 4).length;
  const below = chips.filter((chip) => chip.top > box.bottom - 4).length;
  button.hidden = !above && !below;
  button.textContent = above ? `\u2191 ${above} earlier` : `\u2193 ${below} newer`;
  button.title = above ? "Edits further up in the stack: show the first" : "Edits further down in the stack: show the newest";
  button.dataset.to = above ? "first" : "newest";
}

// Whoever scrolled stays there until an edit comes or goes.
function look() {
  const list = find("edit-stack");
  if (!list) return;
  const chips = list.querySelectorAll(".chip.edit").length;
  if (chips !== seen) list.scrollTop = list.scrollHeight;
  seen = chips;
  mark();
}
const start = () => {
  const list = find("edit-stack");
  if (!list) { setTimeout(start, 200); return; }
  new MutationObserver(look).observe(list, { childList: true, subtree: true });
  new ResizeObserver(look).observe(list);
  list.addEventListener("scroll", mark, { passive: true });
  look();
};
window.addEventListener("load", start);

document.addEventListener("click", (event) => {
  const button = closest(event, "#stack-more");
  if (!button) return;
  const list = byId("edit-stack");
  list.scrollTop = button.dataset.to === "first" ? 0 : list.scrollHeight;
});
