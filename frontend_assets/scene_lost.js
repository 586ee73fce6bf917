// A graphics card that starts anew, or is short of memory, takes the WebGL contexts of a page away, and what they had drawn. Each scene
// is drawn again in a context of its own, seen from where it was. Where the browser gives none, the scene says so and goes on trying.
(function () {
  const PAUSES = [0, 100, 300, 1000, 2000];
  const SAID = "The browser lost the graphics context of this picture and has not restored it yet. Reload the page to see it: the address keeps what is shown.";
  const page = window.shatterscope.scene;
  const waiting = new Map(); // scene's element -> its timer

  function given() {
    const context = document.createElement("canvas").getContext("webgl");
    if (!context || context.isContextLost()) return false;
    const ending = context.getExtension("WEBGL_lose_context");
    if (ending) ending.loseContext();
    return true;
  }

  function say(gd, text) {
    const box = gd.closest(".scene") || gd.parentElement;
    let told = box.querySelector(":scope > .problem.lost");
    if (text && !told) {
      told = Object.assign(document.createElement("p"), { className: "problem lost" });
      told.setAttribute("role", "alert");
      box.append(told);
    }
    if (told) { if (text) told.textContent = text; else told.remove(); }
    document.dispatchEvent(new CustomEvent("shatterscope:problem"));
  }

  function draw(gd) {
    const scene = page.of(gd);
    if (!gd.isConnected || !scene || !scene.glplot || !scene.glplot.gl.isContextLost()) return; // drawn anew by somebody else
    const camera = scene.getCamera();
    gd.layout.scene.camera = camera;
    scene.destroy();
    gd._fullLayout.scene._scene = null;
    window.Plotly.redraw(gd).then(() => { say(gd, ""); page.drawn(gd); });
  }

  function attempt(gd, tried) {
    clearTimeout(waiting.get(gd));
    waiting.delete(gd);
    if (given()) { draw(gd); return; }
    if (tried + 1 >= PAUSES.length) say(gd, SAID);
    const pause = PAUSES[Math.min(tried + 1, PAUSES.length - 1)];
    waiting.set(gd, setTimeout(() => attempt(gd, tried + 1), pause));
  }

  const plotOf = (event) => event.target.closest && event.target.closest(".js-plotly-plot");
  window.addEventListener("webglcontextlost", (event) => {
    const gd = plotOf(event);
    if (!gd || !page.of(gd)) return;
    event.preventDefault(); // so that the browser may give it back
    if (waiting.has(gd)) return;
    waiting.set(gd, setTimeout(() => attempt(gd, 0), PAUSES[0]));
  }, true);
  window.addEventListener("webglcontextrestored", (event) => { const gd = plotOf(event); if (gd && waiting.has(gd)) attempt(gd, 0); }, true);

  // Plotly's own way waits for the old context, in every frame.
  document.addEventListener("shatterscope:drawn", ({ target }) => { page.of(target).recoverContext = () => {}; });
})();
