// What a 3D scene of plotly does not tell: where its points lie on screen, and what it has drawn. On every page and in exported files.
// Whatever touches private parts of a scene is here and in camera.js.
//
// Its element tells by events of two things: `shatterscope:drawn`, it stands on the page, and `shatterscope:rendering`, each time its
// pixels are drawn: what lies over them (names, the label under the pointer) goes with them.
(function () {
  const of = (gd) => (gd && gd._fullLayout && gd._fullLayout.scene && gd._fullLayout.scene._scene) || null;
  const alive = (gd) => { const scene = of(gd); return scene && scene.glplot && scene.glplot.cameraParams.view && !scene.glplot.gl.isContextLost() ? scene : null; };
  const all = () => [...document.querySelectorAll(".js-plotly-plot")].filter(alive);

  // From data to pixels of the scene: [x, y, depth]; null for what lies behind the eye.
  function lens(gd) {
    const scene = alive(gd);
    if (!scene) return null;
    const { model, view, projection } = scene.glplot.cameraParams;
    const times = (a, b) => Float64Array.from({ length: 16 }, (_, i) => [0, 1, 2, 3].reduce((sum, k) => sum + a[4 * k + (i % 4)] * b[4 * (i >> 2) + k], 0));
    const m = times(projection, times(view, model));
    const [sx, sy, sz] = scene.dataScale;
    const { clientWidth: width, clientHeight: height } = scene.container;
    const at = (x, y, z) => {
      const [a, b, c] = [x * sx, y * sy, z * sz];
      const w = m[3] * a + m[7] * b + m[11] * c + m[15];
      if (w <= 0) return null;
      return [(((m[0] * a + m[4] * b + m[8] * c + m[12]) / w + 1) / 2) * width, ((1 - (m[1] * a + m[5] * b + m[9] * c + m[13]) / w) / 2) * height,
        (m[2] * a + m[6] * b + m[10] * c + m[14]) / w];
    };
    return { at, width, height };
  }

  // The curve on screen: a place for each vertex.
  function curve(gd) {
    const seen = lens(gd);
    const trace = seen && gd._fullData[0];
    if (!trace || !trace.x) return [];
    return Array.from(trace.x, (x, i) => seen.at(x, trace.y[i], trace.z[i]));
  }

  // The scene's pixels as a PNG, `ratio` of them to each pixel of the page; drawn anew at once, so that a handler of `beforeprint` gets it.
  function pixels(gd, ratio = 2) {
    const scene = alive(gd);
    if (!scene) return null;
    const own = scene.glplot.pixelRatio;
    scene.glplot.pixelRatio = ratio;
    try { return scene.toImage("png"); } finally { scene.glplot.pixelRatio = own; scene.glplot.redraw(); }
  }

  // Frees the graphics card's memory now; the browser would in its own time, and bears only some 8 to 16 contexts.
  function release(gd) {
    const scene = alive(gd);
    const context = scene && scene.glplot.gl;
    window.Plotly.purge(gd);
    const ending = context && context.getExtension("WEBGL_lose_context");
    if (ending) ending.loseContext();
  }

  const tell = (gd, what) => gd.dispatchEvent(new CustomEvent(`shatterscope:${what}`, { bubbles: true }));
  function drawn(gd) {
    const scene = of(gd);
    if (!scene || !scene.glplot) return;
    // Which entity is meant is found by scene_point.js, not from a second drawing that nobody sees.
    scene.glplot.mouseListener.enabled = false;
    const { objects } = scene.glplot;
    const last = objects[objects.length - 1];
    if (objects.some((object) => object.pickSlots)) {
      objects.forEach((object) => { object.pickSlots = 0; });
      scene.glplot.remove(last); // whoever goes or comes makes the scene count its slots again,
      scene.glplot.add(last); // and drop the buffer that it would read back at each drawing
    }
    if (!scene.told) {
      scene.told = true;
      const draw = scene.drawAnnotations;
      scene.drawAnnotations = (...given) => {
        if (!alive(gd)) return;
        tell(gd, "rendering");
        draw(...given);
      };
      if (alive(gd)) scene.drawAnnotations(scene);
    }
    tell(gd, "drawn");
  }

  window.shatterscope = Object.assign(window.shatterscope || {}, { scene: { of, alive, all, lens, curve, pixels, release, drawn } });
})();
