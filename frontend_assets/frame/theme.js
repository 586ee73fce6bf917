// Light, dark, or as the system: kept by the browser.
import { pressed, root } from "../kit/dom.js";
import { local } from "../kit/storage.js";

const THEMES = ["auto", "light", "dark"];
const kept = local.text("theme") ?? "";
root.dataset.theme = THEMES.includes(kept) ? kept : "auto";

document.addEventListener("click", (event) => {
  if (pressed(event)?.id !== "theme-toggle") return;
  // From "as the system" go to the opposite of what is seen, so that the first press always does something.
  const system = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const seen = root.dataset.theme === "auto" ? system : root.dataset.theme;
  const next = seen === "dark" ? "light" : "dark";
  root.dataset.theme = next === system ? "auto" : next;
  local.setText("theme", root.dataset.theme);
});
