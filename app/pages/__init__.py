"""The pages. They do not know each other; `shatterscope.app.main` puts them together."""
