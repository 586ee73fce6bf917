// What lies over the page. A press elsewhere closes its folds (a method's explanation, Share). Esc closes the uppermost thing that is open and
// does no more: only when nothing is open does it reach the page, where it cancels what is computed or leaves a lecture.
(function () {
  const page = (window.shatterscope = window.shatterscope || {});
  const root = document.documentElement;
  const folds = () => [...document.querySelectorAll("details.about[open], details.share[open]")];
  const close = (keep) => folds().forEach((fold) => { if (!fold.contains(keep)) fold.open = false; });
  document.addEventListener("pointerdown", (event) => close(event.target));

  function closeFolds() {
    const found = folds();
    found.forEach((fold) => { if (fold.contains(document.activeElement)) fold.querySelector("summary").focus(); });
    close(null);
    return found.length > 0;
  }
  function closeDialog() {
    const dialog = document.querySelector("dialog[open]");
    if (dialog) dialog.close();
    return Boolean(dialog);
  }
  // In a lecture Esc gives up a field before it gives up the lecture.
  function leaveField() {
    const at = document.activeElement;
    const field = root.dataset.lecture !== undefined && at && at.matches("input, select, textarea");
    if (field) at.blur();
    return field;
  }
  const layers = [
    () => document.getElementById("lecture-cover") && page.lecture.blank(false) !== false,
    () => page.hideTip(),
    closeDialog,
    closeFolds,
    leaveField,
  ]; // from the top down; each says whether there was something

  // Before anybody else hears of the key.
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const own = document.querySelector("dialog:modal, [popover]:popover-open"); // the browser closes these by itself
    if (!own && !layers.some((layer) => layer())) return;
    if (!own) event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
