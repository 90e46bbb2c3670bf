"""What clusters leave behind as they move: micro-clusters without events, which are forgotten sooner than by decay."""

import numpy as np
from numba import njit
from scipy.special import chdtri

from driftline.models.base import Array
from driftline.models.clustering.micro import Moments

TRAIL = 0.1
"""Share of the arrivals that its mass would make one expect, below which a micro-cluster has been left."""
CHANCE = 1e-4
"""Probability that the latest events of a cluster that stands lie as far from all of its events, in one look."""
FEW = 8.0
"""Latest events that a cluster must have for that to be asked."""


def spent(moments: Moments, recent: Array, own: Array, floor: Array) -> Array:
    """Return (m,) which micro-clusters of moving clusters were left behind; ids below 0 are not looked at.

    A cluster moves if its latest events have another centre than all that it remembers.

    Parameters
    ----------
    moments
        Of the micro-clusters, in standardised units.
    recent
        (m,) their latest events.
    own
        (m,) int64 their clusters.
    floor
        (d,) added to each variance.

    >>> moments = Moments(np.full(4, 50.0), np.array([[0.0], [1.0], [7.0], [9.0]]), np.ones((4, 1)))
    >>> spent(moments, np.array([10.0, 10.0, 0.0, 60.0]), np.array([0, 0, 1, 1]), np.array([0.02])).tolist()
    [False, False, True, False]
    """
    left = np.zeros(len(own), bool)
    _spent(*moments, recent, own, floor, float(chdtri(moments.mean.shape[1], CHANCE)), left)
    return left


@njit(cache=True)
def _spent(w, mean, variance, recent, own, floor, bound, left):  # type: ignore[no-untyped-def]
    m, d = mean.shape
    done = np.zeros(m, np.bool_)
    for first in range(m):
        if done[first] or own[first] < 0:
            continue
        mass = late = 0.0
        for i in range(first, m):
            if own[i] == own[first]:
                done[i] = True
                mass += w[i]
                late += recent[i]
        if late < FEW:
            continue
        # Less than `late`: the latest are part of all.
        n = late * (1.0 - late / (late + mass))
        away = 0.0
        for j in range(d):
            whole = centre = 0.0
            for i in range(first, m):
                if own[i] == own[first]:
                    whole += w[i] * mean[i, j]
                    centre += recent[i] * mean[i, j]
            whole /= mass
            centre /= late
            spread = 0.0
            for i in range(first, m):
                if own[i] == own[first]:
                    spread += recent[i] * (variance[i, j] + (mean[i, j] - centre) ** 2)
            away += n * (centre - whole) ** 2 / (spread / late + floor[j])
        if away > bound:
            for i in range(first, m):
                if own[i] == own[first]:
                    left[i] = recent[i] < TRAIL * late / mass * w[i]
