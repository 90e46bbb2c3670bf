"""What an optimizer remembers of a network, as arrays by the names of its parameters, and back, bit for bit."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from driftline.models.base import Array, Plain

STEP = "step"
"""The part that is one number for every parameter."""


def arrays(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Array]:
    """Return the state as `parameter/part`, arrays of its own; nothing of parameters that had no step yet.

    >>> network = nn.Linear(2, 1, bias=False)
    >>> optimizer = torch.optim.AdamW(network.parameters())
    >>> network(torch.ones(1, 2)).sum().backward()
    >>> optimizer.step()
    >>> sorted(arrays(optimizer, network))
    ['weight/exp_avg', 'weight/exp_avg_sq', 'weight/step']
    """
    return {
        f"{name}/{part}": np.array(value.detach().cpu().numpy())
        for name, parameter in network.named_parameters()
        for part, value in optimizer.state.get(parameter, {}).items()
    }


def check(state: Mapping[str, Plain], network: nn.Module) -> dict[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the state of each parameter, as tensors where its optimizer keeps them.

    Raises
    ------
    ValueError
        A parameter that the network lacks, or a part that is neither one number nor shaped as its parameter.
    """
    parameters = dict(network.named_parameters())
    found: dict[torch.Tensor, dict[str, torch.Tensor]] = {}
    for key, value in state.items():
        name, _, part = key.rpartition("/")
        if name not in parameters or not isinstance(value, np.ndarray):
            raise ValueError(f"optimizer state {key!r} is no array of a parameter of this network")
        parameter = parameters[name]
        # Steps are counted on the CPU, wherever the parameter is; all else is on its device.
        wanted = () if part == STEP else tuple(parameter.shape)
        if value.shape != wanted:
            raise ValueError(f"optimizer state {key!r} has shape {value.shape}, this needs {wanted}")
        kept = torch.from_numpy(value.copy())
        found.setdefault(parameter, {})[part] = kept if part == STEP else kept.to(parameter.device)
    return found
