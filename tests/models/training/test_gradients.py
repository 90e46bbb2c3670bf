"""Inner products of gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.training.gradients import gram  # noqa: E402


def test_inner_products_are_those_of_whole_gradients():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    losses = network(torch.randn(5, 4, dtype=torch.float64)).square().mean(dim=0)
    parameters = list(network.parameters())
    rows = [
        torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters, retain_graph=True)])
        for loss in losses
    ]
    whole = torch.stack(rows)
    np.testing.assert_allclose(gram(losses, np.ones(3, bool), parameters), (whole @ whole.T).numpy(), rtol=1e-9)
    part = gram(losses, np.array([True, False, True]), parameters)
    assert not part[1].any()
    assert not part[:, 1].any()
    assert part[0, 2] == pytest.approx(float(whole[0] @ whole[2]))
    losses.sum().backward()  # the graph is still there


def test_parameters_that_a_loss_does_not_need_add_nothing():
    a, b = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0))
    frozen = torch.tensor(1.0)
    assert gram(torch.stack([a * a, a * b]), np.ones(2, bool), [a, b, frozen]).tolist() == [[16.0, 12.0], [12.0, 13.0]]
