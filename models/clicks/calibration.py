"""Contrastive calibration: generated interests stay near their own real ones, apart from other users' (CMIC)."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Calibration(nn.Module):
    """Compare interests with those that were generated from them, within a batch.

    Parameters
    ----------
    width
        Numbers d of an interest.
    temperature
        What similarities, cosines of two small networks' outputs, are divided by.

    References
    ----------
    Contrastive multi-interest calibration of DiffuMIN (arXiv 2508.15311), one direction; InfoNCE of van den Oord et
    al., "Representation Learning with Contrastive Predictive Coding", 2018.

    >>> loss = Calibration(4)(torch.randn(3, 2, 4), torch.randn(3, 2, 4), torch.ones(3, 2, dtype=torch.bool))
    >>> loss.shape, bool(loss > 0)
    (torch.Size([]), True)

    """

    def __init__(self, width: int, temperature: float = 0.05):
        super().__init__()
        self.temperature = temperature
        self.real, self.made = (
            nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)) for _ in range(2)
        )

    def forward(self, real: Tensor, made: Tensor, filled: Tensor) -> Tensor:
        """Return the mean loss over filled channels: real and generated interests (B, c, d), mask (B, c).

        A channel that one event alone has is left out: there is nothing to tell it from.
        """
        own = functional.normalize(self.real(real), dim=-1).transpose(0, 1)  # (c, B, d)
        others = functional.normalize(self.made(made), dim=-1).transpose(0, 1)
        there = filled.T  # (c, B)
        alike = (own @ others.transpose(1, 2) / self.temperature).masked_fill(~there[:, None, :], -torch.inf)
        counted = there & (there.sum(dim=1, keepdim=True) > 1)
        right = alike.diagonal(dim1=1, dim2=2)[counted]
        every = alike.logsumexp(dim=2)[counted]
        return (every - right).sum() / max(len(right), 1)
