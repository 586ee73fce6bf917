// How a figure gets on screen: dcc.Graph draws by Plotly.react, which is wrapped here as it arrives. A scene takes a tenth of a second to draw
// where there is no graphics card, so nothing is drawn that would not be seen:
// - a figure that stands there already, at this size, is left alone;
// - a change of size that the last drawing has already met draws nothing (dcc.Graph tells of each, a moment after);
// - one that is hidden or out of view is drawn when it comes into view, but for a scene's first, which takes longest: it gets ready unseen;
//   one that is out of view, and not hidden, at the latest when all answers are there: no click waits for it, and a page that is ready is drawn.
// What else happens to a drawing is in camera.js (`framed`, `still`, `drawn`) and lecture_dress.js (`dress`).
(function () {
  const page = (window.shatterscope = window.shatterscope || {});
  const hidden = (gd) => gd.clientWidth === 0 && gd.clientHeight === 0;
  const away = (gd) => {
    if (!document.documentElement.dataset.busy || gd.closest(".scene")) return false;
    const { top, bottom } = gd.getBoundingClientRect();
    return bottom < 0 || top > window.innerHeight;
  };
  const late = new Map(); // element -> how to draw it
  const drawLate = (gd) => {
    const draw = late.get(gd);
    if (!draw || hidden(gd)) return;
    late.delete(gd);
    shown.unobserve(gd);
    draw();
  };
  const shown = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => isIntersecting && drawLate(target)));
  const drawAll = () => [...late.keys()].forEach(drawLate);
  document.addEventListener("shatterscope:answered", drawAll);
  window.addEventListener("beforeprint", drawAll);

  // As many points as the screen has, at most two to each way; plotly's own two on any screen are four times the work on most.
  const density = () => Math.min(Math.max(window.devicePixelRatio || 1, 1), 2);

  const signature = (gd, { data, layout }) => JSON.stringify([gd.clientWidth, gd.clientHeight, data, layout], (key, value) => (key === "camera" ? undefined : value));

  const fits = (gd) => gd._fullLayout && Math.abs(gd._fullLayout.width - gd.clientWidth) < 1 && Math.abs(gd._fullLayout.height - gd.clientHeight) < 1;

  function install(Plotly) {
    const resize = Plotly.Plots.resize;
    Plotly.Plots.resize = (gd) => (hidden(gd) || late.has(gd) || fits(gd) || gd.dataset.printed ? Promise.resolve(gd) : resize(gd));

    const react = Plotly.react;
    Plotly.react = (graph, figure, ...rest) => {
      const gd = typeof graph === "string" ? document.getElementById(graph) : graph;
      const draw = () => page.still(gd, () => {
        const framed = page.dress ? page.dress(gd, page.framed(gd, figure)) : page.framed(gd, figure);
        const now = signature(gd, framed);
        if (gd._fullLayout && gd._drawn === now) return Promise.resolve(gd);
        gd._drawn = now;
        // Another configuration would make plotly begin anew, with a new WebGL context: who names none means the one that is there.
        gd._config = { ...(framed.config || gd._config), plotGlPixelRatio: density() };
        return Promise.resolve(react(gd, { ...framed, config: gd._config }, ...rest)).then((done) => {
          page.drawn(gd);
          if (!hidden(gd) && !fits(gd)) resize(gd); // its place has changed while it was drawn
          return done;
        });
      });
      late.delete(gd);
      const first = !gd._fullLayout || (gd.closest(".scene") && !gd.querySelector("canvas"));
      if (first || !(hidden(gd) || away(gd))) return draw();
      late.set(gd, draw);
      shown.observe(gd);
      return Promise.resolve(gd);
    };
  }

  // dcc.Graph fetches plotly from this address when the first graph appears: point it at the small 3D bundle that the page has begun to load,
  // and put the wrapper around it as it arrives.
  const early = document.querySelector('link[rel="preload"][as="script"]');
  Object.defineProperty(window, "_dashPlotlyJSURL", { get: () => (early ? early.href : "/assets/vendor/plotly-gl3d.min.js"), set() {} });
  let plotly;
  Object.defineProperty(window, "Plotly", {
    configurable: true,
    get: () => plotly,
    set(value) { plotly = value; if (value && value.react) install(value); },
  });
})();
