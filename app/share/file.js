// An exported file: draws its figures; the two scenes turn together, by hand and by the arrow keys.
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, displaylogo: false, responsive: true, plotlyServerURL: "" };
  const scenes = ["scene-before", "scene-after"].map((id) => document.getElementById(id));
  const sceneOf = (gd) => gd._fullLayout && gd._fullLayout.scene && gd._fullLayout.scene._scene;

  function follow(gd) {
    const from = sceneOf(gd);
    for (const other of scenes) {
      if (other === gd || !from || !sceneOf(other)) continue;
      const camera = from.getCamera();
      other.layout.scene.camera = camera;
      Object.assign(other._fullLayout.scene.camera, camera);
      sceneOf(other).setViewport(other._fullLayout.scene);
    }
  }

  function turn(gd, key) {
    const camera = sceneOf(gd).getCamera();
    const { x, y, z } = camera.eye;
    const flat = gd.layout.meta && gd.layout.meta.view === "flat";
    const length = Math.hypot(x, y, z);
    let around = Math.atan2(y, x);
    let up = Math.asin(z / length);
    let away = length;
    if (key === "+" || key === "=") away *= 0.9;
    else if (key === "-") away *= 1.1;
    else if (flat) return false;
    else if (key === "ArrowLeft") around -= 0.15;
    else if (key === "ArrowRight") around += 0.15;
    else if (key === "ArrowUp") up = Math.min(up + 0.15, 1.5);
    else if (key === "ArrowDown") up = Math.max(up - 0.15, -1.5);
    else return false;
    const eye = flat ? { x: 0, y: 0, z: away } : { x: away * Math.cos(up) * Math.cos(around), y: away * Math.cos(up) * Math.sin(around), z: away * Math.sin(up) };
    window.Plotly.relayout(gd, { "scene.camera": { ...camera, eye } });
    return true;
  }

  for (const gd of scenes) {
    const figure = figures[gd.id];
    window.Plotly.newPlot(gd, figure.data, figure.layout, config).then(() => {
      let scheduled = false;
      gd.on("plotly_relayouting", () => {
        if (scheduled) return;
        scheduled = true;
        requestAnimationFrame(() => { scheduled = false; follow(gd); });
      });
      gd.on("plotly_relayout", () => follow(gd));
      gd.addEventListener("keydown", (event) => { if (turn(gd, event.key)) event.preventDefault(); });
      gd.dataset.drawn = "1";
    });
  }
  const damage = document.getElementById("damage");
  if (damage && figures.damage) window.Plotly.newPlot(damage, figures.damage.data, figures.damage.layout, config);
  else if (damage) damage.closest("section").remove();
})();
