"""Rounds of refinement after the first: a correction is proposed, and taken where it would have helped before.

Weighing the experts is the first round. Further ones look at the last judged windows and propose to follow the best
expert alone (method), to move the forecast (level), or to move each range of leads by itself (profile). What a
proposal would have gained is measured leave-one-out: on each window, with the correction that the others suggest. It
is taken only beyond a margin; choosing among many experts needs a wider one.

References
----------
Hu et al., "Self-Refined Generative Foundation Models for Wireless Traffic Prediction", arXiv 2408.10390: rounds of
feedback and refinement, until nothing is gained.
"""

import math

import numpy as np
from numba import njit

PAST = 4
"""Windows that a proposal is measured on; with fewer none is made."""
MARGIN = 0.005
"""The least gain, of the error before it."""
MARGIN_METHOD = 0.03


@njit(cache=True)
def correct(gaps, refined, starts, rounds, shift):  # type: ignore[no-untyped-def]
    """Return the expert to follow alone, -1 for none, and write what is to be added in each range (B,).

    Parameters
    ----------
    gaps
        (K, G + 1, J) truth less forecast of the experts and of the answer, on K windows; nan where one is not known.
    refined
        The row of the answer.
    starts
        (B + 1,) range b is the leads from `starts[b]` to `starts[b + 1]`; the first is left alone, as it is judged
        at each step.
    rounds
        How many proposals are looked for.
    shift
        (B,) is written to.

    >>> gaps = np.tile(np.array([[3.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), (4, 1, 1))
    >>> shift = np.zeros(2)
    >>> correct(gaps, 1, np.array([0, 1, 3]), 1, shift), shift.tolist()
    (-1, [0.0, 2.0])
    """
    windows, count = gaps.shape[0], gaps.shape[1] - 1
    ranges = len(starts) - 1
    method = -1
    shift[:] = 0.0
    if windows < PAST or ranges < 2:
        return method
    own = gaps[:, refined].copy()
    for _ in range(rounds):
        before = _size(own)
        if not before > 0.0:
            break
        level, profile, followed = 0.0, 0.0, 0.0
        for k in range(windows):
            for b in range(1, ranges):
                level += _left(own, k, starts[1], starts[ranges], starts[b], starts[b + 1])
                profile += _left(own, k, starts[b], starts[b + 1], starts[b], starts[b + 1])
            best = _best(gaps, count, starts[1], k) if method < 0 else -1
            followed += _sum(gaps[k, best], starts[1]) if best >= 0 else math.inf
        limit = (1.0 - MARGIN) * before
        if followed < (1.0 - MARGIN_METHOD) * before and followed <= min(level, profile):
            method = _best(gaps, count, starts[1], -1)
            own = gaps[:, method].copy()
            shift[:] = 0.0
        elif min(level, profile) < limit:
            for b in range(1, ranges):
                first, last = (starts[b], starts[b + 1]) if profile < level else (starts[1], starts[ranges])
                moved = _mean(own, -1, first, last)
                shift[b] += moved
            own = gaps[:, method if method >= 0 else refined].copy()
            for b in range(1, ranges):
                own[:, starts[b] : starts[b + 1]] -= shift[b]
        else:
            break
    return method


@njit(cache=True)
def _size(own):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(own.shape[0]):
        total += _sum(own[k], 1)
    return total


@njit(cache=True)
def _sum(row, first):  # type: ignore[no-untyped-def]
    """Return the sum of the sizes that are known, from lead `first` on."""
    total = 0.0
    for j in range(first, len(row)):
        if row[j] == row[j]:
            total += abs(row[j])
    return total


@njit(cache=True)
def _mean(own, without, first, last):  # type: ignore[no-untyped-def]
    """Return the mean over all windows but one."""
    total, count = 0.0, 0
    for k in range(own.shape[0]):
        if k != without:
            for j in range(first, last):
                if own[k, j] == own[k, j]:
                    total += own[k, j]
                    count += 1
    return total / count if count else 0.0


@njit(cache=True)
def _left(own, k, first, last, start, end):  # type: ignore[no-untyped-def]
    """Return what window `k` would still err by from `start` to `end`, moved by the mean of the others."""
    moved, total = _mean(own, k, first, last), 0.0
    for j in range(start, end):
        if own[k, j] == own[k, j]:
            total += abs(own[k, j] - moved)
    return total


@njit(cache=True)
def _best(gaps, count, first, without):  # type: ignore[no-untyped-def]
    """Return the expert with the least error on all windows but one; -1 where none answered all."""
    best, least = -1, np.inf
    for g in range(count):
        total, sound = 0.0, True
        for k in range(gaps.shape[0]):
            for j in range(first, gaps.shape[2]):
                sound = sound and (gaps[k, g, j] == gaps[k, g, j] or gaps[k, count, j] != gaps[k, count, j])
            if k != without:
                total += _sum(gaps[k, g], first)
        if sound and total < least:
            best, least = g, total
    return best
