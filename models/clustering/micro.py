"""Micro-clusters: a stream of events as a bounded number of weighted means and variances.

Everything is learnt event by event, in the order in which the events come, so that it does not matter how they are cut
into batches. Moments are kept in the units of the features; distances are taken in standardised units, by the mean and
variance of all events so far, and what was learnt under another scale is never wrong by it. The centre and variance of
a micro-cluster are those of its events, each weighted by its age.

Where the published ones keep sums and sums of squares, these keep means and variances: nothing cancels where features
lie far from 0, and of the moments only the weight decays.

References
----------
Zhang, Ramakrishnan and Livny, "BIRCH", SIGMOD 1996: radius and compaction. Aggarwal, Han, Wang and Yu, "A framework for
clustering evolving data streams", VLDB 2003: micro-clusters. Welford, Technometrics 4 (1962): moments.

"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models import arrays
from driftline.models.base import Array, Plain
from driftline.models.clustering.compaction import (
    COMPACTED,
    DROPPED,
    GROWTH,
    LEARNT,
    LIVE,
    RADIUS,
    RECENT_UNIT,
    UNASSIGNED,
    UNIT,
    compact,
    remove,
)
from driftline.models.parameters import at_least, positive

__all__ = ["COMPACTED", "DROPPED", "GROWTH", "LEARNT", "LIVE", "RADIUS", "RECENT_UNIT", "UNASSIGNED", "UNIT"]

LEAST_WEIGHT = 0.05
"""A micro-cluster of less than so many events is dropped."""
DROP_EVERY = 64
"""Events between two looks for such ones."""
RECENT = 8.0
"""How much faster than the weight the recent one decays."""
FARTHEST = 1e100
"""Features are held within this of 0: its square must be a number."""
_ANY = -(2**62)
_FULL = 2.0**40  # all weights are divided by the unit when it has grown to this
_FLAT = 1e-290  # a sum of squares up to this is that of a constant feature


class Micro(NamedTuple):
    """What was learnt. Of the C rows the first `counts[LIVE]` are micro-clusters; the others hold zeros.

    Weights do not shrink; the weight of a new event, `numbers[UNIT]`, grows instead. Divide by it for decayed events.
    """

    weight: Array
    """(C,) float64, in the growing unit."""
    mean: Array
    """(C, d) float64, in the features' units."""
    variance: Array
    """(C, d) float64, in the features' squared units."""
    recent: Array
    """(C,) float64: the same with an eighth of the half-life, in a growing unit of its own."""
    seen: Array
    """(C,) int64: events that had been learnt when the last one was absorbed."""
    opened: Array
    """(C,) int64: the same of the first one."""
    macro: Array
    """(C,) int64: the cluster that each belongs to, or `UNASSIGNED`. Set from outside; never merged across."""
    scale: Array
    """(3, d) float64: mean of all events, sum of squared distances from it, and events, of each feature."""
    counts: Array
    """(3,) int64: events learnt, micro-clusters, and events learnt at the last compaction."""
    numbers: Array
    """(4,) float64: weight of a new event, radius in standardised units, weight that was dropped, and the recent weight
    of a new event."""
    compact_to: int
    growth: float


class Moments(NamedTuple):
    """Micro-clusters in standardised units."""

    weight: Array
    """(m,) decayed events."""
    mean: Array
    """(m, d)."""
    variance: Array
    """(m, d)."""


def make(d: int, most: int = 100, compact_to: int = 80, half_life: float = 2_000.0, radius: float = 0.2) -> Micro:
    """Return a state that has learnt nothing.

    Parameters
    ----------
    d
        Features, at least 1.
    most
        Micro-clusters that are kept, at least 2.
    compact_to
        How many the nearest are merged down to when one more is needed, from 1 to `most` - 1.
    half_life
        Events after which an event counts half, above 0.
    radius
        The distance within which an event is absorbed at first, in standard deviations per √d, above 0. Compactions
        widen it.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> micro = make(2)
    >>> _ = learn(micro, np.array([[0.0, 0.0], [8.0, 8.0], [0.1, 0.0], [0.0, 0.1], [8.0, 8.1]]))
    >>> moments(micro).weight.round(2).tolist()
    [3.0, 2.0]
    """
    at_least(1, d=d, compact_to=compact_to)
    at_least(compact_to + 1, most=most)
    positive(half_life=half_life, radius=radius)
    return Micro(
        weight=np.zeros(most),
        mean=np.zeros((most, d)),
        variance=np.zeros((most, d)),
        recent=np.zeros(most),
        seen=np.zeros(most, np.int64),
        opened=np.zeros(most, np.int64),
        macro=np.full(most, UNASSIGNED, np.int64),
        scale=np.zeros((3, d)),
        counts=np.zeros(3, np.int64),
        numbers=np.array([1.0, radius * d**0.5, 0.0, 1.0]),
        compact_to=int(compact_to),
        growth=float(2.0 ** (1.0 / half_life)),
    )


