"""Uncertainty weighting: the loss of each interval is divided by its own size.

The objective is ½ Σ_i (exp(-s_i) L_i + s_i). At rest s_i = log L_i, so that the gradient is Σ_i ½ ∇L_i / L_i. Its
gradient in s_i is ½ (1 - exp(-s_i) L_i), which needs the loss alone: the scales learn here, and whoever descends the
loss takes the weights ½ exp(-s_i) for constants, as the gradient of the network does.

References
----------
Kendall, Gal & Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018; as used by Go et al.,
"Addressing Negative Transfer in Diffusion Models", NeurIPS 2023.
"""

from collections.abc import Callable, Mapping

import numpy as np

from driftline.models.base import Array, Plain, array
from driftline.models.parameters import at_least, positive
from driftline.models.training.loss_means import LossMeans

_MOMENTS = 0.9, 0.999
_EPSILON = 1e-8
_LEAST = 1e-12
"""A loss as small as this is not divided by anything smaller."""


class Uncertainty:
    """Scales s_i learnt by Adam without weight decay, each over the steps in which its interval had rows.

    Parameters
    ----------
    k
        Intervals.
    lr
        Step of the scales.

    >>> weighting = Uncertainty(2)
    >>> for _ in range(2_000):
    ...     weights = weighting.weights(np.array([0.5, 0.01]), np.array([0.5, 0.5]), None, None)
    >>> weights.round(2).tolist()
    [1.0, 50.0]
    """

    stratified = True
    largest_gradient: float | None = None

    def __init__(self, k: int, lr: float = 0.025) -> None:
        at_least(1, k=k)
        positive(lr=lr)
        self.lr = lr
        self.s = np.zeros(k)
        self._first, self._second = np.zeros(k), np.zeros(k)
        self._steps = np.zeros(k, dtype=np.int64)

    def weights(self, losses: Array, shares: Array, gram: Callable[[], Array], order: Callable[[int], Array]) -> Array:
        """Return ½ exp(-s), then take a step of the scales."""
        weights: Array = 0.5 * np.exp(-self.s)
        seen = np.isfinite(losses)
        gradient = 0.5 - weights[seen] * losses[seen]
        slow, slower = _MOMENTS
        self._steps[seen] += 1
        self._first[seen] = slow * self._first[seen] + (1.0 - slow) * gradient
        self._second[seen] = slower * self._second[seen] + (1.0 - slower) * gradient**2
        mean = self._first[seen] / (1.0 - slow ** self._steps[seen])
        spread = np.sqrt(self._second[seen] / (1.0 - slower ** self._steps[seen]))
        self.s[seen] = np.maximum(self.s[seen] - self.lr * mean / (spread + _EPSILON), np.log(_LEAST))
        return weights

    def dense(self) -> dict[str, Array]:
        """Return the scales and the moments of their gradients, as arrays of its own."""
        return {
            "s": self.s.copy(),
            "first": self._first.copy(),
            "second": self._second.copy(),
            "steps": self._steps.copy(),
        }

    def restore(self, dense: Mapping[str, Plain]) -> None:
        """Become the weighting that gave these. Raises `ValueError`, and is unchanged, where they do not fit."""
        s, first = array(dense, "s", like=self.s), array(dense, "first", like=self._first)
        second, steps = array(dense, "second", like=self._second), array(dense, "steps", like=self._steps)
        self.s, self._first, self._second, self._steps = s, first, second, steps


class ForgettingUncertainty:
    """Scales that follow the losses: s_i is the logarithm of an exponential mean of L_i, 0 before the first.

    It rests where learnt scales do, has nothing to learn, and reacts to drift at a chosen half-life. Driftline's own.

    Parameters
    ----------
    k
        Intervals.
    half_life
        Steps after which a loss counts half.

    >>> weighting = ForgettingUncertainty(2)
    >>> weighting.weights(np.array([0.5, 0.01]), np.array([0.5, 0.5]), None, None).tolist()
    [0.5, 0.5]
    >>> weighting.weights(np.array([0.5, 0.01]), np.array([0.5, 0.5]), None, None).round(9).tolist()
    [1.0, 50.0]
    """

    stratified = True
    largest_gradient: float | None = None

    def __init__(self, k: int, half_life: float = 100.0) -> None:
        self._means = LossMeans(k, half_life)

    @property
    def s(self) -> Array:
        """The scales, (k,)."""
        means = self._means.means()
        scales: Array = np.where(np.isnan(means), 0.0, np.log(np.maximum(means, _LEAST)))
        return scales

    def weights(self, losses: Array, shares: Array, gram: Callable[[], Array], order: Callable[[int], Array]) -> Array:
        """Return ½ exp(-s), with scales from the steps before this one, then take in its losses."""
        weights: Array = 0.5 * np.exp(-self.s)
        self._means.update(losses)
        return weights

    def dense(self) -> dict[str, Array]:
        """Return the means of the losses, as arrays of its own."""
        return self._means.dense()

    def restore(self, dense: Mapping[str, Plain]) -> None:
        """Become the weighting that gave these. Raises `ValueError`, and is unchanged, where they do not fit."""
        self._means.restore(dense)
