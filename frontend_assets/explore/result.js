// On a narrow screen the button lies over the page, and what it does further down: the changed scene and the numbers come into view.
import { closest } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { lecturing } from "../kit/lecturing.js";

function show() {
  const scene = document.querySelector(".scene.after");
  if (scene && window.matchMedia("(max-width: 900px)").matches) scene.scrollIntoView({ block: "start", behavior: "smooth" });
}

document.addEventListener("click", (event) => {
  if (!closest(event, "#apply") || lecturing()) return;
  show();
  hear("idle", show, { once: true }); // what is above it may have grown
});
