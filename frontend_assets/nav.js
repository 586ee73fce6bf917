// The way between pages: a link takes along what both pages understand (checkpoint, question, new object, edits), and finds the
// rest of the other page's address as it was left in this tab.
(function () {
  const PLACE = ["lesson", "step", "reveal"]; // whoever leaves a lecture does not fall back into it
  const COMPUTED = "run"; // marks results that stand for just this address
  const load = () => { try { return JSON.parse(window.sessionStorage.getItem("pages")) || {}; } catch { return {}; } };
  const save = (left) => { try { window.sessionStorage.setItem("pages", JSON.stringify(left)); } catch { /* private window */ } };
  // By page the keys of its address that it has in common with others, as its link in the header says.
  const carried = () => Object.fromEntries(Array.from(document.querySelectorAll(".pages a[data-carries]"),
    (link) => [new URL(link.href).pathname, link.dataset.carries.split(" ").filter(Boolean)]));
  const here = (carries) => (window.location.pathname in carries ? window.location.pathname : "/");
  const part = (query, keep) => {
    const chosen = new URLSearchParams();
    new URLSearchParams(query).forEach((value, key) => { if (keep(key)) chosen.append(key, value); });
    return chosen;
  };

  // What this tab knows after leaving this page: the whole address of each page, and the shared parts by key.
  function leave(carries) {
    const path = here(carries);
    const known = load();
    if (!carries[path] || !carries[path].length) return known; // left before it was there, or with nothing to take along
    const query = part(window.shatterscope.state().query, (key) => !PLACE.includes(key)).toString();
    const checkpoint = (text) => new URLSearchParams(text || "").get("c") || "";
    const other = checkpoint(known.shared) !== checkpoint(query);
    const rest = other ? "" : part(known.shared || "", (key) => !carries[path].includes(key)).toString();
    const shared = [part(query, (key) => carries[path].includes(key)).toString(), rest].filter(Boolean).join("&");
    return { pages: { ...known.pages, [path]: query }, shared };
  }

  function address(path, known, carries) {
    const shared = part(known.shared, (key) => carries[path].includes(key)).toString();
    const left = (known.pages && known.pages[path]) || "";
    const before = part(left, (key) => carries[path].includes(key)).toString();
    if (before === shared && left) return `${path}?${left}`;
    const world = (text) => new URLSearchParams(text).get("c");
    const own = world(left) === world(shared) ? part(left, (key) => !carries[path].includes(key) && key !== COMPUTED).toString() : "";
    const query = [shared, own].filter(Boolean).join("&");
    return query ? `${path}?${query}` : path;
  }

  // The address is put together when a link is about to be used, so that opening it in a new tab works as well.
  function prepare(event) {
    const link = event.target.closest && event.target.closest(".pages a");
    if (!link) return;
    const path = new URL(link.href, window.location.href).pathname;
    if (link.getAttribute("aria-current") === "page") { if (event.type === "click" && !event.ctrlKey && !event.metaKey) event.preventDefault(); return; }
    const carries = carried();
    link.href = address(path, leave(carries), carries).replaceAll("%7E", "~").replaceAll("%3A", ":");
  }
  window.addEventListener("pagehide", () => save(leave(carried())));
  for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, prepare, true);
})();
