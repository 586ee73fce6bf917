"""The commands of `shatterscope`, a file for each kind. Slow imports (torch, the dashboard) wait until a command needs them."""
