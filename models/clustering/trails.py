"""What clusters leave behind as they move: micro-clusters without events, which are forgotten sooner than by decay."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from driftline.models.base import Array
from driftline.models.clustering.micro import Moments

TRAIL = 0.1
"""Share of the arrivals that its mass would make one expect, below which a micro-cluster has been left."""
CHANCE = 1e-4
"""Probability that the latest events of a cluster that stands lie as far from all of its events, in one look."""
FEW = 8.0
"""Latest events that a cluster must have for that to be asked."""


def moves(moments: Moments, recent: Array, floor: Array) -> bool:
    """Say whether the latest events of a cluster have another centre than all that it remembers.

    Parameters
    ----------
    moments
        Of its micro-clusters.
    recent
        (m,) their latest events.
    floor
        (d,) or one number: added to each variance.

    >>> stands = Moments(np.full(2, 50.0), np.array([[0.0], [1.0]]), np.ones((2, 1)))
    >>> moves(stands, np.array([10.0, 10.0]), 0.02), moves(stands, np.array([0.0, 60.0]), 0.02)
    (False, True)
    """
    n = recent.sum()
    if n < FEW:
        return False
    late = recent / n
    centre = late @ moments.mean
    variance = late @ (moments.variance + (moments.mean - centre) ** 2) + floor
    whole = moments.weight @ moments.mean / moments.weight.sum()
    # Less than n: the latest are part of all, and their variance is an estimate.
    away = n * (1.0 - n / (n + moments.weight.sum())) * ((centre - whole) ** 2 / variance).sum()
    return bool(chi2.sf(away, moments.mean.shape[1]) < CHANCE)


def spent(moments: Moments, recent: Array, own: Array, floor: Array) -> Array:
    """Return (m,) which micro-clusters of moving clusters were left behind; ids below 0 are not looked at."""
    left = np.zeros(len(own), bool)
    for id_ in np.unique(own[own >= 0]).tolist():
        member = np.flatnonzero(own == id_)
        of_it = Moments(*(part[member] for part in moments))
        if moves(of_it, recent[member], floor):
            rate = recent[member].sum() / of_it.weight.sum()
            left[member] = recent[member] < TRAIL * rate * of_it.weight
    return left
