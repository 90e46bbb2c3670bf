"""Gradient surgery: each interval's gradient loses what runs against another's, then all are added up.

What is left of gradient i is a combination of all gradients, and so is the sum: it is told as a weight for each
interval, found from the inner products of the gradients alone.

References
----------
Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, algorithm 1.
"""

from collections.abc import Callable, Mapping

import numpy as np

from driftline.models.base import Array, Plain


class PCGrad:
    """Projects conflicts away; has nothing to learn.

    >>> opposed = np.array([[1.0, -0.5], [-0.5, 1.0]])
    >>> PCGrad().weights(np.ones(2), np.ones(2) / 2, lambda: opposed, np.arange).tolist()
    [1.5, 1.5]
    """

    stratified = True
    largest_gradient: float | None = None

    def weights(self, losses: Array, shares: Array, gram: Callable[[], Array], order: Callable[[int], Array]) -> Array:
        """Return how often each interval's gradient is in the sum."""
        inner = gram()
        k = len(inner)
        added = np.zeros(k)
        for i in np.flatnonzero(np.isfinite(losses)):
            left = np.zeros(k)  # gradient i, as a combination of all
            left[i] = 1.0
            for j in order(k):
                conflict = left @ inner[:, j]
                if j != i and conflict < 0.0 < inner[j, j]:
                    left[j] -= conflict / inner[j, j]
            added += left
        return added

    def dense(self) -> dict[str, Array]:
        """Return nothing: nothing is learnt."""
        return {}

    def restore(self, dense: Mapping[str, Plain]) -> None:
        """Nothing is learnt."""
