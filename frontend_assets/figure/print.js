// On paper a WebGL canvas is blank, and a figure is as wide as on screen. So, before printing, a picture stands in for each scene's canvas,
// and every figure is told its shape, by which print.css fits it to the page.
import { every } from "../kit/dom.js";
import { layersOf, layoutOf, pixels, plots } from "../kit/plotly.js";

/** @param {import("../kit/plotly.js").Plot} gd */
export function printed(gd) {
  const layout = layoutOf(gd);
  if (gd.dataset.printed || !layout || !gd.clientWidth) return;
  const { width, height } = layout;
  const { flat, solid } = layersOf(gd);
  flat.forEach((svg) => svg.setAttribute("viewBox", `0 0 ${width} ${height}`));
  const source = pixels(gd);
  if (source && solid) {
    const picture = Object.assign(document.createElement("img"), { src: source, alt: "", className: "printed" });
    solid.after(picture);
  }
  gd.style.setProperty("--shape", `${width} / ${height}`);
  gd.style.setProperty("--width", `${width}px`);
  gd.dataset.printed = source ? "solid" : "flat";
}

function over() {
  for (const gd of every("[data-printed]")) {
    delete gd.dataset.printed;
    gd.querySelectorAll(".printed").forEach((picture) => picture.remove());
  }
}

window.addEventListener("beforeprint", () => plots().forEach(printed));
window.addEventListener("afterprint", over);
