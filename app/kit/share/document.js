// An exported file: draws its figures. 3D scenes turn together; browsers bear some 8 to 16 of them at once, so only those nearest to
// the middle of the window are alive, and the others are drawn when they come near.
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, displaylogo: false, responsive: true, plotlyServerURL: "" };
  const alive = window.matchMedia("(max-width: 900px)").matches ? 5 : 10;
  const ids = Object.keys(figures).filter((id) => document.getElementById(id));
  const solid = ids.filter((id) => figures[id].layout.scene).map((id) => document.getElementById(id));
  const { scene } = window.shatterscope;
  const sceneOf = scene.of;

  function follow(gd) {
    const from = sceneOf(gd);
    if (!from) return;
    const camera = from.getCamera();
    for (const other of solid) {
      Object.assign(figures[other.id].layout.scene.camera, camera);
      if (other === gd || !sceneOf(other)) continue;
      other.layout.scene.camera = { ...camera };
      Object.assign(other._fullLayout.scene.camera, camera);
      sceneOf(other).setViewport(other._fullLayout.scene);
    }
  }

  function draw(gd) {
    const figure = figures[gd.id];
    gd.dataset.drawn = "0";
    const layout = { ...figure.layout, scene: { ...figure.layout.scene, camera: structuredClone(figure.layout.scene.camera) } };
    return window.Plotly.newPlot(gd, figure.data, layout, config).then(() => {
      if (!sceneOf(gd)) return;
      let scheduled = false;
      gd.on("plotly_relayouting", () => {
        if (scheduled) return;
        scheduled = true;
        requestAnimationFrame(() => { scheduled = false; follow(gd); });
      });
      gd.on("plotly_relayout", () => follow(gd));
      scene.drawn(gd);
      gd.dataset.drawn = "1";
    });
  }

  function settle() {
    const middle = window.innerHeight / 2;
    const away = (gd) => { const box = gd.getBoundingClientRect(); return Math.abs((box.top + box.bottom) / 2 - middle); };
    const near = new Set([...solid].sort((a, b) => away(a) - away(b)).slice(0, alive));
    for (const gd of solid) {
      if (near.has(gd) || gd.dataset.drawn !== "1") continue;
      scene.release(gd);
      delete gd.dataset.drawn;
    }
    near.forEach((gd) => { if (gd.dataset.drawn === undefined) draw(gd); });
  }

  settle();
  let waiting = 0;
  const later = () => { clearTimeout(waiting); waiting = setTimeout(settle, 120); };
  if (solid.length > alive) ["scroll", "resize"].forEach((name) => window.addEventListener(name, later, { passive: true }));
  for (const id of ids) {
    const gd = document.getElementById(id);
    if (solid.includes(gd)) continue;
    window.Plotly.newPlot(gd, figures[id].data, figures[id].layout, config).then(() => { gd.dataset.drawn = "1"; });
  }

  // On paper all scenes are seen: those that are not alive are drawn for it, one after the other.
  window.addEventListener("beforeprint", () => {
    for (const gd of solid.filter((each) => each.dataset.drawn === undefined)) {
      draw(gd).catch(() => {}); // it is gone before it has been drawn to the end
      scene.drawn(gd);
      scene.printed(gd);
      const picture = gd.firstElementChild.cloneNode(true);
      scene.release(gd);
      gd.append(picture);
      delete gd.dataset.drawn;
    }
  });
  window.addEventListener("afterprint", () => solid.filter((gd) => gd.dataset.drawn === undefined).forEach((gd) => gd.replaceChildren()));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") window.shatterscope.hideTip(); });
  document.querySelectorAll(".damage-graph").forEach((gd) => { if (!figures[gd.id]) gd.closest("section").remove(); });
})();
