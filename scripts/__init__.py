"""Programs for those who work on Shatterscope: set-up, screenshots, studies. Run from the repository, not installed."""
