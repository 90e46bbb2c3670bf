"""Nash bargaining between the intervals: weights at which no interval can gain without others losing more.

They solve GᵀG α = 1/α for α > 0, where the columns of G are the intervals' gradients; equally, they are where
½ αᵀGᵀGα - Σ log α_i is least, which is convex, and self-concordant: damped Newton steps lead there, if
slowly from far above, and never leave α > 0. No package for convex programs is needed.

References
----------
Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022; as used by Go et al., "Addressing Negative Transfer
in Diffusion Models", NeurIPS 2023.
"""

from collections.abc import Callable, Mapping

import numpy as np

from driftline.models.base import Array, Plain, array
from driftline.models.parameters import at_least

ROUNDS = 20
_RIDGE = 1e-4
"""Added to the inner products: where gradients cancel each other out, weights would grow without end."""
_CLOSE = 1e-10


def solve(inner: Array, start: Array | None = None, rounds: int = ROUNDS) -> Array:
    """Return the weights α > 0, of shape (k,), with `inner @ α = 1 / α`.

    Parameters
    ----------
    inner
        Inner products of gradients, positive definite, of shape (k, k).
    start
        Weights to start from, above 0; without them the solution for gradients at right angles.
    rounds
        Newton steps, at most.

    >>> solve(np.array([[4.0, 0.0], [0.0, 0.25]])).tolist()
    [0.5, 2.0]
    >>> inner = np.array([[1.0, -0.9], [-0.9, 2.0]])
    >>> found = solve(inner)
    >>> bool(np.allclose(inner @ found, 1.0 / found))
    True
    """
    found: Array = 1.0 / np.sqrt(np.diag(inner)) if start is None else start.copy()
    for _ in range(rounds):
        slope = inner @ found - 1.0 / found
        step = np.linalg.solve(inner + np.diag(found**-2.0), -slope)
        far = max(-float(slope @ step), 0.0) ** 0.5
        found += step / (1.0 + far) if far > 0.25 else step  # near the solution, whole steps keep α > 0
        if far < _CLOSE:
            break
    return found


class Nash:
    """Weights of the bargain, found anew every few steps.

    Parameters
    ----------
    k
        Intervals.
    every
        Steps for which found weights serve; each finding costs a backward pass for each interval.
    """

    stratified = True
    largest_gradient: float | None = 1.0

    def __init__(self, k: int, every: int = 25) -> None:
        at_least(1, k=k, every=every)
        self.every = every
        self._alpha = np.ones(k)
        self._steps = np.zeros((), dtype=np.int64)

    def weights(self, losses: Array, shares: Array, gram: Callable[[], Array], order: Callable[[int], Array]) -> Array:
        """Return the weights, found anew where that is due; an interval without rows then keeps what it had."""
        if self._steps % self.every == 0:
            self._find(gram())
        self._steps = self._steps + np.int64(1)
        return self._alpha.copy()

    def _find(self, inner: Array) -> None:
        size = float(np.linalg.norm(inner))
        here = np.flatnonzero(np.diag(inner) > 0.0)
        if not len(here) or not np.isfinite(size):
            return
        self._alpha[here] = solve(inner[np.ix_(here, here)] / size + _RIDGE * np.eye(len(here)))

    def dense(self) -> dict[str, Array]:
        """Return the weights and how many steps there were, as arrays of its own."""
        return {"alpha": self._alpha.copy(), "steps": np.array(self._steps)}

    def restore(self, dense: Mapping[str, Plain]) -> None:
        """Become the weighting that gave these. Raises `ValueError`, and is unchanged, where they do not fit."""
        alpha, steps = array(dense, "alpha", like=self._alpha), array(dense, "steps", like=np.array(self._steps))
        self._alpha, self._steps = alpha, steps
