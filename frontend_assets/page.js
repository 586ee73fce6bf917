// Small conveniences: theme and the keyboard.
(function () {
  const root = document.documentElement;
  const get = (key) => { try { return window.localStorage.getItem(key); } catch { return null; } };
  const set = (key, value) => { try { window.localStorage.setItem(key, value); } catch { /* private window */ } };

  const THEMES = ["auto", "light", "dark"];
  const use = (theme) => { root.dataset.theme = theme; };
  use(THEMES.includes(get("theme")) ? get("theme") : "auto");

  const actions = {
    "theme-toggle": () => {
      // From "as the system" go to the opposite of what is seen, so that the first press always does something.
      const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
      const seen = root.dataset.theme === "auto" ? (dark ? "dark" : "light") : root.dataset.theme;
      const next = seen === "dark" ? "light" : "dark";
      use(next === (dark ? "dark" : "light") ? "auto" : next);
      set("theme", root.dataset.theme);
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (button && actions[button.id]) actions[button.id](button);
  });

  // On a narrow screen the button lies over the page, and what it does further down: the changed scene and the numbers come into view.
  const showResult = () => {
    const scene = document.querySelector(".scene.after");
    if (scene && window.matchMedia("(max-width: 900px)").matches) scene.scrollIntoView({ block: "start", behavior: "smooth" });
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("#apply") || root.dataset.lecture !== undefined) return;
    showResult();
    document.addEventListener("shatterscope:idle", showResult, { once: true }); // what is above it may have grown
  });

  // Dash does not hear of a fold that is opened: those that fill only then (data-told) say it.
  document.addEventListener("toggle", (event) => {
    const fold = event.target;
    if (fold.matches && fold.matches("details[data-told]")) window.dash_clientside.set_props(fold.id, { open: fold.open });
  }, true);

  const press = (id) => {
    const button = document.getElementById(id);
    if (button && !button.disabled && !button.hidden) button.click();
  };
  document.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    const typing = event.target.matches && event.target.matches("input[type=text], input[type=number], textarea");
    if (command && event.key === "Enter") {
      if (typing) event.target.blur();
      // The blur's value must have arrived in Dash before the button is pressed.
      setTimeout(() => press("apply"), 0);
    } else if (command && event.key.toLowerCase() === "z" && !typing) {
      event.preventDefault();
      press(event.shiftKey ? "redo" : "undo");
    } else if (event.key === "Escape") {
      press("cancel");
    }
  });
})();
