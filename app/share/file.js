// An exported file: draws its figures; the two scenes turn together.
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
      gd.dataset.drawn = "1";
    });
  }
  const damage = document.getElementById("damage");
  if (damage && figures.damage) window.Plotly.newPlot(damage, figures.damage.data, figures.damage.layout, config);
  else if (damage) damage.closest("section").remove();
})();
