"""Events as a linear learner and a neighbour search like to see them, made from moments kept per feature.

Two views of one event, both at the cost of its non-zeros: scaled by the largest size seen (`peak`), and standardised.
A feature that is zero in most events keeps its zeros (it is divided by its deviation, not centred); one that is not
is centred, also where an event lacks it. Of the latter there are never more than some multiple of the mean number of
non-zeros, so that sparse events stay sparse.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

GROWTH = 1.0 + np.log(2.0) / 20_000.0
"""The weight of each event relative to the one before: moments halve every 20,000 events."""
RENEW = 1e60
"""The weight at which all sums are divided by it."""
FADE_PEAK = 0.9995
"""What is left of a feature's peak at its next value."""
FARTHEST = 8.0
"""Standard deviations at which a standardised value is cut."""
SETTLED = 20.0
"""Values after which a feature's moments may tell what is wild, and how far that is (in sizes of its values)."""
WILD = 10.0
EARLY, FAR = 64.0, 1e6
"""Values until which one that is so many times smaller than the peak shows that the peak was a wild one: begin anew."""
SAME = 1e-9
"""Deviation, in sizes of the mean, below which a feature counts as constant."""
TINY = 1e-300
"""The least that a value is divided by."""
DENSE, SPARSE, ENOUGH = 0.5, 0.4, 8.0
"""Share of events above which a feature becomes dense, below which it is sparse again, and events before that."""


class Moments(NamedTuple):
    """What is known of each feature; `F` features at most, `D` dense ones."""

    total: Array
    """(2,): the summed weight of all events, and the weight of the next."""
    nonzero: Array
    """(F,): summed weight of the events where the feature is not zero."""
    shift: Array
    """(F,): the first value, around which moments are taken (large offsets would cancel)."""
    first: Array
    """(F,): sum of weighted values less the shift, over the non-zeros."""
    second: Array
    """(F,): the same, squared."""
    peak: Array
    """(F,): the largest size of late."""
    place: Array
    """(F,) int32: where a dense feature stands in the block, -1 for a sparse one."""
    dense: Array
    """(D,) int32: the dense features in the order of their places."""
    counts: Array
    """(1,) int64: how many features are dense."""


def make(features: int, dense: int) -> Moments:
    """Return moments of so many features, none seen yet."""
    nonzero, shift, first, second, peak = np.zeros((5, features))
    place, block = np.full(features, -1, dtype=np.int32), np.zeros(dense, dtype=np.int32)
    return Moments(np.array([0.0, 1.0]), nonzero, shift, first, second, peak, place, block, np.zeros(1, dtype=np.int64))


@njit(cache=True)
def _scale(f, j):  # type: ignore[no-untyped-def]
    """Mean (over all events) and deviation of a feature."""
    n, shift = f.total[0], f.shift[j]
    absent = n - f.nonzero[j]
    mean = (f.first[j] - absent * shift) / n
    variance = (f.second[j] + absent * shift * shift) / n - mean * mean
    return shift + mean, np.sqrt(max(variance, 0.0))


@njit(cache=True)
def tame(f, j, x):  # type: ignore[no-untyped-def]
    """Return a value that is not much larger than the feature's values so far."""
    c = f.nonzero[j] / f.total[1]
    if c < SETTLED:
        return x
    mean = f.first[j] / f.nonzero[j]
    spread = np.sqrt(max(f.second[j] / f.nonzero[j] - mean * mean, 0.0))
    reach = WILD * (abs(f.shift[j] + mean) + spread)
    return min(max(x, -reach), reach)


