"""One file per noun. Routes parse and delegate; the work is in `shatterscope.backend.api.laboratory`."""
