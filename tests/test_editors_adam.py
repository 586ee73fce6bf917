"""Our Adam takes torch's steps, and rows searched side by side take those they would take alone."""

from __future__ import annotations

import torch

from shatterscope.backend.editors.adam import Adam, step_size

STEPS, RATES = 30, (0.03, 0.5, 2.0)


def gradients(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(STEPS, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_steps_are_those_of_torch() -> None:
    mine = torch.zeros(5, dtype=torch.float64)
    theirs = mine.clone().requires_grad_(True)
    adam, reference = Adam(mine, 0.1), torch.optim.Adam([theirs], lr=0.1)
    for gradient in gradients(0, 5):
        mine = adam.step(mine, gradient)
        theirs.grad = gradient.clone()
        reference.step()
        torch.testing.assert_close(mine, theirs.detach(), rtol=1e-12, atol=1e-12)


def test_rows_side_by_side_take_the_steps_they_take_alone_also_when_one_leaves() -> None:
    together = torch.zeros(3, 4, dtype=torch.float64)
    adam = Adam(together, torch.tensor(RATES, dtype=torch.float64)[:, None])
    alone = [Adam(row, rate) for row, rate in zip(together, RATES, strict=True)]
    rows, live = list(together), [0, 1, 2]
    for t, gradient in enumerate(gradients(1, 3, 4)):
        if t == STEPS // 2:
            stay = torch.tensor([0, 2])
            adam.keep(stay)
            together, live = together[stay], [0, 2]
        together = adam.step(together, gradient[live])
        for i in live:
            rows[i] = alone[i].step(rows[i], gradient[i])
        assert torch.equal(together, torch.stack([rows[i] for i in live]))


def test_the_first_relative_step_has_the_length_asked_for() -> None:
    norm, width, gradient = 7.0, 16, gradients(2, 16)[0]
    adam = Adam(gradient, step_size(0.03, norm, width, relative=True))
    assert abs(adam.step(torch.zeros_like(gradient), gradient).norm().item() - 0.03 * norm) < 1e-6
    assert step_size(0.03, norm, width, relative=False) == 0.03
