"""An optimizer's memory as arrays."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.training.optimizer_state import arrays, check  # noqa: E402


def trained(optimizer_class, **options):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    optimizer = optimizer_class(network.parameters(), **options)
    for _ in range(3):
        optimizer.zero_grad()
        network(torch.randn(5, 3)).square().sum().backward()
        optimizer.step()
    return network, optimizer


@pytest.mark.parametrize(
    ("optimizer_class", "options"),
    [
        (torch.optim.AdamW, {"lr": 0.1}),
        (torch.optim.Adagrad, {"lr": 0.1}),
        (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    ],
)
def test_an_optimizer_goes_on_bit_for_bit(optimizer_class, options):
    network, optimizer = trained(optimizer_class, **options)
    kept = arrays(optimizer, network)
    copy = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    copy.load_state_dict(network.state_dict())
    other = optimizer_class(copy.parameters(), **options)
    for parameter, parts in check(kept, copy).items():
        other.state[parameter] = parts
    x = torch.randn(4, 5, 3)
    for one, adam in ((network, optimizer), (copy, other)):
        for batch in x:
            adam.zero_grad()
            one(batch).square().sum().backward()
            adam.step()
    for name, value in network.state_dict().items():
        assert torch.equal(value, copy.state_dict()[name])
    for name, value in kept.items():
        assert not np.shares_memory(value, arrays(optimizer, network)[name])


@pytest.mark.parametrize("change", [{"5.weight/step": np.zeros(())}, {"0.weight/exp_avg": np.zeros((4, 4))}])
def test_the_state_of_another_network_is_refused(change):
    network, optimizer = trained(torch.optim.AdamW)
    with pytest.raises(ValueError, match="optimizer state"):
        check(arrays(optimizer, network) | change, network)
