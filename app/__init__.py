"""The dashboard. It knows only the HTTP API: from `backend` it imports nothing but `backend.schemas`."""
