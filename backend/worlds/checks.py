"""What every config of a world is held to."""

from __future__ import annotations

from typing import Any

MAX_FACTS = 20_000_000  # of two steps: what a server holds in memory, some fifty times as many as the paper's world has


def check_draws(config: Any) -> None:
    """The shares held out and the seed of the draws. Raises `ValueError` naming the field."""
    for name in ("held_out_facts", "held_out_compositions"):
        if not 0 <= getattr(config, name) <= 0.5:  # above one half a fact and its inverse would have to go together
            raise ValueError(f"{name} must lie in [0, 0.5], got {getattr(config, name)}")
    if config.seed < 0:
        raise ValueError(f"seed must not be negative, got {config.seed}")


def check_range(config: Any, name: str, low: int, high: int | None = None, why: str = "") -> None:
    """One size. Raises `ValueError` naming the field, what it may be, and why."""
    value = getattr(config, name)
    if value < low or (high is not None and value > high):
        said = f"be at least {low}" if high is None else f"lie in {low}..{high}"
        raise ValueError(f"{name} must {said}{why and f' {why}'}, got {value}")


def check_facts(n_entities: int, n_compositions: int, names: str) -> None:
    """The world as a whole. Raises `ValueError` naming the fields that make it too large."""
    if n_entities * n_compositions > MAX_FACTS:
        raise ValueError(f"{names} make more than {MAX_FACTS} facts of two steps; make them smaller")