@njit(cache=True)
def represent(f, index, value, scaled, where, standard, seen):  # type: ignore[no-untyped-def]
    """Make both views of one event.

    `index`, `value` are its non-zeros; `scaled` takes a value for each. `where`, `standard` take the standardised
    view, dense features first, of length 1; `seen` (F,) is scratch that must be and is left False. Returns the
    number of entries of the standardised view.
    """
    n_dense = f.counts[0]
    length = n_dense
    known = f.total[0] > f.total[1]
    for p in range(n_dense):
        where[p] = f.dense[p]
    square = 0.0
    for i in range(len(index)):
        j = index[i]
        x = tame(f, j, np.float64(value[i]))
        scaled[i] = x / max(f.peak[j], abs(x), TINY)
        if not known or f.nonzero[j] == 0.0:
            continue
        mean, deviation = _scale(f, j)
        place = f.place[j]
        if place >= 0:
            seen[j] = True
            z = (x - mean) / deviation if deviation > SAME * abs(mean) else 0.0
            z = min(max(z, -FARTHEST), FARTHEST)
            standard[place] = z
            square += z * z
        elif deviation > SAME * abs(mean):
            z = min(max(x / deviation, -FARTHEST), FARTHEST)
            where[length] = j
            standard[length] = z
            length += 1
            square += z * z
    for p in range(n_dense):
        j = f.dense[p]
        if seen[j]:
            seen[j] = False
            continue
        mean, deviation = _scale(f, j)
        z = -mean / deviation if deviation > SAME * abs(mean) else 0.0
        z = min(max(z, -FARTHEST), FARTHEST)
        standard[p] = z
        square += z * z
    if square > 0.0:
        norm = 1.0 / np.sqrt(square)
        for p in range(length):
            standard[p] *= norm
    return length


@njit(cache=True)
def _alone(f, j):  # type: ignore[no-untyped-def]
    """Whether all that a feature's values sum up to, squared, is the one that made its peak."""
    shift = f.shift[j]
    squares = f.second[j] + shift * (2.0 * f.first[j] + f.nonzero[j] * shift)
    return squares < 1.5 * f.total[1] * f.peak[j] * f.peak[j]


@njit(cache=True)
def learn(f, index, value):  # type: ignore[no-untyped-def]
    """Take one event into the moments; return whether a feature became dense for which there is no place."""
    weight = f.total[1]
    f.total[0] += weight
    full = False
    for i in range(len(index)):
        j = index[i]
        x = tame(f, j, np.float64(value[i]))
        if f.nonzero[j] < EARLY * weight and abs(x) * FAR < f.peak[j] and _alone(f, j):
            f.nonzero[j] = f.first[j] = f.second[j] = f.peak[j] = 0.0
        if f.nonzero[j] == 0.0:
            f.shift[j] = x
        y = x - f.shift[j]
        f.nonzero[j] += weight
        f.first[j] += weight * y
        f.second[j] += weight * y * y
        f.peak[j] = max(abs(x), f.peak[j] * FADE_PEAK)
        if f.place[j] < 0 and f.nonzero[j] > DENSE * f.total[0] and f.total[0] >= ENOUGH * weight * 0.999:
            if f.counts[0] == len(f.dense):
                full = True
                continue
            f.place[j] = f.counts[0]
            f.dense[f.counts[0]] = j
            f.counts[0] += 1
    f.total[1] = weight * GROWTH
    if f.total[1] > RENEW:
        for j in range(len(f.nonzero)):
            f.nonzero[j] /= f.total[1]
            f.first[j] /= f.total[1]
            f.second[j] /= f.total[1]
        f.total[0] /= f.total[1]
        f.total[1] = 1.0
    return full


@njit(cache=True)
def thinned(f, out):  # type: ignore[no-untyped-def]
    """Write the places of dense features that have become sparse to `out` (D,), highest first; return how many."""
    found = 0
    for p in range(f.counts[0] - 1, -1, -1):
        if f.nonzero[f.dense[p]] < SPARSE * f.total[0]:
            out[found] = p
            found += 1
    return found


@njit(cache=True)
def retire(f, place):  # type: ignore[no-untyped-def]
    """Make the dense feature at this place sparse; the last one takes the place."""
    last = f.counts[0] - 1
    f.place[f.dense[place]] = -1
    if place != last:
        f.dense[place] = f.dense[last]
        f.place[f.dense[place]] = place
    f.counts[0] = last
