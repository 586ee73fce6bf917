"""How the pages are served: each a Dash application on the one server."""
