"""Room made in an MLP: neurons that others can stand in for cost nothing, and the closest map is found where they cannot."""

from __future__ import annotations

import pytest
import torch

from scripts.room_study import freed, without


def test_a_neuron_that_is_another_ones_double_is_freed_at_no_cost() -> None:
    keys = torch.randn(500, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    keys = torch.cat([keys, 2 * keys[:, 1:2]], 1)
    W = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    C = keys.T @ keys / len(keys)
    assert freed(W, C, 1)[0] in (1, 4)
    solved, error = without(W, C, [4])
    assert error == pytest.approx(0, abs=1e-6)
    assert not solved[:, 4].any()
    torch.testing.assert_close(keys @ solved.T, keys @ W.T, rtol=1e-4, atol=1e-4)


def test_what_nobody_can_take_over_is_lost() -> None:
    """Uncorrelated keys of power 1, 4 and 9 with weights 1: a tenth of nothing can be saved."""
    solved, error = without(
        torch.ones(2, 3, dtype=torch.float64), torch.diag(torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)), [0]
    )
    assert error == pytest.approx(1 / 14)
    torch.testing.assert_close(solved[:, 1:], torch.ones(2, 2, dtype=torch.float64))
