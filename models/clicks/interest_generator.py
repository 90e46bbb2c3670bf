"""A denoiser of interests: what one was before noise, told by the user's others and the channel (DMIG)."""

import math

import torch
from torch import Tensor, nn

from driftline.models.clicks.attention import Attention


class Denoiser(nn.Module):
    """Guess a clean interest from a noisy one, in its place among the user's clean others.

    Parameters
    ----------
    width, heads, blocks
        Numbers d of an interest; heads of attention, a divisor of d; blocks of attention, at least 1.

    References
    ----------
    Diffusion multi-interest generator of DiffuMIN (arXiv 2508.15311): x0-prediction. Its cross-attention looks at one
    token only, the channel's direction, so that its weight is 1 whatever the query is: it is the token's value, and is
    computed as that.

    >>> denoise = Denoiser(4)
    >>> denoise(torch.randn(5, 4), torch.randn(5, 3, 4), torch.tensor([0, 1, 2, 0, 1]), torch.randn(5, 4),
    ...         torch.arange(5)).shape
    torch.Size([5, 4])

    """

    def __init__(self, width: int, heads: int = 2, blocks: int = 2):
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        made = [Block(width, heads) for _ in range(blocks)]
        last = made[-1].norms[2]
        assert isinstance(last, nn.LayerNorm)
        nn.init.constant_(last.weight, width**-0.5)  # clean interests have length 1
        self.blocks = nn.ModuleList(made)

    def forward(self, noisy: Tensor, interests: Tensor, place: Tensor, direction: Tensor, level: Tensor) -> Tensor:
        """Return guesses (M, d).

        Parameters
        ----------
        noisy
            (M, d): one interest each, at its level of noise.
        interests
            (M, c, d): all clean interests of the user; the one at `place` is not looked at.
        place, level
            (M,) int64: which interest of the user it is; the level of noise.
        direction
            (M, d): the direction of its channel.

        """
        at = torch.arange(len(noisy), device=noisy.device)
        here = torch.arange(interests.shape[1], device=noisy.device) == place[:, None]
        x = (
            torch.where(here[..., None], noisy[:, None], interests)
            + self.time(waves(level, self.width, noisy.dtype))[:, None]
        )
        for block in self.blocks[:-1]:
            x = block(x, x, direction)
        found: Tensor = self.blocks[-1](x[at, place][:, None], x, direction)[:, 0]  # the others are not read any more
        return found


class Block(nn.Module):
    """Attention among interests, the channel's direction, and a small network; each added, then normalised."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.among = Attention(width, heads)
        self.value, self.out = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.mix = nn.Sequential(nn.Linear(width, 3 * width), nn.ReLU(), nn.Linear(3 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def forward(self, queries: Tensor, tokens: Tensor, direction: Tensor) -> Tensor:
        """Return (M, q, d) of queries, which are some of the tokens (M, c, d), and directions (M, d)."""
        x = self.norms[0](queries + self.among(queries, tokens))
        x = self.norms[1](x + self.out(self.value(direction))[:, None])
        read: Tensor = self.norms[2](x + self.mix(x))
        return read


def waves(level: Tensor, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return sines and cosines of levels (M,), of wavelengths from 2 pi to 20,000 pi: (M, width).

    >>> waves(torch.tensor([0]), 4).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    half = width // 2
    rate = torch.exp(-math.log(1e4) * torch.arange(half, device=level.device, dtype=dtype) / max(half - 1, 1))
    angle = level[:, None] * rate
    rest = torch.zeros(len(level), width % 2, device=level.device, dtype=dtype)
    return torch.cat([angle.sin(), angle.cos(), rest], dim=1)
