// One camera for both scenes, kept through every update.
//
// - Turning one scene turns the other (dcc.Graph does not tell Python about `plotly_relayouting`, so it is done here).
// - An update never moves the camera: a drawing (drawing.js) is given the camera the scene has now, unless the kind of view (flat or
//   solid) changes. An update that arrives while a scene is being dragged waits for the end of the drag.
// - A click on a point (scene_point.js) picks its entity (clicks.js).
// - `shatterscope.camera` reads the camera and sets it without telling back; `shatterscope:camera` tells of every turn by hand.
// - Where the camera rests, it goes to the `camera` store, and from there into the link.
(function () {
  const SCENES = ["scene-before", "scene-after"];
  const plot = (id) => document.querySelector(`#${id} .js-plotly-plot`);
  const sceneOf = (gd) => gd && gd._fullLayout && gd._fullLayout.scene && gd._fullLayout.scene._scene;
  const isScene = (gd) => SCENES.some((id) => gd && gd.closest && gd.closest(`#${id}`));
  let dragging = false;
  let waiting = [];
  let pressed = null; // the camera where a press began

  const numbers = (camera) => [camera.eye, camera.center, camera.up].flatMap((v) => [v.x, v.y, v.z].map((x) => +x.toFixed(4)));

  function place(gd, camera) {
    gd.layout.scene.camera = camera;
    gd._fullLayout.scene.camera = Object.assign({}, gd._fullLayout.scene.camera, camera);
    sceneOf(gd).setViewport(gd._fullLayout.scene);
  }

  function follow(gd) {
    const from = sceneOf(gd);
    if (!from) return;
    wanted = null;
    for (const id of SCENES) {
      const other = plot(id);
      if (other !== gd && sceneOf(other)) place(other, from.getCamera());
    }
    document.dispatchEvent(new CustomEvent("shatterscope:camera"));
  }

  // A view opened in place is seen from where its address says, or from the usual place.
  function look(camera) {
    for (const gd of SCENES.map(plot)) {
      const scene = sceneOf(gd);
      const usual = gd && gd.layout.meta && gd.layout.meta.camera;
      if (!scene || !usual) continue;
      const [ex, ey, ez, cx, cy, cz, ux, uy, uz] = camera || numbers(usual);
      const from = { eye: { x: ex, y: ey, z: ez }, center: { x: cx, y: cy, z: cz }, up: { x: ux, y: uy, z: uz } };
      if (String(numbers(scene.getCamera())) !== String(numbers(from))) place(gd, Object.assign({}, gd.layout.scene.camera, from));
    }
  }
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.camera = { look: (camera) => { look(camera); return window.dash_clientside.no_update; } };

  // A camera for the scenes of one kind of view (flat or solid): those that are not drawn yet take it when they are, until
  // somebody turns them.
  let wanted = null; // { view, at: nine numbers }
  function obey(gd) {
    const scene = sceneOf(gd);
    if (!wanted || !scene || gd._view !== wanted.view) return;
    const [eye, center, up] = [0, 3, 6].map((from) => ({ x: wanted.at[from], y: wanted.at[from + 1], z: wanted.at[from + 2] }));
    place(gd, { eye, center, up, projection: scene.getCamera().projection });
  }
  window.shatterscope = Object.assign(window.shatterscope || {}, {
    camera: {
      get: () => {
        const gd = SCENES.map(plot).find((each) => sceneOf(each) && each._view);
        return gd ? { view: gd._view, at: numbers(sceneOf(gd).getCamera()) } : null;
      },
      set: (camera) => { if (!dragging) { wanted = camera; SCENES.map(plot).forEach(obey); } },
    },
  });

  document.addEventListener("shatterscope:point", ({ target, detail }) => { if (isScene(target)) window.shatterscope.clicks.pick(detail.entity); });

  let scheduled = false;
  function followSoon(gd) {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => { scheduled = false; follow(gd); });
  }

  let rest = null;
  function tell(gd) {
    const from = sceneOf(gd);
    if (!from) return;
    const now = numbers(from.getCamera());
    // A click that turned nothing says nothing.
    if (pressed && String(now) === String(pressed)) return;
    clearTimeout(rest);
    rest = setTimeout(() => window.dash_clientside.set_props("camera", { data: now }), 300);
  }

  function listen(gd) {
    if (gd._cameraLock) return;
    gd._cameraLock = true;
    gd.on("plotly_relayouting", () => followSoon(gd));
    gd.on("plotly_relayout", (change) => {
      if (!change || !Object.keys(change).some((key) => key.startsWith("scene.camera"))) return;
      follow(gd);
      tell(gd);
    });
  }

  function release() {
    dragging = false;
    const run = waiting;
    waiting = [];
    run.forEach((next) => next());
  }
  window.addEventListener("pointerdown", (event) => {
    dragging = isScene(event.target);
    const gd = SCENES.map(plot).find((each) => each && each.contains(event.target));
    pressed = gd && sceneOf(gd) ? numbers(sceneOf(gd).getCamera()) : null;
  }, true);
  window.addEventListener("pointerup", () => setTimeout(release, 0), true);
  window.addEventListener("pointercancel", release, true);

  // For the drawing of a figure: the camera as it stands, and none of it during a drag.
  window.shatterscope = Object.assign(window.shatterscope || {}, {
    framed: (gd, figure) => {
      if (!isScene(gd)) return figure;
      const layout = figure && figure.layout;
      const kind = layout && layout.meta && layout.meta.view;
      if (sceneOf(gd) && layout && layout.scene && kind === gd._view) {
        const camera = sceneOf(gd).getCamera();
        camera.projection = layout.scene.camera && layout.scene.camera.projection;
        figure = { ...figure, layout: { ...layout, scene: { ...layout.scene, camera } } };
      }
      gd._view = kind;
      return figure;
    },
    drawn: (gd) => { if (isScene(gd)) { listen(gd); obey(gd); } if (sceneOf(gd)) window.shatterscope.scene.drawn(gd); },
    still: (gd, draw) => (dragging && isScene(gd) ? new Promise((resolve) => waiting.push(() => resolve(draw()))) : draw()),
  });
})();
