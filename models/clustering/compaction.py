"""Micro-clusters made fewer: the light are dropped, and where there is no room the nearest are merged.

References
----------
Zhang, Ramakrishnan and Livny, "BIRCH", SIGMOD 1996: a radius that is renewed as clusters are merged. Ward,
"Hierarchical grouping to optimize an objective function", JASA 58 (1963): which lose least. Strays, far from all but
light, merge with each other before what is dense is blurred.

"""

import numpy as np
from numba import njit

UNASSIGNED = -1
"""The macro of a micro-cluster that belongs to none."""
LEARNT, LIVE, COMPACTED = range(3)
UNIT, RADIUS, DROPPED, RECENT_UNIT = range(4)
GROWTH = 1.3
"""The most by which one compaction widens the radius."""
CALM = 100
"""Events between two compactions that leave the radius as it is."""
NARROWER = -0.2
"""The least power of the growth: after a long calm the radius shrinks by a twentieth."""


@njit(cache=True)
def remove(micro, i):  # type: ignore[no-untyped-def]
    """Put the last micro-cluster in the place of this one."""
    last = micro.counts[LIVE] - 1
    micro.weight[i], micro.weight[last] = micro.weight[last], 0.0
    micro.recent[i], micro.recent[last] = micro.recent[last], 0.0
    micro.seen[i], micro.seen[last] = micro.seen[last], 0
    micro.opened[i], micro.opened[last] = micro.opened[last], 0
    micro.macro[i], micro.macro[last] = micro.macro[last], UNASSIGNED
    for j in range(micro.mean.shape[1]):
        micro.mean[i, j], micro.mean[last, j] = micro.mean[last, j], 0.0
        micro.variance[i, j], micro.variance[last, j] = micro.variance[last, j], 0.0
    micro.counts[LIVE] = last


@njit(cache=True)
def _merge(micro, i, k):  # type: ignore[no-untyped-def]
    """Make one micro-cluster `i` of two; `k` is empty then."""
    whole = micro.weight[i] + micro.weight[k]
    part = micro.weight[k] / whole
    for j in range(micro.mean.shape[1]):
        away = micro.mean[k, j] - micro.mean[i, j]
        micro.mean[i, j] += part * away
        inner = (1.0 - part) * micro.variance[i, j] + part * micro.variance[k, j]
        micro.variance[i, j] = inner + part * (1.0 - part) * away * away
    if micro.weight[k] > micro.weight[i]:
        micro.macro[i] = micro.macro[k]
    micro.weight[i] = whole
    micro.recent[i] += micro.recent[k]
    micro.seen[i] = max(micro.seen[i], micro.seen[k])
    micro.opened[i] = min(micro.opened[i], micro.opened[k])


@njit(cache=True)
def compact(micro, precision):  # type: ignore[no-untyped-def]
    """Merge pairs of the same macro that lose least; where that makes no room, one of all. Then renew the radius.

    It is wider the sooner there was no room again, and a little narrower where that took its time.
    """
    _merge_nearest(micro, precision, micro.compact_to, True)
    if micro.counts[LIVE] == len(micro.weight):
        _merge_nearest(micro, precision, len(micro.weight) - 1, False)
    hurry = 1.0 - (micro.counts[LEARNT] - micro.counts[COMPACTED]) / CALM
    micro.numbers[RADIUS] *= GROWTH ** max(hurry, NARROWER)
    micro.counts[COMPACTED] = micro.counts[LEARNT]


@njit(cache=True)
def _merge_nearest(micro, precision, until, same):  # type: ignore[no-untyped-def]
    """Merge until so many are left, or nothing can be merged."""
    live = micro.counts[LIVE]
    apart = np.empty((live, live))
    closest = np.empty(live)
    to = np.zeros(live, np.int64)
    for i in range(live):
        _measure(micro, precision, same, apart, i, i + 1)
    for i in range(live):
        _look(apart, closest, to, i)
    gone = np.zeros(live, np.bool_)
    left = live
    while left > until:
        i = _least(closest)
        if closest[i] == np.inf:
            break
        k = to[i]
        _merge(micro, i, k)
        gone[k] = True
        left -= 1
        closest[k] = np.inf
        _measure(micro, precision, same, apart, i, live)
        for other in range(live):
            apart[k, other] = apart[other, k] = np.inf
            if gone[other]:
                apart[i, other] = apart[other, i] = np.inf
        for other in range(live):
            if not gone[other] and (other == i or to[other] == i or to[other] == k):
                _look(apart, closest, to, other)
            elif apart[other, i] < closest[other]:
                closest[other], to[other] = apart[other, i], i
    for k in range(live - 1, -1, -1):
        if gone[k]:
            remove(micro, k)


@njit(cache=True)
def _measure(micro, precision, same, apart, i, until):  # type: ignore[no-untyped-def]
    """Put what is lost by merging one micro-cluster with each of the first so many into `apart`, both ways (Ward)."""
    for k in range(until):
        if k == i or (same and micro.macro[i] != micro.macro[k]):
            distance = np.inf
        else:
            distance = 0.0
            for j in range(len(precision)):
                away = micro.mean[i, j] - micro.mean[k, j]
                distance += away * away * precision[j]
            distance *= micro.weight[i] * micro.weight[k] / (micro.weight[i] + micro.weight[k])
        apart[i, k] = apart[k, i] = distance


@njit(cache=True)
def _look(apart, closest, to, i):  # type: ignore[no-untyped-def]
    to[i] = _least(apart[i])
    closest[i] = apart[i, to[i]]


@njit(cache=True)
def _least(values):  # type: ignore[no-untyped-def]
    at = 0
    for i in range(len(values)):
        if values[i] < values[at]:
            at = i
    return at
