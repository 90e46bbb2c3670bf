"""Mixing of several opinions on each label: a logistic regression on their log-odds, learnt at three levels.

The same weights are learnt for all labels together, for each cluster of labels, and for each label alone; the answer is
the mean of the three in log-odds. Labels with few events are led by the upper levels, as labels with many find their
own weights. Each level is a Bayesian logistic regression with its full covariance, kept from freezing by a little
process noise.

References
----------
Mahoney, "Adaptive weighing of context models for lossless data compression", 2005: mixing in the logistic domain, by
several sets of weights.

"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

PRIOR = 0.1
"""Variance of each weight before the first label, and the most that process noise brings it back to, four times."""
NOISE = 1e-4
"""Variance added at each label."""
FLAT = 1e-3
SURE = 0.005
"""An error below this teaches nothing that would be worth its cost."""


class Mixer(NamedTuple):
    """`G` sets of weights for `J` opinions and an intercept."""

    weight: Array
    """(G, J + 1)."""
    covariance: Array
    """(G, J + 1, J + 1)."""


def make(sets: int, first: Array) -> Mixer:
    """Return `sets` sets of weights that begin with `first` (J,) and an intercept of 0."""
    size = len(first) + 1
    weight = np.zeros((sets, size))
    weight[:, :-1] = first
    covariance = np.zeros((sets, size, size))
    covariance[:, np.arange(size), np.arange(size)] = PRIOR
    return Mixer(weight, covariance)


@njit(cache=True)
def mix(mixer, g, opinions):  # type: ignore[no-untyped-def]
    """Return the log-odds of set `g` on the opinions (J,)."""
    weight = mixer.weight[g]
    total = weight[len(opinions)]
    for j in range(len(opinions)):
        total += weight[j] * opinions[j]
    return total


@njit(cache=True)
def learn(mixer, g, opinions, truth, scratch):  # type: ignore[no-untyped-def]
    """Teach set `g` that the opinions (J,) met this truth (0 or 1); `scratch` is (J + 1,)."""
    n = len(opinions)
    weight, covariance = mixer.weight[g], mixer.covariance[g]
    total = mix(mixer, g, opinions)
    q = 1.0 / (1.0 + np.exp(-min(max(total, -30.0), 30.0)))
    error = truth - q
    if abs(error) < SURE:
        return
    h = max(q * (1.0 - q), FLAT)
    spread = 0.0
    for j in range(n + 1):
        covariance[j, j] = min(covariance[j, j] + NOISE, 4.0 * PRIOR)
    for j in range(n + 1):
        s = covariance[j, n]
        for i in range(n):
            s += covariance[j, i] * opinions[i]
        scratch[j] = s
        spread += s * (opinions[j] if j < n else 1.0)
    f = 1.0 / (1.0 + h * spread)
    for j in range(n + 1):
        weight[j] += scratch[j] * error * f
        for i in range(n + 1):
            covariance[j, i] -= f * h * scratch[j] * scratch[i]


@njit(cache=True)
def doubt(mixer, g):  # type: ignore[no-untyped-def]
    """Let a set learn as fast as at first, from the weights that it has."""
    size = mixer.covariance.shape[1]
    for j in range(size):
        for i in range(size):
            mixer.covariance[g, j, i] = PRIOR if i == j else 0.0
