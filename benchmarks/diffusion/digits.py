"""Digits of 8 x 8 pixels that scikit-learn brings, and a small denoiser of them."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

PIXELS = 64
HIDDEN = 128
WAVES = 32


@dataclass(frozen=True)
class Halves:
    """Pictures in [-1, 1], float32 of shape (n, 64): half to learn, half held out."""

    train: np.ndarray
    held_out: np.ndarray


def halves(low: int = 0, high: int = 9) -> Halves:
    """Return the pictures of some digits; which half a picture is in is always the same."""
    found = load_digits()
    pictures = (found.data / 8.0 - 1.0).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(pictures))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    wanted = (found.target >= low) & (found.target <= high)
    return Halves(pictures[first[wanted[first]]], pictures[second[wanted[second]]])


class Network(nn.Module):
    """A perceptron with two residual blocks; levels come in as waves."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(PIXELS, HIDDEN)
        self.level = nn.Sequential(nn.Linear(2 * WAVES, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN))
            for _ in range(2)
        )
        self.last = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, PIXELS))
        self.register_buffer("rates", torch.exp(-math.log(1e4) * torch.arange(WAVES) / WAVES), persistent=False)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the answer to rows (B, 64) at levels (B,)."""
        angles = t[:, None] * self.rates
        level = self.level(torch.cat([angles.sin(), angles.cos()], dim=1))
        h = self.first(x)
        for block in self.blocks:
            h = h + block(h + level)
        return self.last(h)
