// What the scenes wear in a lecture, for the last row: thicker points and lines, larger and shorter names.
(function () {
  const { lecture } = window.shatterscope;
  const plots = () => [...document.querySelectorAll(".scene .js-plotly-plot")];
  const NAMES = [["true object", "truth"], ["new object", "new"]];
  const PHONE = window.matchMedia("(max-width: 900px)");
  const named = (note) => {
    const text = NAMES.reduce((found, [long, short]) => found.replace(long, short), note.text);
    return { ...note, text, arrowwidth: 2, font: { ...note.font, size: PHONE.matches ? 12 : 20 } };
  };
  function dressed(figure) {
    if (!lecture.active() || !figure || !figure.data || !figure.data.length) return figure;
    const [ring, marks, ...rest] = figure.data;
    const thicker = PHONE.matches ? 0.8 : 1.5;
    const bigger = (sizes, by) => (Array.isArray(sizes) ? sizes.map((size) => size * by) : sizes * by);
    const data = [
      { ...ring, marker: { ...ring.marker, size: ring.marker.size * thicker }, line: { ...ring.line, width: ring.line.width * (thicker + 0.5) } },
      marks && { ...marks, marker: { ...marks.marker, size: bigger(marks.marker.size, thicker) } },
      ...rest,
    ].filter(Boolean);
    const scene = figure.layout.scene;
    const bare = lecture.without("new");
    if (bare && marks && marks.x.length === 6) { // each of the three is drawn twice
      const kept = (list) => list.filter((_, index) => index % 3 !== 2);
      const { size, symbol, color } = data[1].marker;
      data[1] = { ...data[1], x: kept(marks.x), y: kept(marks.y), z: kept(marks.z), marker: { ...data[1].marker, size: kept(size), symbol: kept(symbol), color: kept(color) } };
    }
    const annotations = (scene.annotations || []).filter((note) => !bare || !note.text.includes("new object")).map(named);
    return { ...figure, data, layout: { ...figure.layout, scene: { ...scene, annotations } } };
  }
  // The figure as Dash made it is kept, so that entering and leaving draw it again in the other dress.
  function dress(gd, figure) {
    if (!gd.closest(".scene")) return figure;
    gd._plain = figure;
    lecture.looks();
    return dressed(figure);
  }
  function dressNow() {
    plots().forEach((gd) => { if (gd._plain && window.Plotly) window.Plotly.react(gd, gd._plain); });
  }

  lecture.dressNow = dressNow;
  window.shatterscope.dress = dress;
})();
