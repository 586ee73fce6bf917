// Folds that lie over the page (a method's explanation, Share) close when the person turns to something else.
(function () {
  const open = () => [...document.querySelectorAll("details.about[open], details.share[open]")];
  const close = (keep) => open().forEach((fold) => { if (!fold.contains(keep)) fold.open = false; });
  document.addEventListener("pointerdown", (event) => close(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    open().forEach((fold) => { if (fold.contains(document.activeElement)) fold.querySelector("summary").focus(); });
    close(null);
  });
})();
