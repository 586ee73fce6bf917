// R by site is asked for where it is seen: at the site of the scenes where that is not the one that the panel's R is of, at all sites while
// their fold is open; and so is where a fact can be written. It takes up to a second or two, and no other click waits for it. The Python halves are
// app/pages/explore/callbacks/sites.py and placements.py.
(function () {
  const asked = (model, see, every) => (model && see && model.edits.length && (see.site || every)
    ? { checkpoint: model.checkpoint, edits: model.edits, site: see.site, every: Boolean(every) } : null);
  const news = (now, known) => (JSON.stringify(now) === JSON.stringify(known === undefined ? null : known) ? window.dash_clientside.no_update : now);
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.sites = {
    asked: (model, see, every, known) => news(asked(model, see, every), known),
    placements: (model, open, known) => news(model && open && model.edits.length ? { checkpoint: model.checkpoint, edits: model.edits } : null, known),
  };
})();
