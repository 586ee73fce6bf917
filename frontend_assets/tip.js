// Explanations: any element with `data-tip` shows it on hover and on focus, and is described by it for screen readers.
(function () {
  const box = document.createElement("div");
  box.className = "tip";
  box.id = "tip";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  let owner = null;

  function show(element) {
    if (!box.isConnected) document.body.appendChild(box);
    owner = element;
    box.textContent = element.dataset.tip;
    box.hidden = false;
    element.setAttribute("aria-describedby", "tip");
    const at = element.getBoundingClientRect();
    const size = box.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - size.width / 2), window.innerWidth - size.width - 8);
    const above = at.top - size.height - 8;
    box.style.left = `${left}px`;
    box.style.top = `${above > 4 ? above : at.bottom + 8}px`;
  }
  function hide() {
    if (owner) owner.removeAttribute("aria-describedby");
    owner = null;
    box.hidden = true;
  }
  const target = (event) => event.target.closest && event.target.closest("[data-tip]");
  document.addEventListener("pointerover", (event) => { const element = target(event); if (element) show(element); else if (owner) hide(); });
  document.addEventListener("focusin", (event) => { const element = target(event); if (element) show(element); });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, true);
  window.shatterscope = Object.assign(window.shatterscope || {}, { hideTip: () => { const shown = !box.hidden; hide(); return shown; } });
})();
