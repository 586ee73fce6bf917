// The buttons of the In context page: another order, and Play, which moves the slider on word by word. A word is read when the one before stands.
import { props, set } from "../kit/dash.js";
import { closest, find } from "../kit/dom.js";

const SLIDER = "in-context-length";
const EVERY = 120; // milliseconds
/** @type {number | undefined} */
let timer;

/** @param {boolean} playing */
function show(playing) {
  const button = find("in-context-play");
  if (button) button.textContent = playing ? "Pause" : "Play";
}

function stop() {
  clearInterval(timer);
  timer = undefined;
  show(false);
}

function next() {
  if (find("status")?.dataset.state === "busy") return;
  const { value, max } = props(SLIDER);
  if (value >= max) stop();
  else set(SLIDER, { value: value + 1 });
}

function play() {
  const { value, max } = props(SLIDER);
  if (value >= max) set(SLIDER, { value: 1 });
  timer = setInterval(next, EVERY);
  show(true);
}

document.addEventListener("click", (event) => {
  if (closest(event, "#in-context-play")) { if (timer) stop(); else play(); }
  if (closest(event, "#in-context-another")) set("in-context-seed", { value: Math.floor(Math.random() * 10000) });
});
