"""What a user is after just now: the last behaviours and the target through a small transformer encoder."""

import torch
from torch import Tensor, nn

from driftline.models.clicks.attention import Attention


class ShortTerm(nn.Module):
    """Encode the newest behaviours beside the target, and read the target's place.

    Parameters
    ----------
    width, heads
        Numbers d of a behaviour; heads of attention, a divisor of d.
    length
        The most behaviours that it looks at.

    References
    ----------
    Section "short-term interest" of DiffuMIN (arXiv 2508.15311); a post-norm encoder layer of Vaswani et al., 2017.

    >>> ShortTerm(4, 2, length=3)(torch.randn(2, 4), torch.randn(2, 5, 4), torch.ones(2, 5, dtype=torch.bool)).shape
    torch.Size([2, 4])

    """

    def __init__(self, width: int, heads: int = 2, length: int = 10):
        super().__init__()
        self.length = length
        self.place = nn.Parameter(0.02 * torch.randn(length + 1, width))
        """Of each place, from the target's on."""
        self.attend = Attention(width, heads)
        self.mix = nn.Sequential(nn.Linear(width, 3 * width), nn.ReLU(), nn.Linear(3 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, target: Tensor, behaviours: Tensor, mask: Tensor) -> Tensor:
        """Return (B, d) of targets (B, d), and behaviours (B, l, d), the newest first, that `mask` (B, l) has."""
        recent, there = behaviours[:, : self.length], mask[:, : self.length]
        target = target + self.place[0]
        tokens = torch.cat([target[:, None], recent + self.place[1 : 1 + recent.shape[1]]], dim=1)
        own = torch.ones(len(target), 1, dtype=torch.bool, device=target.device)
        found = self.norms[0](target + self.attend(target[:, None], tokens, torch.cat([own, there], dim=1))[:, 0])
        read: Tensor = self.norms[1](found + self.mix(found))
        return read
