// R by site is asked for where it is seen: at the site of the scenes where that is not the one that the panel's R is of, at all sites while
// their fold is open. It takes up to a second, and no other click waits for it. The Python half is app/callbacks/sites.py.
(function () {
  const asked = (model, see, every) => (model && see && model.edits.length && (see.site || every)
    ? { checkpoint: model.checkpoint, edits: model.edits, site: see.site, every: Boolean(every) } : null);
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.sites = {
    asked: (model, see, every, known) => {
      const now = asked(model, see, every);
      return JSON.stringify(now) === JSON.stringify(known === undefined ? null : known) ? window.dash_clientside.no_update : now;
    },
  };
})();
