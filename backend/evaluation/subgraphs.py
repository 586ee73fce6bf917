"""The three parts that orders play around an edit (Nishi et al. 2025, section 4): where it is made, and the two that should not notice."""

from __future__ import annotations

from shatterscope.wire.base import SubGraph


def sub_graphs(n_orders: int, edited: int) -> tuple[SubGraph, ...]:
    """The part of every order: `edit` for the edited one, `retain` for the next in cyclic order, `test` for all others.

    With two orders nothing is `test`, with one nothing is `retain` either.
    """
    parts: tuple[SubGraph, ...] = ("edit", "retain", "test")
    return tuple(parts[min((order - edited) % n_orders, 2)] for order in range(n_orders))
