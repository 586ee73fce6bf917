// The strength slider draws while it is dragged: the scene after the edits at every stop of the slider is a real model's, asked for a few stops at
// a time (app/strengths.py), the nearest to the thumb first. No request is given up for a newer one: when one ends, the next asks for what is
// nearest by then, so that pictures keep coming however fast the thumb moves. What is drawn is the nearest stop that has come, and
// the scene says which. The numbers, and the picture's words, follow when the thumb is let go (clicks.js).
(function () {
  const BATCH = 4; // stops in one request
  const REST = 150; // milliseconds without movement until a picture, for those who asked their system for less motion
  const page = window.shatterscope;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const plot = (name) => document.querySelector(`#scene-${name} .js-plotly-plot`);
  const store = (id) => window.dash_component_api.getLayout(id).props.data;

  let pictures = new Map(); // stop -> what changes in the figures, null where there is nothing to draw
  let view = ""; // what they are pictures of
  let wanted = null; // where the thumb is, while it is held
  let shown = null; // the stop drawn last
  let asking = false;
  let drawing = false;
  let resting = null;

  // Everything the pictures depend on: the last edit without its strength.
  function viewNow() {
    const { checkpoint, edits } = store("part-model");
    const last = (edits[edits.length - 1] || "").split("~");
    last[6] = "";
    return JSON.stringify([checkpoint, edits.slice(0, -1), last, store("part-see"), store("part-ask"), store("part-aim")]);
  }

  function stops(range) {
    const [low, high, step] = [range.min, range.max, range.step].map(Number);
    const all = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => Number((low + i * step).toFixed(4)));
    return all.sort((one, other) => Math.abs(one - wanted) - Math.abs(other - wanted));
  }

  async function ask(range) {
    if (asking || wanted === null) return;
    const missing = stops(range).filter((stop) => !pictures.has(stop)).slice(0, BATCH);
    if (!missing.length) return;
    asking = true;
    const asked = view;
    let found = {};
    try {
      const query = page.state().query.replace(/^\?/, "");
      const answer = await fetch(`/strengths?${missing.map((stop) => `at=${stop}&`).join("")}${query}`);
      if (answer.ok) found = await answer.json();
    } catch { /* without pictures on the way, the one at the end comes all the same */ }
    asking = false;
    if (asked === view) missing.forEach((stop) => pictures.set(stop, found[String(stop)] || null));
    draw(range);
    ask(range);
  }

  // A copy of a figure with other values at some of its paths.
  function changed(figure, path, value) {
    if (!path.length) return value;
    const copy = Array.isArray(figure) ? [...figure] : { ...figure };
    copy[path[0]] = changed(copy[path[0]], path.slice(1), value);
    return copy;
  }

  async function paint(name, update) {
    const gd = plot(name);
    if (!gd || !gd._fullLayout) return;
    const figure = update.reduce((sum, [path, value]) => changed(sum, path, value), { data: gd.data, layout: gd.layout });
    await window.Plotly.react(gd, figure);
  }

  function draw(range) {
    if (drawing || wanted === null) return;
    const stop = stops(range).find((each) => pictures.get(each));
    if (stop === undefined || stop === shown) return;
    drawing = true;
    requestAnimationFrame(async () => {
      if (wanted !== null) await Promise.all(Object.entries(pictures.get(stop) || {}).map(([name, update]) => paint(name, update)));
      drawing = false;
      if (wanted === null) return; // let go meanwhile: the answer says what is shown
      shown = stop;
      document.getElementById("caption-after").dataset.strength = stop.toFixed(2);
      setTimeout(() => draw(range), 0);
    });
  }

  function move(range) {
    if (range.disabled) return;
    const now = viewNow();
    if (now !== view) { pictures = new Map(); view = now; shown = null; }
    wanted = Number(range.value);
    document.getElementById("strength-value").firstChild.nodeValue = wanted.toFixed(2);
    ask(range);
    clearTimeout(resting);
    if (calm.matches) resting = setTimeout(() => draw(range), REST);
    else draw(range);
  }

  const ours = (event) => event.target.id === "strength";
  document.addEventListener("pointerdown", (event) => { if (ours(event)) move(event.target); }, true);
  document.addEventListener("input", (event) => { if (ours(event)) move(event.target); });
  // The last word is the answer's, which draws this very model with its numbers.
  const end = () => { wanted = null; clearTimeout(resting); };
  document.addEventListener("change", (event) => { if (ours(event)) end(); });
  document.addEventListener("pointerup", (event) => { if (ours(event)) setTimeout(end, 0); });
  document.addEventListener("shatterscope:idle", () => {
    if (wanted !== null) return;
    shown = null;
    delete document.getElementById("caption-after")?.dataset.strength;
  });
})();
