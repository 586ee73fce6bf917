// Sharing. What the server has to do is asked through the `share-asked` store (app/kit/share/callbacks.py), which answers through
// `share-told`; files come from `/export.…` below the page's address. What only a browser can do (clipboard, pictures of its figures, saving) is done here.
(function () {
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);
  const say = (text) => set("share-said", { children: text });
  const KEY = "shatterscope-views"; // this browser's own views: id -> token
  const tokens = () => { try { return JSON.parse(window.localStorage.getItem(KEY)) || {}; } catch { return {}; } };
  const keep = (all) => { try { window.localStorage.setItem(KEY, JSON.stringify(all)); } catch { /* private window */ } };

  let pins = null; // of each checkpoint: what a link says of its weights
  let version = null;
  const checkpoint = () => { const select = byId("checkpoint"); return select ? select.value : ""; };

  // The query with the checkpoint named and its weights pinned. A room is where one looks, not what is seen.
  function pinned(query) {
    const name = checkpoint();
    if (!pins || !pins[name]) return query;
    const parts = query.replace(/^\?/, "").split("&").filter((part) => part && !/^(c|h|ver|room)=/.test(part));
    return `?${[`c=${name}`, ...parts, `h=${pins[name]}`, `ver=${version}`].join("&")}`;
  }
  const link = () => { const { path, query } = window.shatterscope.state(); return window.location.origin + path + pinned(query); };

  // One is asked at a time, because a request that is overtaken by the next is given up (busy.js), and with it what it was to store.
  const waiting = [];
  let asked = null; // { at, ... }
  function ask(what, more) {
    const { path, query } = window.shatterscope.state();
    waiting.push({ what, path, query: pinned(query), checkpoint: checkpoint(), origin: window.location.origin, ...more });
    if (!asked) next();
  }
  function next() {
    asked = waiting.length ? { ...waiting.shift(), at: Date.now() } : null;
    if (asked) set("share-asked", { data: asked });
  }
  // What has no answer by then will have none: the server was not reached, or the person cancelled.
  document.addEventListener("shatterscope:idle", () => { if (asked && Date.now() - asked.at > 300) next(); });

  const copy = async (text, said) => say(await window.shatterscope.copy(text) ? said : "");

  async function file(format, button) {
    button.disabled = true;
    say("Making the file …");
    try {
      const { path, query } = window.shatterscope.state();
      const shown = format === "html" && document.querySelector("#placements-fold[open] table") ? `${query ? "&" : "?"}open=placements` : "";
      const response = await fetch(`${path === "/" ? "" : path}/export.${format}${pinned(query + shown)}`);
      if (!response.ok) { say(await response.text()); return; }
      const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") || "");
      const content = await response.blob();
      window.shatterscope.save(name ? name[1] : `shatterscope.${format}`, content, content.type);
      say(`Saved ${name ? name[1] : "it"} (${(content.size / 1e6).toFixed(content.size < 1e5 ? 2 : 1)} MB).`);
    } catch { say("The server is not reached. Try again when it is back."); } finally { button.disabled = false; }
  }

  function showQr(button) {
    const box = byId("share-qr");
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    box.hidden = !open;
    if (open) ask("qr");
  }

  const actions = {
    "link-copy": () => copy(link(), "The link is copied. It holds the whole view."),
    "link-qr": showQr,
    "view-save": () => ask("save", { title: byId("view-title").value, note: byId("view-note").value }),
  };
  for (const name of ["bibtex", "command", "spec"]) actions[`cite-${name}-copy`] = () => copy(byId(`cite-${name}`).textContent, "Copied.");

  async function picture(button) {
    const [id, format] = button.dataset.picture.split(".");
    const gd = document.querySelector(`#${id} .js-plotly-plot`) || byId(id);
    if (!gd || !gd._fullData || !gd._fullData.length) { say("There is nothing in this figure yet: apply an edit first."); return; }
    say(`Saved ${await window.shatterscope.savePicture(gd, button.parentElement.firstChild.textContent, format)}.`);
  }

  // A line for every figure card on the page; the card's own buttons do the work.
  function listCards() {
    const list = document.querySelector(".share-pictures[data-cards]");
    if (!list) return;
    const line = (card) => {
      const name = card.querySelector(".figure-title").textContent.trim();
      const row = document.createElement("span");
      row.className = "share-picture";
      row.append(Object.assign(document.createElement("span"), { textContent: name }));
      for (const kind of ["png", "svg"]) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: kind.toUpperCase() });
        button.setAttribute("aria-label", `${name} as ${kind.toUpperCase()}`);
        button.addEventListener("click", () => { card.querySelector(`[data-download=${kind}]`).click(); say(`Saving ${name} …`); });
        row.append(button);
      }
      return row;
    };
    const drawn = (card) => { const gd = card.querySelector(".js-plotly-plot"); return gd && gd._fullData && gd._fullData.length; };
    list.replaceChildren(...[...document.querySelectorAll(".figure-card:has(.graph)")].filter(drawn).map(line));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (!button || event.detail > 1) return; // the second half of a double click
    if (actions[button.id]) actions[button.id](button);
    else if (button.dataset.export) file(button.dataset.export, button);
    else if (button.dataset.picture) picture(button);
    else if (button.dataset.copy) window.shatterscope.copyFrom(button, window.location.origin + button.dataset.copy);
    else if (button.dataset.delete) ask("delete", { id: button.dataset.delete, token: tokens()[button.dataset.delete] });
  });

  // `toggle` does not bubble. What the popover tells of a view is of the view it was opened on.
  document.addEventListener("toggle", (event) => {
    if (event.target.id === "cite" && event.target.open) ask("cite");
    if (event.target.id !== "share") return;
    const qr = byId("link-qr");
    if (qr && qr.getAttribute("aria-expanded") === "true") showQr(qr);
    if (event.target.open) { say(""); listCards(); const cite = byId("cite"); if (cite && cite.open) ask("cite"); }
  }, true);

  // A view can be deleted by the browser that saved it, which knows its token.
  function owned() {
    const mine = tokens();
    document.querySelectorAll("[data-delete]").forEach((button) => { button.hidden = !mine[button.dataset.delete]; });
  }
  new MutationObserver(() => { if (byId("gallery-cards")) owned(); }).observe(document.documentElement, { childList: true, subtree: true });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.share = {
    pins: (data) => { if (data) ({ pins, version } = data); return window.dash_clientside.no_update; },
    told: (told) => {
      if (told && asked && told.at === asked.at) next();
      if (told && told.saved) keep({ ...tokens(), [told.saved]: told.token });
      if (told && told.deleted) {
        const { [told.deleted]: _, ...rest } = tokens();
        keep(rest);
        document.querySelectorAll(`[data-view="${told.deleted}"]`).forEach((card) => { card.hidden = true; });
      }
      return window.dash_clientside.no_update;
    },
  };
})();
