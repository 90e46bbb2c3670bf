"""Steps back from a level of noise to clean rows.

Differs from released code of DiffuMIN: the network's answer is used as what it was trained to be, the clean rows; the
start has the level at which the steps begin; and without a generator nothing is random, so that answers repeat.

References
----------
Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, algorithm 2, in terms of x0 (equation 7).
"Modeling Long-term User Behaviors with Diffusion-driven Multi-interest Network for CTR Prediction", RecSys 2025.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from driftline.models.parameters import at_least
from driftline.models.training.schedule import Schedule

Denoiser: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Says of rows (B, ...) at levels (B,), int64, what they were made from: the clean rows, or the noise."""


def levels(schedule: Schedule, steps: int, strided: bool = False) -> list[int]:
    """Return the levels that sampling visits, the noisiest first.

    Parameters
    ----------
    schedule
        Has T levels.
    steps
        How many, 0 .. T.
    strided
        Spread them over all levels, evenly, the noisiest always among them, in place of the lowest ones only.

    >>> levels(Schedule(), 4), levels(Schedule(), 4, strided=True)
    ([3, 2, 1, 0], [999, 666, 333, 0])
    """
    at_least(0, steps=steps)
    if steps > schedule.steps:
        raise ValueError(f"steps must be at most the number of levels ({schedule.steps}), got {steps}")
    if not strided:
        return list(range(steps - 1, -1, -1))
    return [int(level) for level in np.linspace(schedule.steps - 1, 0, steps).round()]


def sample(
    denoise: Denoiser,
    start: Tensor,
    schedule: Schedule,
    steps: int,
    generator: torch.Generator | None = None,
    strided: bool = False,
) -> Tensor:
    """Return rows made from `start`, noised and brought back step by step.

    Parameters
    ----------
    denoise
        Answers with the clean rows; `from_noise` makes one of a denoiser that answers with the noise.
    start
        Clean rows to start from, of shape (B, ...), say a user's own; zeros, with all levels, for rows from nothing.
    schedule
        Its levels.
    steps
        How many. With 0 nothing is sampled, and the result is 0.
    generator
        Draws the noise of the start and of each step. Without it there is none, and the means are returned: two calls
        give the same.
    strided
        Whether steps go over all levels, from the noisiest, or over the lowest only, from level `steps - 1`.

    Returns
    -------
    Rows shaped as `start`. Gradients flow through all steps where the caller lets them.

    >>> x0 = torch.tensor([[0.6, -0.8]])
    >>> sample(lambda x, t: x0, torch.zeros(1, 2), Schedule(), steps=10)
    tensor([[ 0.6000, -0.8000]])
    """
    visited = levels(schedule, steps, strided)
    if not visited:
        return torch.zeros_like(start)
    first = visited[0]
    x = schedule.on(start)[0][first] * start
    if generator is not None:
        x = x + schedule.on(start)[1][first] * normal(start, generator)
    for n, to in zip(visited, [*visited[1:], -1], strict=True):
        clean = denoise(x, torch.full((len(x),), n, dtype=torch.int64, device=x.device))
        if to == -1:
            return clean
        of_clean, of_noisy, sigma = schedule.posterior(n, to)
        x = of_clean * clean + of_noisy * x
        if generator is not None:
            x = x + sigma * normal(start, generator)
    raise AssertionError("the last step leads to the clean rows")


def from_noise(denoise: Denoiser, schedule: Schedule) -> Denoiser:
    """Return a denoiser that answers with the clean rows, of one that answers with the noise.

    >>> schedule, x0, eps = Schedule(), torch.ones(1, 2), torch.zeros(1, 2)
    >>> from_noise(lambda x, t: eps, schedule)(schedule.noised(x0, 500, eps), torch.tensor([500]))
    tensor([[1., 1.]])
    """
    return lambda x, t: schedule.clean(x, t, denoise(x, t))


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal noise of the shape and type of another tensor, drawn where the generator lives."""
    drawn = torch.randn(like.shape, generator=generator, dtype=like.dtype, device=generator.device)
    return drawn.to(like.device)
