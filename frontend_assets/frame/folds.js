// Dash does not hear of a fold that is opened: those that fill only then (data-told) say it.
import { set } from "../kit/dash.js";

document.addEventListener("toggle", ({ target }) => {
  if (target instanceof HTMLDetailsElement && target.matches("[data-told]")) set(target.id, { open: target.open });
}, true);
