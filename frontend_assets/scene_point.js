// Which entity the pointer means: one function decides, for the label that is shown and for what a click picks. The nearest entity on
// screen within reach wins, found by the scene's own matrices, so that a quick click or a finger picks as well.
//
// A click on an entity is told by the event `shatterscope:point` of the scene's element, with the entity.
(function () {
  const REACH = 12; // pixels
  const page = window.shatterscope.scene;
  let pointer = null; // { gd, x, y }: a mouse over a scene, no button pressed
  let pressed = null; // { gd, x, y, found }
  let labelled = null; // the scene's element that shows a label

  function at(gd, x, y) {
    const scene = page.alive(gd);
    const trace = gd._fullData && gd._fullData[0];
    if (!scene || !trace || !trace.customdata) return null;
    const box = scene.container.getBoundingClientRect();
    const [px, py] = [((x - box.left) / box.width) * scene.container.clientWidth, ((y - box.top) / box.height) * scene.container.clientHeight];
    const places = page.curve(gd);
    let best = null;
    for (let i = 0; i < places.length - 1; i += 1) { // the last vertex is the first one again
      if (!places[i]) continue;
      const [cx, cy, depth] = places[i];
      const distance = Math.hypot(cx - px, cy - py);
      const away = distance + 2 * depth; // of two in one place, the one in front
      if (distance <= REACH && (best === null || away < best.away)) best = { away, i, x: cx, y: cy, entity: Number(trace.customdata[i]) };
    }
    return best;
  }

  function hide() {
    const scene = labelled && page.of(labelled);
    if (scene && scene.svgContainer) window.Plotly.Fx.loneUnhover(scene.svgContainer);
    labelled = null;
  }

  function label(gd, found) {
    if (labelled && labelled !== gd) hide();
    if (!found) { hide(); return; }
    const scene = page.of(gd);
    const trace = gd._fullData[0];
    const text = trace.hovertemplate.replace("%{customdata}", found.entity).replace("%{marker.color}", trace.marker.color[found.i]).replace(/<extra>.*/, "");
    const { bgcolor, bordercolor, font } = gd._fullLayout.hoverlabel;
    const look = { color: bgcolor, borderColor: bordercolor, fontFamily: font.family, fontSize: font.size, fontColor: font.color };
    const { clientWidth, clientHeight } = scene.container;
    scene.svgContainer.setAttribute("viewBox", `0 0 ${clientWidth} ${clientHeight}`);
    window.Plotly.Fx.loneHover({ x: found.x, y: found.y, text, ...look }, { container: scene.svgContainer, gd });
    labelled = gd;
  }

  const sceneAt = (event) => { const gd = event.target.closest && event.target.closest(".js-plotly-plot"); return gd && page.alive(gd) ? gd : null; };

  let scheduled = false;
  function look() {
    scheduled = false;
    if (pointer && !pressed) label(pointer.gd, at(pointer.gd, pointer.x, pointer.y)); else if (!pointer) hide();
  }
  function lookSoon() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(look);
  }

  window.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const gd = sceneAt(event);
    pointer = gd && { gd, x: event.clientX, y: event.clientY };
    if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) >= 5) hide();
    if (gd || labelled) lookSoon();
  }, true);
  const leave = () => { pointer = null; hide(); };
  document.addEventListener("pointerleave", leave);
  window.addEventListener("blur", leave);
  window.addEventListener("scroll", leave, true);

  window.addEventListener("pointerdown", (event) => {
    const gd = sceneAt(event);
    pressed = gd && { gd, x: event.clientX, y: event.clientY, found: at(gd, event.clientX, event.clientY) };
    if (labelled && labelled !== gd) hide();
  }, true);
  window.addEventListener("pointerup", (event) => {
    const press = pressed;
    pressed = null;
    if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) >= 5) return;
    label(press.gd, press.found);
    if (press.found) press.gd.dispatchEvent(new CustomEvent("shatterscope:point", { bubbles: true, detail: { entity: press.found.entity } }));
  }, true);
  window.addEventListener("pointercancel", () => { pressed = null; }, true);

  // A drawing takes the label away, and may have moved what lies under the pointer.
  document.addEventListener("shatterscope:rendering", ({ target }) => { if (target === labelled || (pointer && pointer.gd === target)) lookSoon(); });
})();
