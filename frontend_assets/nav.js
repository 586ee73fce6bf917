// The way between pages: a link takes along what both pages understand (checkpoint, question, new object, edits), and finds the
// rest of the other page's address as it was left in this tab.
(function () {
  const CARRIES = { "/": ["c", "q", "t", "e", "scale"], "/compare": ["c", "q", "t", "e", "scale"], "/reproduce": ["c"], "/lecture": [] };
  const PLACE = ["lesson", "step", "reveal"]; // whoever leaves a lecture does not fall back into it
  const COMPUTED = "run"; // marks results that stand for just this address
  const load = () => { try { return JSON.parse(window.sessionStorage.getItem("pages")) || {}; } catch { return {}; } };
  const save = (left) => { try { window.sessionStorage.setItem("pages", JSON.stringify(left)); } catch { /* private window */ } };
  const here = () => (window.location.pathname in CARRIES ? window.location.pathname : "/");
  const part = (query, keep) => {
    const chosen = new URLSearchParams();
    new URLSearchParams(query).forEach((value, key) => { if (keep(key)) chosen.append(key, value); });
    return chosen;
  };

  // What this tab knows after leaving this page: the whole address of each page, and the shared parts by key.
  function leave() {
    const path = here();
    const query = part(window.shatterscope.state().query, (key) => !PLACE.includes(key)).toString();
    const known = load();
    if (!CARRIES[path].length) return known;
    const checkpoint = (text) => new URLSearchParams(text || "").get("c") || "";
    const other = checkpoint(known.shared) !== checkpoint(query);
    const rest = other ? "" : part(known.shared || "", (key) => !CARRIES[path].includes(key)).toString();
    const shared = [part(query, (key) => CARRIES[path].includes(key)).toString(), rest].filter(Boolean).join("&");
    return { pages: { ...known.pages, [path]: query }, shared };
  }

  function address(path, known) {
    const shared = part(known.shared, (key) => CARRIES[path].includes(key)).toString();
    const left = (known.pages && known.pages[path]) || "";
    const before = part(left, (key) => CARRIES[path].includes(key)).toString();
    if (before === shared && left) return `${path}?${left}`;
    const world = (text) => new URLSearchParams(text).get("c");
    const own = world(left) === world(shared) ? part(left, (key) => !CARRIES[path].includes(key) && key !== COMPUTED).toString() : "";
    const query = [shared, own].filter(Boolean).join("&");
    return query ? `${path}?${query}` : path;
  }

  // The address is put together when a link is about to be used, so that opening it in a new tab works as well.
  function prepare(event) {
    const link = event.target.closest && event.target.closest(".pages a");
    if (!link) return;
    const path = new URL(link.href, window.location.href).pathname;
    if (link.getAttribute("aria-current") === "page") { if (event.type === "click" && !event.ctrlKey && !event.metaKey) event.preventDefault(); return; }
    const known = leave();
    link.href = address(path, known).replaceAll("%7E", "~").replaceAll("%3A", ":");
  }
  window.addEventListener("pagehide", () => save(leave()));
  for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, prepare, true);
})();
