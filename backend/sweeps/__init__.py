"""Many edits, measured: a sweep is planned (`plan`), computed (`work`, `probe`, `together`) in processes (`worker`, `runner`) and told (`table`)."""
