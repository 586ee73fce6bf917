// On paper a WebGL canvas is blank, and a figure is as wide as on screen. So, before printing, a picture stands in for each scene's canvas,
// and every figure is told its shape, by which print.css fits it to the page.
(function () {
  const page = window.shatterscope.scene;

  function printed(gd) {
    if (gd.dataset.printed || !gd._fullLayout || !gd.clientWidth) return;
    const { width, height } = gd._fullLayout;
    const box = gd.querySelector(".svg-container");
    box.querySelectorAll(":scope > .main-svg").forEach((svg) => svg.setAttribute("viewBox", `0 0 ${width} ${height}`));
    const source = page.pixels(gd);
    if (source) {
      const picture = Object.assign(document.createElement("img"), { src: source, alt: "", className: "printed" });
      box.querySelector(".gl-container").after(picture);
    }
    gd.style.setProperty("--shape", `${width} / ${height}`);
    gd.style.setProperty("--width", `${width}px`);
    gd.dataset.printed = source ? "solid" : "flat";
  }

  function over() {
    for (const gd of document.querySelectorAll("[data-printed]")) {
      delete gd.dataset.printed;
      gd.querySelectorAll(".printed").forEach((picture) => picture.remove());
    }
  }

  window.addEventListener("beforeprint", () => document.querySelectorAll(".js-plotly-plot").forEach(printed));
  window.addEventListener("afterprint", over);
  Object.assign(page, { printed });
})();
