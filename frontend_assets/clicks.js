// A click means what was on screen when it was made, once, on any network.
//
// Each is put, at once, into a queue with the controls as they stand. The queue is the `clicks` store, so that every call of the page's callback
// carries all that no answer has seen yet; an answer says which it has seen (app/pages/explore/callbacks/happened.py), and the queue forgets them.
// A call that is overtaken, or that never comes back, thus loses nothing and does nothing twice.
//
// A click that changes the model makes its step in the browser's history at once, and the answer gives that step its address (url.js). So
// the browser's back means the same before the answer as after it: it takes the newest such click back.
(function () {
  const page = (window.shatterscope = window.shatterscope || {});
  const BUTTONS = ["apply", "undo", "redo", "reset", "compare-run", "compare-unstack"]; // by id
  const PATTERNS = ["remove", "join", "mend", "write"]; // by the type of their id
  const MODEL = ["apply", "undo", "redo", "reset", "remove", "join", "write", "strength", "compare-run"]; // what makes a step
  const AGAIN = ["undo", "redo"]; // a double click on these means two
  let queue = [];
  let last = 0; // the newest click's id
  let held = ""; // the address of the step that waits for its own

  // Empty where this page has no such element: Dash throws there.
  const props = (id) => { try { return window.dash_component_api.getLayout(id).props || {}; } catch { return {}; } };
  const data = (id) => props(id).data;
  const own = (text) => (text.startsWith("{") ? JSON.parse(text) : text);
  const makes = (click) => MODEL.includes(click.kind);
  const spare = () => Boolean(window.history.state && window.history.state.spare);

  // The controls as they stand: by id, and those of a form, whose ids are patterns, as a list.
  function screen() {
    const [value, form] = [{}, []];
    document.querySelectorAll("[data-control]").forEach((element) => {
      const id = own(element.id);
      const now = props(id).value;
      if (typeof id === "string") value[id] = now === undefined ? null : now;
      else form.push({ id, value: now === undefined ? null : now });
    });
    return { value, form };
  }

  function publish() {
    if (data("clicks") || queue.length) window.dash_clientside.set_props("clicks", { data: { queue } });
  }

  // The entry of the browser's history for the clicks that wait for an answer.
  function hold() {
    if (page.lecture.active()) return; // there a step is the lesson's
    if (queue.some(makes) && !spare()) window.history.pushState({ spare: true }, "", window.location.href);
    if (spare()) held = window.location.href;
  }

  function forget(seen) {
    queue = queue.filter((click) => click.id > (seen || 0));
  }

  // `instead`: clicks that this one makes void.
  function add(kind, what = null, instead = () => false) {
    last += 1;
    queue = [...queue.filter((click) => !instead(click)), { id: last, kind, what, ...screen() }];
    hold();
    if (kind === "apply") window.dash_clientside.set_props("undo", { disabled: false });
    publish();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button[id]");
    if (!button || button.disabled) return;
    const id = own(button.id);
    const [kind, what] = typeof id === "string" ? [id, null] : [id.type, id.index];
    if (!(typeof id === "string" ? BUTTONS : PATTERNS).includes(kind)) return;
    if (event.detail > 1 && !AGAIN.includes(kind)) return; // the second half of a double click
    add(kind, what);
  }, true);

  // The strength belongs to the last edit of the stack that the slider was shown for.
  document.addEventListener("change", (event) => {
    if (event.target.id !== "strength") return;
    const { edits } = data("part-model");
    if (!edits.length) return;
    const edit = `${edits.length - 1}~${edits[edits.length - 1]}`;
    const newest = queue[queue.length - 1];
    add("strength", { edit, value: Number(event.target.value) }, (click) => click === newest && click.kind === "strength" && click.what.edit === edit);
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.clicks = {
    // Told of every answer, by what it has seen.
    answered: (told) => { forget(told && told.seen && told.seen.click); hold(); return window.dash_clientside.no_update; },
  };

  page.clicks = {
    add,
    screen,
    waiting: () => queue.length,
    spare,
    pick: (entity) => {
      const role = props("pick").value || "subject";
      add("pick", { entity, as: role });
      if (role === "subject") window.dash_clientside.set_props("subject", { value: entity });
    },
    // Those before an address is opened are void: it says what the page is.
    drop: () => { if (queue.length) { queue = []; publish(); } },
    // The browser went back. True where that took back a click without an answer, and the page stays what it is.
    back: () => {
      forget(((data("history") || data("compare-plan") || {}).seen || {}).click);
      const newest = queue.filter(makes).pop();
      if (!newest || spare() || page.lecture.active() || page.model(held) !== page.model(window.location.href)) return false;
      window.history.replaceState(null, "", held);
      queue = queue.filter((click) => click.id < newest.id);
      hold();
      publish();
      return true;
    },
  };
})();
