"""How much the gradients of two levels of noise point the same way, measured on a trained denoiser."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from driftline.models.base import Array
from driftline.models.parameters import at_least
from driftline.models.training.sampler import Denoiser, normal
from driftline.models.training.schedule import Schedule
from driftline.models.training.weighting import Predict


def measure(
    denoise: Denoiser,
    parameters: Iterable[Tensor],
    x0: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    count: int = 100,
    predict: Predict = "x0",
) -> Array:
    """Return the cosines between the mean gradients of levels, float64 of shape (T, T).

    Parameters
    ----------
    denoise
        The denoiser.
    parameters
        What the gradients are taken in.
    x0
        Clean rows, of shape (B, ...), each noised once at every level that is measured.
    schedule
        Has T levels.
    generator
        Draws the noise.
    count
        How many levels are measured, evenly spread; the others get the cosines of the nearest. Costs a backward pass
        each, and holds that many gradients.
    predict
        What the denoiser answers with: `x0` or `noise`.

    Source: Go et al., "Addressing Negative Transfer in Diffusion Models", NeurIPS 2023, section 4.2.

    >>> w = torch.ones(2, requires_grad=True)
    >>> found = measure(lambda x, t: w * x, [w], torch.ones(64, 2), Schedule(steps=4), torch.Generator(), count=2)
    >>> found.shape, bool(found[0, 0] > 0.999), bool(found[0, 1] > 0.999)
    ((4, 4), True, True)
    """
    at_least(1, count=count)
    wanted = list(parameters)
    measured = np.unique(np.linspace(0, schedule.steps - 1, min(count, schedule.steps)).round().astype(np.int64))
    rows = []
    for level in measured.tolist():
        eps = normal(x0, generator)
        t = torch.full((len(x0),), level, dtype=torch.int64, device=x0.device)
        answer = denoise(schedule.noised(x0, t, eps), t)
        loss = (answer - (x0 if predict == "x0" else eps)).square().mean()
        parts = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
        gradient = torch.cat([part.flatten() for part in parts])
        rows.append(gradient / gradient.norm().clamp_min(1e-30))
    side = torch.stack(rows).double()
    cosines = (side @ side.T).cpu().numpy()
    between = 0.5 * (measured[:-1] + measured[1:])
    nearest = np.searchsorted(between, np.arange(schedule.steps))
    found: Array = cosines[np.ix_(nearest, nearest)]
    return found
