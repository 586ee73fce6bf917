"""Measurements for `docs/SPEED.md`: `python -m benchmarks`."""
