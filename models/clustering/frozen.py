"""Clusters as they stand between two looks at them: what they say of an event, whoever asks and in whatever batch.

Everything here goes event by event, so that a batch gives what its events alone would give, to the last bit.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models import arrays
from driftline.models.base import Array, Plain
from driftline.models.clustering.macros import PRIOR, Macros
from driftline.models.clustering.micro import UNASSIGNED


class Frozen(NamedTuple):
    """k clusters in the features' own units."""

    ids: Array
    """(k,) int64."""
    level: Array
    """(k,) log prior less half the log volume, nats."""
    mean: Array
    """(k, d)."""
    precision: Array
    """(k, d) 1 / variance; 0 for a feature that was constant."""
    fill: Array
    """(d,) what an event that lacks a feature is taken to have: the mean of all events."""
    active: Array
    """(1,) int64: features that varied, at least 1."""
    share: Array
    """(k,) prior probabilities before rare clusters are given a little more."""


class Said(NamedTuple):
    """What clusters say of n events."""

    best: Array
    """(n,) int64: the most probable cluster, as its place."""
    confidence: Array
    """(n,) its posterior probability."""
    log_density: Array
    """(n,) of all clusters together, nats, up to a constant."""
    distance: Array
    """(n,) to the nearest cluster: root of the mean squared distance, in its own standard deviations."""


def freeze(macros: Macros, mean: Array, per_sd: Array, share: Array | None = None) -> Frozen:
    """Return clusters given in standardised units, in the features' own.

    Parameters
    ----------
    macros
        At least one.
    mean, per_sd
        (d,) of all events: mean, and 1 / standard deviation, 0 for a constant feature.
    share
        (k,) prior probabilities up to a factor, at least 0; by the masses if not given.

    """
    mass = macros.mass if share is None else share
    prior = mass + PRIOR * mass.mean()
    level = np.log(prior / prior.sum()) - 0.5 * np.log(macros.variance).sum(axis=1)
    sd = np.where(per_sd > 0.0, 1.0 / np.where(per_sd > 0.0, per_sd, 1.0), 0.0)
    active = max(int((per_sd > 0.0).sum()), 1)
    return Frozen(
        macros.ids,
        level,
        macros.mean * sd + mean,
        per_sd**2 / macros.variance,
        mean.copy(),
        np.array([active]),
        mass / mass.sum(),
    )


def restored(state: Mapping[str, Plain], d: int) -> Frozen:
    """Return what gave this flat state. Raises `ValueError` where its parts do not fit each other."""
    ids = state.get("ids")
    k = len(ids) if isinstance(ids, np.ndarray) else 0
    made = Frozen(
        np.zeros(k, np.int64),
        np.zeros(k),
        np.zeros((k, d)),
        np.zeros((k, d)),
        np.zeros(d),
        np.ones(1, np.int64),
        np.zeros(k),
    )
    arrays.refill(made, state)
    return made


def wider(frozen: Frozen, values: Array) -> Frozen:
    """Return the same with more features, of which the first values are given (new,); they make no difference yet."""
    none = np.zeros((len(frozen.ids), len(values)))
    return frozen._replace(
        mean=np.hstack([frozen.mean, none + values]),
        precision=np.hstack([frozen.precision, none]),
        fill=np.append(frozen.fill, values),
    )


def say(frozen: Frozen, X: Array) -> Said:
    """Return what the clusters say of events (n, d) that have all features.

    >>> mean, ones, one = np.array([[0.0], [8.0]]), np.ones((2, 1)), np.ones(1)
    >>> active, share = np.ones(1, np.int64), np.full(2, 0.5)
    >>> two = Frozen(np.array([4, 9]), np.zeros(2), mean, ones, 0 * one, active, share)
    >>> said = say(two, np.array([[0.5], [8.0], [40.0]]))
    >>> two.ids[said.best].tolist(), said.distance.round(1).tolist()
    ([4, 9, 9], [0.5, 0.0, 32.0])
    """
    n = len(X)
    said = Said(np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n))
    _say(frozen.level, frozen.mean, frozen.precision, float(frozen.active[0]), X, *said)
    return said


def likeliest(frozen: Frozen, X: Array, said: Said) -> Array:
    """Return the ids (n,) int64 of the most probable clusters that are decided, -1 where there is none.

    They are said of events (n, d) however far those lie, so that each has a cluster; `said` is what `say` says of them.

    >>> mean, ones, one = np.array([[0.0], [8.0]]), np.ones((2, 1)), np.ones(1)
    >>> ids, active, share = np.array([4, -11]), np.ones(1, np.int64), np.full(2, 0.5)
    >>> two = Frozen(ids, np.zeros(2), mean, ones, 0 * one, active, share)
    >>> X = np.array([[0.5], [8.0]])
    >>> likeliest(two, X, say(two, X)).tolist()
    [4, 4]
    """
    ids: Array = frozen.ids[said.best]
    pending = ids < 0
    if not pending.any():
        return ids
    decided = np.flatnonzero(frozen.ids >= 0)
    ids[pending] = UNASSIGNED
    if len(decided):
        n = int(pending.sum())
        best, none = np.empty(n, np.int64), np.empty(n)
        of_decided = frozen.level[decided], frozen.mean[decided], frozen.precision[decided]
        _say(*of_decided, float(frozen.active[0]), X[pending], best, none, none, none)
        ids[pending] = frozen.ids[decided[best]]
    return ids


@njit(cache=True)
def _say(level, mean, precision, active, X, best, confidence, log_density, distance):  # type: ignore[no-untyped-def]
    k, d = mean.shape
    joint = np.empty(k)
    for t in range(len(X)):
        first, closest = 0, np.inf
        for i in range(k):
            squared = 0.0
            for j in range(d):
                away = X[t, j] - mean[i, j]
                squared += away * away * precision[i, j]
            joint[i] = level[i] - 0.5 * squared
            if joint[i] > joint[first]:
                first = i
            closest = min(closest, squared)
        total = 0.0
        for i in range(k):
            total += np.exp(joint[i] - joint[first])
        best[t] = first
        confidence[t] = 1.0 / total
        log_density[t] = joint[first] + np.log(total)
        distance[t] = np.sqrt(closest / active)
