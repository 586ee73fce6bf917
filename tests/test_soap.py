"""SOAP: without rotation it is Adam; with it, what Adam finds hard for the choice of axes alone becomes easy."""

import torch
from torch import Tensor, nn

from shatterscope.backend.soap import Soap


def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(6, 4)


def orthogonal(size: int) -> Tensor:
    turned: Tensor = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(1)))[0]
    return turned


def test_without_rotated_sides_it_is_adam() -> None:
    ours, theirs = linear(), linear()
    soap, adam = Soap(ours.named_parameters(), max_side=3), torch.optim.Adam(theirs.parameters(), 1e-2, (0.9, 0.95))
    soap.rate.fill_(1e-2)
    x = torch.randn(5, 6)
    for _ in range(20):
        for model in (ours, theirs):
            model.zero_grad()
            model(x).square().sum().backward()
        soap.step()
        soap.refresh()
        adam.step()
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)
    assert torch.allclose(ours.bias, theirs.bias, atol=1e-6)


def test_bases_stay_orthogonal_and_find_the_eigenvectors() -> None:
    weight = nn.Parameter(torch.zeros(40, 5))
    soap = Soap([("weight", weight)], max_side=8)
    turn, scales = orthogonal(5), torch.tensor([16.0, 8, 4, 2, 1])
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        weight.grad = (torch.randn(40, 5, generator=generator) * scales) @ turn.T
        soap.step()
        soap.refresh()
    basis = soap.state["weight"]["basis.1"]
    assert "basis.0" not in soap.state["weight"]
    assert torch.allclose(basis.T @ basis, torch.eye(5), atol=1e-5)
    assert ((basis.T @ turn).abs().diagonal() > 0.95).all()


def test_turned_axes_do_not_slow_it_down() -> None:
    """Linear regression on inputs whose variances span four decades, along axes that are not those of the weights."""
    turned_inputs, target = (
        torch.logspace(0, -2, 8)[:, None] * orthogonal(8),
        torch.randn(30, 8, generator=torch.Generator().manual_seed(3)),
    )

    def loss_after(*, rotated: bool) -> float:
        generator = torch.Generator().manual_seed(2)
        weight = nn.Parameter(torch.zeros(30, 8))
        soap = Soap([("weight", weight)], max_side=8 if rotated else 0)
        for step in range(1000):
            x = torch.randn(16, 8, generator=generator) @ turned_inputs
            weight.grad = (weight.detach() - target) @ x.T @ x / 16
            soap.rate.fill_(0.1 * 0.995**step)
            soap.step()
            if step % 10 == 9:
                soap.refresh()
        return float(((weight.detach() - target) @ turned_inputs.T).square().mean())

    assert loss_after(rotated=True) < 0.01 * loss_after(rotated=False)
