// The keyboard's short ways to the page's buttons.
import { button, focused, on, TYPING } from "../kit/dom.js";

/** @param {string} id */
function press(id) {
  const found = button(id);
  if (found && !found.disabled && !found.hidden) found.click();
}

document.addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  const typing = on(event, TYPING);
  if (command && event.key === "Enter") {
    if (typing) focused()?.blur();
    // The blur's value must have arrived in Dash before the button is pressed.
    setTimeout(() => press("apply"), 0);
  } else if (command && event.key.toLowerCase() === "z" && !typing) {
    event.preventDefault();
    press(event.shiftKey ? "redo" : "undo");
  } else if (event.key === "Escape") {
    press("cancel");
  }
});
