"""Cutting the levels of noise into intervals of levels that are alike, by exact dynamic programming.

An interval [l .. r] has the centre c = floor((l + r + 1) / 2) and costs the sum of distances d(t, c) of its levels t.
Cuts are exact: no other way to cut into k intervals costs less.

Differs from the authors' code, whose intervals start off by one, whose free intervals are forbidden, and whose centre
is rounded in more than one way: there the result is not always the cheapest.

References
----------
Go et al., "Addressing Negative Transfer in Diffusion Models", NeurIPS 2023 (arXiv 2306.00354), section 4.2.
"""

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from driftline.models.base import Array
from driftline.models.parameters import at_least
from driftline.models.training.schedule import Schedule

Interval: TypeAlias = tuple[int, int]
"""The first and the last level; both belong to it."""

By: TypeAlias = Literal["log-snr", "timestep", "snr", "affinity"]


def distances(values: npt.ArrayLike) -> Array:
    """Return how far apart levels are whose places on a line are `values`, float64 of shape (T, T).

    >>> distances([0, 1, 4]).tolist()
    [[0.0, 1.0, 4.0], [1.0, 0.0, 3.0], [4.0, 3.0, 0.0]]
    """
    places = np.asarray(values, dtype=np.float64)
    apart: Array = np.abs(places[:, None] - places)
    return apart


def level_distances(schedule: Schedule, by: By = "log-snr", affinity: Array | None = None) -> Array:
    """Return how far apart the levels of a schedule are, float64 of shape (T, T).

    Parameters
    ----------
    schedule
        Its levels.
    by
        `log-snr`: difference of the logarithms of their ratios of signal to noise; `snr`: of the ratios themselves,
        which span many decades, so that nearly all levels fall into the last interval; `timestep`: of their numbers;
        `affinity`: how little their gradients point the same way.
    affinity
        Cosines between the mean gradients of levels, of shape (T, T), row t and column c; for `by="affinity"` only,
        as `driftline.models.training.affinity.measure` gives them.

    Raises
    ------
    ValueError
        Another `by`, or affinities that lack, are not finite, have another shape, or are of no use.
    """
    if (affinity is not None) != (by == "affinity"):
        raise ValueError("affinity belongs to by='affinity': give both or neither")
    if by == "affinity":
        cosines = np.asarray(affinity, dtype=np.float64)
        if cosines.shape != (schedule.steps, schedule.steps) or not np.isfinite(cosines).all():
            raise ValueError(f"affinity must be finite and of shape {(schedule.steps,) * 2}, got {cosines.shape}")
        return -cosines
    places = {"log-snr": schedule.log_snr, "snr": schedule.snr, "timestep": np.arange(schedule.steps)}
    if by not in places:
        raise ValueError(f"interval_by must be log-snr, timestep, snr or affinity, got {by!r}")
    return distances(places[by])


def costs(apart: Array) -> Array:
    """Return the cost of every interval, C[l, r], inf where l > r, float64 of shape (T, T).

    >>> costs(distances([0, 1, 4]))
    array([[ 0.,  1.,  4.],
           [inf,  0.,  3.],
           [inf, inf,  0.]])
    """
    steps = len(apart)
    up_to = np.zeros((steps + 1, steps))  # sums over the levels before a level, for each centre
    np.cumsum(apart, axis=0, out=up_to[1:])
    first, last = np.arange(steps)[:, None], np.arange(steps)
    centre = (first + last + 1) // 2
    np.minimum(centre, steps - 1, out=centre)  # of l > r only, which cost inf below
    found: Array = up_to[last + 1, centre] - up_to[first, centre]
    found[first > last] = np.inf
    return found


def cut(apart: Array, k: int) -> list[Interval]:
    """Return the k intervals that cost least, in order; together they hold each level once.

    Parameters
    ----------
    apart
        Distance d(t, c) of level t to centre c, of shape (T, T); may be below 0.
    k
        How many, 1 .. T.

    Notes
    -----
    Takes O(k T²) time and 8 T² bytes a few times over. Of two ways that cost the same, the one with earlier cuts wins.

    >>> cut(distances([0, 1, 2, 10, 11, 30]), 3)
    [(0, 2), (3, 4), (5, 5)]
    >>> cut(level_distances(Schedule("linear", 1000)), 5)
    [(0, 152), (153, 393), (394, 623), (624, 822), (823, 999)]
    """
    steps = len(apart)
    at_least(1, k=k)
    if apart.shape != (steps, steps):
        raise ValueError(f"apart must be square, got shape {apart.shape}")
    if k > steps:
        raise ValueError(f"k must be at most the number of levels ({steps}), got {k}")
    of = costs(apart)
    best = of[0].copy()  # of cutting 0 .. i into as many intervals as there are so far
    starts = np.zeros((k, steps), dtype=np.int64)
    room = np.empty((steps - 1, steps))
    for j in range(1, k):
        np.add(best[:-1, None], of[1:], out=room)
        starts[j] = room.argmin(axis=0) + 1
        best = room.min(axis=0)
    ends, last = [], steps - 1
    for j in range(k - 1, -1, -1):
        first = int(starts[j, last])
        ends.append((first, last))
        last = first - 1
    return ends[::-1]


def total(apart: Array, intervals: list[Interval]) -> float:
    """Return what intervals cost together.

    >>> total(distances([0, 1, 2, 10, 11, 30]), [(0, 2), (3, 4), (5, 5)])
    3.0
    """
    return float(sum(apart[first : last + 1, (first + last + 1) // 2].sum() for first, last in intervals))
