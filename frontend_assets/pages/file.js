// An exported file: draws its figures. 3D scenes turn together; browsers bear some 8 to 16 of them at once, so only those nearest to
// the middle of the window are alive, and the others are drawn when they come near.
import { printed } from "../figure/print.js";
import { byId, eachFrame, every, find } from "../kit/dom.js";
import { alive, cameraOf, drawn, isScene, plotly, release, turn } from "../kit/plotly.js";
import { hideTip } from "../kit/tip.js";
import { offer } from "../kit/offer.js";
import { curve } from "../scene/lens.js";
import "../scene/labels.js";
import "../scene/lost.js";
import "../scene/point.js";
import "../scene/turn.js";

/** @typedef {import("../kit/plotly.js").Plot} Plot */

/** @type {Record<string, import("../figure/drawing.js").Figure>} */
const figures = JSON.parse(byId("figures").textContent ?? "{}");
const config = { displayModeBar: false, displaylogo: false, responsive: true, plotlyServerURL: "" };
const most = window.matchMedia("(max-width: 900px)").matches ? 5 : 10;
const places = /** @type {Plot[]} */ (Object.keys(figures).map(find).filter(Boolean));
const solid = places.filter((gd) => figures[gd.id].layout.scene);

/** @param {Plot} gd */
function follow(gd) {
  const camera = cameraOf(gd);
  if (!camera) return;
  for (const other of solid) {
    Object.assign(figures[other.id].layout.scene.camera, camera);
    if (other !== gd && isScene(other)) turn(other, { ...camera });
  }
}

/**
 * @param {Plot} gd
 * @returns {Promise<void>}
 */
function draw(gd) {
  const figure = figures[gd.id];
  gd.dataset.drawn = "0";
  const layout = { ...figure.layout, scene: { ...figure.layout.scene, camera: structuredClone(figure.layout.scene.camera) } };
  return plotly().newPlot(gd, figure.data, layout, config).then(() => {
    if (!isScene(gd)) return;
    gd.on("plotly_relayouting", eachFrame(() => follow(gd)));
    gd.on("plotly_relayout", () => follow(gd));
    drawn(gd);
    gd.dataset.drawn = "1";
  });
}

function settle() {
  const middle = window.innerHeight / 2;
  const away = (/** @type {Plot} */ gd) => { const box = gd.getBoundingClientRect(); return Math.abs((box.top + box.bottom) / 2 - middle); };
  const near = new Set([...solid].sort((a, b) => away(a) - away(b)).slice(0, most));
  for (const gd of solid) {
    if (near.has(gd) || gd.dataset.drawn !== "1") continue;
    release(gd);
    delete gd.dataset.drawn;
  }
  near.forEach((gd) => { if (gd.dataset.drawn === undefined) draw(gd); });
}

settle();
let waiting = 0;
const later = () => { clearTimeout(waiting); waiting = setTimeout(settle, 120); };
if (solid.length > most) ["scroll", "resize"].forEach((name) => window.addEventListener(name, later, { passive: true }));
for (const gd of places) {
  if (solid.includes(gd)) continue;
  plotly().newPlot(gd, figures[gd.id].data, figures[gd.id].layout, config).then(() => { gd.dataset.drawn = "1"; });
}

// On paper all scenes are seen: those that are not alive are drawn for it, one after the other.
window.addEventListener("beforeprint", () => {
  for (const gd of solid.filter((each) => each.dataset.drawn === undefined)) {
    draw(gd).catch(() => {}); // it is gone before it has been drawn to the end
    drawn(gd);
    printed(gd);
    const picture = gd.firstElementChild?.cloneNode(true);
    release(gd);
    if (picture) gd.append(picture);
    delete gd.dataset.drawn;
  }
});
window.addEventListener("afterprint", () => solid.filter((gd) => gd.dataset.drawn === undefined).forEach((gd) => gd.replaceChildren()));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
every(".damage-graph").forEach((gd) => { if (!figures[gd.id]) gd.closest("section")?.remove(); });

offer({ scene: { alive, curve } });
