// The fold on a method lies over the scene: it closes when the person turns to something else.
(function () {
  const close = (keep) => document.querySelectorAll("details.about[open]").forEach((fold) => { if (!fold.contains(keep)) fold.open = false; });
  document.addEventListener("pointerdown", (event) => close(event.target));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(null); });
})();
