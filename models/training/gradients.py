"""Inner products of the gradients of several losses of one network."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from driftline.models.base import Array


def gram(losses: Tensor, present: Array, parameters: Sequence[Tensor]) -> Array:
    """Return the inner products, float64 of shape (k, k); 0 where a loss is not present.

    Parameters
    ----------
    losses
        One for each task, of shape (k,); their graph is kept, to be descended afterwards.
    present
        Which losses there are, bool of shape (k,).
    parameters
        What the gradients are taken in.

    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> gram(torch.stack([w[0], w.sum()]), np.array([True, True]), [w]).tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    here = np.flatnonzero(present)
    wanted = [parameter for parameter in parameters if parameter.requires_grad]
    rows = [torch.autograd.grad(losses[i], wanted, retain_graph=True, allow_unused=True) for i in here.tolist()]
    found = np.zeros((len(losses), len(losses)))
    for each in zip(*rows, strict=True):  # one parameter at a time: no copy of all gradients side by side
        parts = [(place, part.flatten().double()) for place, part in zip(here, each, strict=True) if part is not None]
        if parts:
            places = [place for place, _ in parts]
            side = torch.stack([part for _, part in parts])
            found[np.ix_(places, places)] += (side @ side.T).cpu().numpy()
    return found
