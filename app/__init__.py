"""The dashboard. It knows only the HTTP API: of the rest it imports nothing but `shatterscope.wire`."""