def learn(micro: Micro, X: Array, macro: Array | None = None) -> Array:
    """Learn events (n, d) in order: each is absorbed by the nearest micro-cluster within the radius, or opens one.

    With `macro` (n,) int64, the cluster of each event, one that it opens belongs there too, and events of settled
    clusters (from 0) are absorbed by micro-clusters of such, others only by those of the very same. Without it any
    micro-cluster absorbs, and a new one belongs to none. What `to_mass` says of each event (n,) before it is learnt is
    returned.

    Raises
    ------
    ValueError
        The events have another number of features, or not all are finite; nothing was learnt.
    """
    X = events(micro, X)
    mass = np.empty(len(X))
    _learn(micro, X, np.full(len(X), _ANY) if macro is None else macro, mass)
    return mass


def to_mass(micro: Micro, X: Array) -> Array:
    """Return how far events (n, d) are from all that was learnt, in standard deviations of all events.

    It is the root of the mean squared distance to the events of the nearest micro-cluster, averaged over the features
    that varied; 0 before there is one.

    >>> micro = make(2)
    >>> _ = learn(micro, np.array([[0.0, 0.0], [8.0, 8.0], [0.1, 0.0], [0.0, 0.1], [8.0, 8.1]]))
    >>> to_mass(micro, np.array([[0.0, 0.0], [4.0, 4.0], [16.0, 16.0]])).round(1).tolist()
    [0.0, 1.0, 2.0]
    """
    X = events(micro, X)
    mass = np.empty(len(X))
    _far(micro, X, mass)
    return mass


