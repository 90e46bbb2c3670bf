"""Values that a feature takes again and again, and how finely such a feature may be cut.

A Gaussian may sit on one value and be as narrow as its floor lets it, so that any cut along a feature of few values, or
one that is 0 most of the time, seems to explain a lot. It explains nothing: the values are what was measured, not what
makes clusters. For each feature this finds the floor of variances at which a Gaussian has less entropy than all events
have by exactly what it takes to tell the frequent values apart: a cut between them gains little then, while cuts that
several features agree on still gain a lot.

References
----------
Metwally, Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements in data streams", ICDT 2005:
Space-Saving, with the guaranteed counts.

"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

KEPT = 16
"""Values of each feature that are watched."""
FREQUENT = 0.05
"""The least share of a value that counts."""
LEAST = 0.02
"""The floor of a feature without frequent values, in squared standardised units."""
MOST = 1.0
"""The largest floor: the variance of the whole."""


class Atoms(NamedTuple):
    """The candidates of each feature."""

    value: Array
    """(d, KEPT) float64."""
    tally: Array
    """(d, KEPT) int64: events with the value, at most; 0 where none is kept."""
    error: Array
    """(d, KEPT) int64: by how much the count may be too high."""
    events: Array
    """(d,) int64."""


def make(d: int) -> Atoms:
    """Return what is known of `d` features before the first event."""
    return Atoms(
        np.zeros((d, KEPT)), np.zeros((d, KEPT), np.int64), np.zeros((d, KEPT), np.int64), np.zeros(d, np.int64)
    )


@njit(cache=True)
def learn(atoms, X):  # type: ignore[no-untyped-def]
    """Count the values of events (n, d), in order."""
    for t in range(len(X)):
        for j in range(X.shape[1]):
            value, count = atoms.value[j], atoms.tally[j]
            atoms.events[j] += 1
            least = 0
            for i in range(KEPT):
                if count[i] == 0 or value[i] == X[t, j]:
                    least = i
                    break
                if count[i] < count[least]:
                    least = i
            if count[least] == 0 or value[least] != X[t, j]:
                value[least] = X[t, j]
                atoms.error[j, least] = count[least]
            count[least] += 1


def floors(atoms: Atoms, mean: Array, sd: Array) -> Array:
    """Return the floor of each feature's variances (d,), in squared standardised units.

    With shares p of the frequent values, a share q of others, whose variance is s in standardised units, and H the
    entropy of all these shares, it is the f with
    log(1 / f) = 2 (H + q log(s) / 2) / (1 - q).

    Parameters
    ----------
    atoms
        The candidates.
    mean, sd
        (d,) of all events; a feature with `sd` 0 is constant.

    >>> atoms = make(2)
    >>> learn(atoms, np.stack([np.arange(900) % 3, np.linspace(0, 1, 900)], axis=1))
    >>> floors(atoms, np.array([1.0, 0.5]), np.array([(2 / 3) ** 0.5, 0.29])).round(3).tolist()
    [0.111, 0.02]
    """
    found = np.full(len(mean), LEAST)
    sure = atoms.tally - atoms.error
    for j in np.flatnonzero(sd > 0.0):
        share = sure[j] / max(atoms.events[j], 1)
        frequent = share >= FREQUENT
        if not frequent.any():
            continue
        p, z = share[frequent], (atoms.value[j, frequent] - mean[j]) / sd[j]
        q = max(1.0 - p.sum(), 0.0)
        gained = -(p * np.log(p)).sum()
        if q > 1e-9:
            centre = -(p @ z) / q
            spread = (1.0 - p @ z**2) / q - centre**2
            gained += -q * np.log(q) + 0.5 * q * np.log(max(spread, LEAST))
        found[j] = min(max(np.exp(-2.0 * gained / p.sum()), LEAST), MOST)
    return found


def wider(atoms: Atoms, more: int) -> Atoms:
    """Return the same with `more` features."""
    return Atoms(*(np.concatenate([old, new]) for old, new in zip(atoms, make(more), strict=True)))
