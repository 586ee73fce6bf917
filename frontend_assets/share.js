// Sharing. The server is asked through the `share-asked` store (app/share/callbacks.py) and answers through `share-told`; what only
// a browser can do (clipboard, pictures of its figures, saving files) is done here.
(function () {
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);
  const say = (text) => set("share-said", { children: text });

  const ask = (what, more) => set("share-asked", { data: { what, ...window.shatterscope.state(), origin: window.location.origin, at: Date.now(), ...more } });

  function copy(text, said) {
    const failed = () => window.prompt("Copy this", text);
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => say(said), failed); else failed();
  }

  const actions = {
    "link-copy": () => copy(window.location.href, "The link is copied."),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (button && actions[button.id]) actions[button.id](button);
  });
})();