def events(micro: Micro, X: Array) -> Array:
    """Return events as they are learnt: (n, d) float64, within ±1e100. Raises `ValueError` as `learn` does."""
    X = np.ascontiguousarray(X, dtype=np.float64)
    if X.ndim != 2 or X.shape[1] != micro.mean.shape[1]:
        raise ValueError(f"events must have the shape (n, {micro.mean.shape[1]}), got {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError("events must be finite")
    return np.clip(X, -FARTHEST, FARTHEST)


def standardise(micro: Micro, X: Array) -> Array:
    """Return events (n, d) in standardised units; a feature that was constant so far becomes 0."""
    standardised: Array = (X - micro.scale[0]) * per_sd(micro)
    return standardised


def moments(micro: Micro) -> Moments:
    """Return the micro-clusters in standardised units."""
    live = int(micro.counts[LIVE])
    scale = per_sd(micro)
    return Moments(
        micro.weight[:live] / micro.numbers[UNIT],
        (micro.mean[:live] - micro.scale[0]) * scale,
        micro.variance[:live] * scale**2,
    )


def absorb(micro: Micro, X: Array, macro: int, weight: float = 1.0) -> None:
    """Put events (n, d) that were learnt before into micro-clusters of `macro` again, as if all had just come.

    Each counts as `weight` events.
    """
    unit = float(micro.numbers[UNIT])
    micro.numbers[UNIT] = weight * unit
    _again(micro, X, macro)
    micro.numbers[UNIT] = unit


def drop(micro: Micro, which: Array) -> None:
    """Forget those micro-clusters that are marked in `which` (m,) bool."""
    for i in np.flatnonzero(which)[::-1].tolist():
        micro.numbers[DROPPED] += micro.weight[i]
        remove(micro, i)


def state(micro: Micro) -> dict[str, Plain]:
    """Return copies of all arrays, by name."""
    return arrays.flat(micro)


def restore(micro: Micro, state: dict[str, Plain]) -> None:
    """Make `micro` what the one was that gave this state; both have the same parameters.

    Raises
    ------
    ValueError
        The state does not fit; nothing was written.
    """
    live = state.get("counts")
    if not isinstance(live, np.ndarray) or live.shape != (3,) or not 0 <= live[LIVE] <= len(micro.weight):
        raise ValueError(f"state 'counts' must tell of 0 to {len(micro.weight)} micro-clusters")
    arrays.refill(micro, state)


def per_sd(micro: Micro) -> Array:
    """Return 1 / standard deviation (d,) over all events; 0 for a feature that was constant so far."""
    spread = micro.scale[1]
    varied = spread > _FLAT
    found: Array = np.where(varied, np.sqrt(micro.scale[2] / np.where(varied, spread, 1.0)), 0.0)
    return found


@njit(cache=True)
def _learn(micro, X, macro, mass):  # type: ignore[no-untyped-def]
    precision = _precision(micro.scale)
    for t in range(len(X)):
        x = X[t]
        mass[t] = _to_mass(micro, x, precision)
        micro.counts[LEARNT] += 1
        n = micro.counts[LEARNT]
        _rescale(micro.scale, x, precision)
        micro.numbers[UNIT] *= micro.growth
        if micro.numbers[UNIT] > _FULL:
            _renew_unit(micro)
        micro.numbers[RECENT_UNIT] *= micro.growth**RECENT
        if micro.numbers[RECENT_UNIT] > _FULL:
            micro.recent[: micro.counts[LIVE]] /= micro.numbers[RECENT_UNIT]
            micro.numbers[RECENT_UNIT] = 1.0
        if n % DROP_EVERY == 0:
            _drop_light(micro)
        _place(micro, x, macro[t], precision)


@njit(cache=True)
def _again(micro, X, macro):  # type: ignore[no-untyped-def]
    precision = _precision(micro.scale)
    for t in range(len(X)):
        _place(micro, X[t], macro, precision)


@njit(cache=True)
def _far(micro, X, mass):  # type: ignore[no-untyped-def]
    precision = _precision(micro.scale)
    for t in range(len(X)):
        mass[t] = _to_mass(micro, X[t], precision)


@njit(cache=True)
def _to_mass(micro, x, precision):  # type: ignore[no-untyped-def]
    if not micro.counts[LIVE]:
        return 0.0
    active = 0
    for j in range(len(x)):
        active += precision[j] > 0.0
    least = np.inf
    for i in range(micro.counts[LIVE]):
        distance = 0.0
        for j in range(len(x)):
            away = x[j] - micro.mean[i, j]
            distance += (away * away + micro.variance[i, j]) * precision[j]
        least = min(least, distance)
    return np.sqrt(least / max(active, 1))


@njit(cache=True)
def _place(micro, x, macro, precision):  # type: ignore[no-untyped-def]
    """Let an event be absorbed, or open a micro-cluster."""
    nearest, least = _nearest(micro, x, macro, precision)
    if not least <= micro.numbers[RADIUS] ** 2 and micro.counts[LIVE] == len(micro.weight):
        compact(micro, precision)
        nearest, least = _nearest(micro, x, macro, precision)
    if least <= micro.numbers[RADIUS] ** 2:
        _absorb(micro, nearest, x)
    else:
        _open(micro, x, macro)


@njit(cache=True)
def _precision(scale):  # type: ignore[no-untyped-def]
    """Return what the squared units of each feature (d,) are worth; 0 for one that was constant so far."""
    precision = np.zeros(scale.shape[1])
    for j in range(len(precision)):
        precision[j] = scale[2, j] / scale[1, j] if scale[1, j] > _FLAT else 0.0
    return precision


@njit(cache=True)
def _rescale(scale, x, precision):  # type: ignore[no-untyped-def]
    """Count one event in, and say what the squared units of each feature are worth."""
    for j in range(len(x)):
        away = x[j] - scale[0, j]
        scale[2, j] += 1.0
        n = scale[2, j]
        scale[0, j] += away / n
        scale[1, j] += away * (x[j] - scale[0, j])
        precision[j] = n / scale[1, j] if scale[1, j] > _FLAT else 0.0


@njit(cache=True)
def _renew_unit(micro):  # type: ignore[no-untyped-def]
    unit = micro.numbers[UNIT]
    micro.weight[: micro.counts[LIVE]] /= unit
    micro.numbers[DROPPED] /= unit
    micro.numbers[UNIT] = 1.0


@njit(cache=True)
def _nearest(micro, x, macro, precision):  # type: ignore[no-untyped-def]
    """Return the nearest micro-cluster that may absorb an event, and its squared distance, infinite where none may."""
    nearest, least = -1, np.inf
    for i in range(micro.counts[LIVE]):
        kin = macro == _ANY or macro == micro.macro[i] or (macro >= 0 and micro.macro[i] >= 0)
        if not kin:
            continue
        distance = 0.0
        for j in range(len(x)):
            away = x[j] - micro.mean[i, j]
            distance += away * away * precision[j]
        if distance < least:
            nearest, least = i, distance
    return nearest, least


@njit(cache=True)
def _absorb(micro, i, x):  # type: ignore[no-untyped-def]
    micro.weight[i] += micro.numbers[UNIT]
    part = micro.numbers[UNIT] / micro.weight[i]
    for j in range(len(x)):
        away = x[j] - micro.mean[i, j]
        micro.mean[i, j] += part * away
        micro.variance[i, j] = (1.0 - part) * (micro.variance[i, j] + part * away * away)
    micro.recent[i] += micro.numbers[RECENT_UNIT]
    micro.seen[i] = micro.counts[LEARNT]


@njit(cache=True)
def _open(micro, x, macro):  # type: ignore[no-untyped-def]
    i = micro.counts[LIVE]
    micro.counts[LIVE] += 1
    micro.weight[i] = micro.numbers[UNIT]
    for j in range(len(x)):
        micro.mean[i, j] = x[j]
    micro.recent[i] = micro.numbers[RECENT_UNIT]
    micro.seen[i] = micro.opened[i] = micro.counts[LEARNT]
    micro.macro[i] = UNASSIGNED if macro == _ANY else macro


@njit(cache=True)
def _drop_light(micro):  # type: ignore[no-untyped-def]
    i = 0
    while i < micro.counts[LIVE]:
        if micro.weight[i] < LEAST_WEIGHT * micro.numbers[UNIT]:
            micro.numbers[DROPPED] += micro.weight[i]
            remove(micro, i)
        else:
            i += 1
