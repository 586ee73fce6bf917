// The strength slider draws while it is dragged: the scene after the edits at every stop of the slider is a real model's, asked for one by
// one (app/pages/explore/strengths.py), the nearest to the thumb first. No request is given up for a newer one: when one ends, the next asks for what is
// nearest by then, so that pictures keep coming however fast the thumb moves. What is drawn is the nearest stop that has come, and
// the scene says which. The numbers, and the picture's words, follow when the thumb is let go (clicks.js).
(function () {
  const AT_ONCE = 2; // requests, a stop each: while one is computed, the next is on its way
  const REST = 150; // milliseconds without movement until the thumb is held still; who asked for less motion sees a picture only then
  const page = window.shatterscope;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const plot = (name) => document.querySelector(`#scene-${name} .js-plotly-plot`);
  const store = (id) => window.dash_component_api.getLayout(id).props.data;

  let pictures = new Map(); // stop -> what changes in the figures, null where there is nothing to draw
  let view = ""; // what they are pictures of
  let wanted = null; // where the thumb is, while it is held
  let shown = null; // the stop drawn last
  let asked = new Set(); // stops on their way
  let drawing = false;
  let still = false; // the thumb is held and has not moved for a moment
  let resting = null;

  // Everything the pictures depend on: the last edit without its strength.
  function viewNow() {
    const { checkpoint, edits } = store("part-model");
    const last = (edits[edits.length - 1] || "").split("~");
    last[6] = "";
    return JSON.stringify([checkpoint, edits.slice(0, -1), last, store("part-see"), store("part-ask"), store("part-aim")]);
  }

  // Every second stop is asked for beforehand, while nothing else is to be done, except by those who only watch. Those between are asked for
  // while the thumb is held still: before, they would take the time in which the others are drawn.
  const isCoarse = (stop, range) => Math.round((stop - range.min) / range.step) % 2 === 0;
  const atRest = () => document.getElementById("status").dataset.state === "idle" && !document.hidden && document.documentElement.dataset.room !== "follower";

  function stops(range) {
    const from = wanted === null ? Number(range.value) : wanted;
    const [low, high, step] = [range.min, range.max, range.step].map(Number);
    const all = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => Number((low + i * step).toFixed(4)));
    return all.sort((one, other) => Math.abs(one - from) - Math.abs(other - from));
  }

  async function ask(range) {
    const held = wanted !== null;
    if (asked.size >= (held ? AT_ONCE : 1) || !(held || atRest())) return;
    const missing = stops(range).filter((each) => !pictures.has(each) && !asked.has(each));
    const stop = missing.find((each) => isCoarse(each, range)) ?? (held && still ? missing[0] : undefined);
    const query = page.state().query.replace(/^\?/, "");
    if (stop === undefined || !new URLSearchParams(query).has("e")) return; // an undone edit has no strength
    asked.add(stop);
    const [before, waiting] = [pictures, asked];
    ask(range);
    let found = null;
    try {
      const answer = await fetch(`/strengths?at=${stop}&${query}`);
      if (answer.ok) found = (await answer.json())[String(stop)] || null;
    } catch { /* without pictures on the way, the one at the end comes all the same */ }
    before.set(stop, found);
    waiting.delete(stop);
    if (still || !calm.matches) draw(range);
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

  function look() {
    const now = viewNow();
    if (now !== view) { [pictures, asked, view, shown] = [new Map(), new Set(), now, null]; }
  }

  function move(range) {
    if (range.disabled) return;
    look();
    wanted = Number(range.value);
    document.getElementById("strength-value").firstChild.nodeValue = wanted.toFixed(2);
    still = false;
    ask(range);
    clearTimeout(resting);
    resting = setTimeout(() => { still = true; ask(range); draw(range); }, REST);
    if (!calm.matches) draw(range);
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
    const range = document.getElementById("strength");
    if (!range || range.disabled) return;
    look();
    ask(range);
  });
})();
