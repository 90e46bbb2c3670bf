"""Orthogonal interest channels of a target, and the part of a user's past that belongs to each (OMIE).

A target spans a few orthonormal directions. Each past behaviour belongs to the one that it points along most; of those
of a channel the best are pooled to the user's interest in it.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

JITTER = 1e-6
"""Size of the constant that is added before the decomposition, so that no target is without directions."""
_SEED = 15_311


class Interests(NamedTuple):
    """What `Channels` finds: `B` events, `l` behaviours, `c` channels of `d` numbers."""

    direction: Tensor
    """(B, d, c): orthonormal columns, of the target alone."""
    route: Tensor
    """(B, l) int64: the channel of each behaviour, -1 where there is none."""
    kept: Tensor
    """(B, l, c) bool: behaviours that are pooled into each channel."""
    affinity: Tensor
    """(B, l, c): products of behaviours and directions."""
    pooled: Tensor
    """(B, c, d): the interests; zeros where a channel has no behaviour."""
    filled: Tensor
    """(B, c) bool: channels with a behaviour."""
    along: Tensor
    """(B, c): products of the target and its directions."""

    @property
    def own(self) -> Tensor:
        """(B,) int64: the channel that the target itself belongs to."""
        return self.along.argmax(dim=1)


def orthonormal(projection: Tensor) -> Tensor:
    """Return the orthonormal columns of a thin QR decomposition whose R has a positive diagonal, so there is only one.

    Parameters
    ----------
    projection
        (..., d, c) with c <= d; a constant of size 1e-6 is added.

    >>> orthonormal(torch.eye(3)[:, :2] * -2.0).round(decimals=3).abs().tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]

    """
    q, r = torch.linalg.qr(projection + jitter(projection))
    signs = torch.where(r.diagonal(dim1=-2, dim2=-1) < 0.0, -1.0, 1.0).to(q.dtype)
    found: Tensor = q * signs[..., None, :]
    return found


def jitter(like: Tensor) -> Tensor:
    """Return the constant, (d, c): the same in every call and process."""
    return _jitter(like.shape[-2], like.shape[-1], like.device, like.dtype)


@cache
def _jitter(d: int, c: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    constant = torch.randn(d, c, generator=torch.Generator().manual_seed(_SEED), dtype=torch.float64)
    return (JITTER * constant).to(device, dtype)


def routed(affinity: Tensor, mask: Tensor) -> Tensor:
    """Return the channel of each behaviour, that of its largest product, or -1 for padding.

    Parameters
    ----------
    affinity
        (B, l, c).
    mask
        (B, l) bool: which behaviours there are.

    """
    return torch.where(mask, affinity.argmax(dim=-1), -1)


def filtered(affinity: Tensor, route: Tensor, share: float) -> Tensor:
    """Return which behaviours are kept: of each channel's own the best, at most a share of all of the user's.

    Parameters
    ----------
    affinity, route
        (B, l, c) and (B, l).
    share
        Of the number of the user's behaviours; rounded up, and at least 1. Of equals, the first are kept.

    """
    own = route[..., None] == torch.arange(affinity.shape[-1], device=route.device)
    most = ((route >= 0).sum(dim=1) * share).ceil().clamp(min=1.0)  # (B,)
    scores = affinity.masked_fill(~own, -torch.inf)
    order = scores.argsort(dim=1, descending=True, stable=True)
    best = torch.arange(affinity.shape[1], device=route.device)[None, :, None] < most[:, None, None]
    kept = torch.zeros_like(own).scatter(1, order, best.expand_as(own))
    return kept & own


def alike(items: Tensor, past: Tensor, direction: Tensor, temperature: float = 0.1) -> Tensor:
    """Return how alike the users' pasts are, seen through the channels: a loss that makes channels of interests.

    It is minus the information, in nats, between a behaviour's channel and whose it is, were channels drawn by a
    softmax of the cosines: the mean entropy of the channels within each past, less that over all. What users do not
    differ in, such as the brand of what they click by its topic, gives no information however it is divided; their
    interests do. No labels are looked at.

    Parameters
    ----------
    items
        (u, d): the different items of behaviours.
    past
        (n, l) int64: which of them each behaviour is, -1 for none; at least one is.
    direction
        (d, c) orthonormal columns.
    temperature
        What cosines are divided by.

    References
    ----------
    Our addition to the paper. Information as an objective of clustering: Krause, Perona and Gomes, "Discriminative
    Clustering by Regularized Information Maximization", NeurIPS 2010.

    """
    p = ((functional.normalize(items, dim=-1) @ direction) / temperature).softmax(dim=-1)  # (u, c)
    each = functional.embedding(past + 1, torch.cat([p.new_zeros(1, p.shape[1]), p])).sum(dim=1)  # (n, c)
    count = (past >= 0).sum(dim=1, keepdim=True).to(p.dtype)
    share = count[:, 0] / count.sum()
    return share @ _entropy(each / count.clamp(min=1.0)) - _entropy(each.sum(dim=0) / count.sum())


def _entropy(p: Tensor) -> Tensor:
    return -(p * p.clamp(min=1e-9).log()).sum(dim=-1)


class Channels(nn.Module):
    """Find a target's channels and a user's interest in each.

    The projection begins with orthonormal directions in its bias, so that targets that are not known yet have distinct
    channels all the same, and similar ones from target to target.

    Parameters
    ----------
    width, channels
        Numbers d of a target and of a behaviour; channels c, at most d.
    share
        The share of the user's behaviours that each channel keeps at most, in (0, 1].

    References
    ----------
    Arithmetic of the orthogonal multi-interest extractor of DiffuMIN (arXiv 2508.15311). It differs from the released
    code in these: the jitter is constant and signs are fixed, so channels do not flip between equal targets; padding
    has no channel; the best are chosen among the channel's own; pooled sums are divided by how many were kept.

    >>> channels = Channels(width=6, channels=2)
    >>> target, behaviours = torch.randn(3, 6), torch.randn(3, 5, 6)
    >>> found = channels(target, behaviours, torch.tensor([[True] * 5, [True] * 2 + [False] * 3, [False] * 5]))
    >>> found.pooled.shape, found.filled.sum(dim=1)[2].item()
    (torch.Size([3, 2, 6]), 0)

    """

    def __init__(self, width: int, channels: int, share: float = 0.5):
        super().__init__()
        self.width, self.channels, self.share = width, channels, share
        self.project = nn.Linear(width, channels * width)
        with torch.no_grad():
            self.project.weight.mul_(0.03)
            self.project.bias.copy_(torch.linalg.qr(torch.randn(width, channels))[0].flatten())

    def directions(self, target: Tensor) -> Tensor:
        """Return the channels of targets (B, d): orthonormal columns, (B, d, c)."""
        return orthonormal(self.project(target).unflatten(-1, (self.width, self.channels)))

    def frame(self) -> Tensor:
        """Return the channels of a target that says nothing, (d, c); those of others are near them."""
        return orthonormal(self.project.bias.view(self.width, self.channels))

    def forward(self, target: Tensor, behaviours: Tensor, mask: Tensor) -> Interests:
        """Return the channels of targets (B, d), and the interests of behaviours (B, l, d) with a mask (B, l)."""
        direction = self.directions(target)
        affinity = behaviours @ direction
        with torch.no_grad():
            route = routed(affinity, mask)
            kept = filtered(affinity, route, self.share)
        count = kept.sum(dim=1)  # (B, c)
        pooled = (affinity * kept).transpose(1, 2) @ behaviours / count.clamp(min=1)[..., None]
        return Interests(direction, route, kept, affinity, pooled, count > 0, (target[:, None] @ direction)[:, 0])
