// A scene that was reached by the Tab key turns by the arrow keys, and comes nearer by + and −. One that was clicked leaves the
// keys to whoever else listens (a lecture steps on by them).
import { cameraOf, plotIn, plotly } from "../kit/plotly.js";

let tabbed = false;
window.addEventListener("pointerdown", () => { tabbed = false; }, true);

/**
 * Where the eye goes by a key; null where the key moves nothing.
 * @param {string} key
 * @param {import("../kit/plotly.js").Vector} from
 * @param {boolean} flat
 */
function eye(key, { x, y, z }, flat) {
  const length = Math.hypot(x, y, z);
  let away = length;
  let around = Math.atan2(y, x);
  let up = Math.asin(z / length);
  if (key === "+" || key === "=") away *= 0.9;
  else if (key === "-") away *= 1.1;
  else if (flat) return null;
  else if (key === "ArrowLeft") around -= 0.15;
  else if (key === "ArrowRight") around += 0.15;
  else if (key === "ArrowUp") up = Math.min(up + 0.15, 1.5);
  else if (key === "ArrowDown") up = Math.max(up - 0.15, -1.5);
  else return null;
  if (flat) return { x: 0, y: 0, z: away };
  return { x: away * Math.cos(up) * Math.cos(around), y: away * Math.cos(up) * Math.sin(around), z: away * Math.sin(up) };
}

window.addEventListener("keydown", (event) => {
  if (event.key === "Tab") tabbed = true;
  const box = document.activeElement;
  if (!tabbed || !box || !box.classList.contains("scene") || event.ctrlKey || event.metaKey || event.altKey) return;
  const gd = plotIn(box);
  const camera = cameraOf(gd);
  if (!gd || !camera) return;
  const to = eye(event.key, camera.eye, gd.layout.meta?.view === "flat");
  if (!to) return;
  event.preventDefault();
  event.stopPropagation();
  const projection = gd.layout.scene.camera?.projection;
  plotly().relayout(gd, { "scene.camera": { ...camera, projection, eye: to } });
}, true);
