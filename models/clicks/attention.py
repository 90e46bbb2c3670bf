"""Attention with several heads and no biases, as the small transformers of click models use it."""

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Let each query look at the keys that there are.

    Parameters
    ----------
    width, heads
        Numbers of a token, and heads that share them; width must be a multiple of heads.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.

    >>> Attention(4, 2)(torch.randn(3, 1, 4), torch.randn(3, 5, 4)).shape
    torch.Size([3, 1, 4])

    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads ({heads}), got {width}")
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, queries: Tensor, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what each query (B, q, d) finds in tokens (B, k, d) that `mask` (B, k) says are there.

        At least one token has to be there.
        """
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.query, queries), (self.key, tokens), (self.value, tokens))
        )
        weight = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
        if mask is not None:
            weight = weight.masked_fill(~mask[:, None, None, :], -torch.inf)
        found = weight.softmax(dim=-1) @ v
        mixed: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return mixed
