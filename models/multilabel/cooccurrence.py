"""How often labels occur together, faded: two matrices of counts, what they say of clusters, and whether that changed.

Source: ODAC (Rodrigues, Gama and Pedroso, IEEE TKDE 20, 2008) with a true distance: that of labels a and b is
1 - C_ab / (c_a + c_b - C_ab), Jaccard's, where c_a events had a and C_ab had both. Sums over pairs of labels are
divided by sums: a pair that is hardly seen counts hardly.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

LARGE = 1e100  # a scale beyond this is brought back to 1
SLOW, FAST = 0, 1  # rows of `Counts.scales` and `Counts.fades`
USUAL, SHIFTED = 2, 3  # more of `Counts.fades`
WEIGHT, EVENTS, SEEN = 0, 1, 2  # columns of `Counts.scales`
DOUBT = 5.0  # events without both that are added to each pair where the nearest is looked for: two that have been seen
# once, together, are not the best of friends


class Counts(NamedTuple):
    """Counts of pairs of labels on two time scales; C / scales[i, WEIGHT] is what has faded to now."""

    slow: Array
    """(L, L) float64, symmetric; the diagonal counts the labels."""
    fast: Array
    """(L, L) float64."""
    scales: Array
    """(2, 3) float64: for slow and fast what the newest event weighs, what all weigh, and how many there were."""
    fades: Array
    """(4,) float64: what an event weighs, to the one after it: in the slow counts now, in the fast ones, in the slow
    ones usually, and in these after a shift, while they hold much of what was before: the mean of both half-lives."""


def make(labels: int, half_life: float, fast_half_life: float) -> Counts:
    """Return counts of nothing for so many labels; half-lives are in events, infinity for never.

    >>> counts = make(3, half_life=float("inf"), fast_half_life=1.0)
    >>> for on in ([0, 1], [1], [1, 2]):
    ...     observe_both(counts, np.array(on), len(on))
    >>> counts.slow.tolist()
    [[1.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 1.0]]
    >>> (counts.fast / counts.scales[FAST, WEIGHT]).tolist()
    [[0.25, 0.25, 0.0], [0.25, 1.75, 1.0], [0.0, 1.0, 1.0]]
    """
    scales = np.zeros((2, 3))
    scales[:, WEIGHT] = 1.0
    lives = np.array([half_life, fast_half_life, half_life, (half_life * fast_half_life) ** 0.5])
    fades = 0.5 ** (1.0 / lives)
    return Counts(np.zeros((labels, labels)), np.zeros((labels, labels)), scales, fades)


@njit(cache=True)  # type: ignore[untyped-decorator]
def observe(c: Array, scale: Array, fade: float, on: Array, n_on: int) -> None:
    """Count an event that has the labels `on[:n_on]`, all different; older events fade by `fade`.

    Only pairs of these labels are touched: in place of fading the old, the new weighs more.
    """
    scale[WEIGHT] /= fade
    scale[EVENTS] += scale[WEIGHT]
    scale[SEEN] += 1.0
    weight = scale[WEIGHT]
    for i in range(n_on):
        for j in range(n_on):
            c[on[i], on[j]] += weight
    if weight > LARGE:
        c /= weight
        scale[EVENTS] /= weight
        scale[WEIGHT] = 1.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def observe_both(counts: Counts, on: Array, n_on: int) -> None:
    """Count an event on both time scales."""
    observe(counts.slow, counts.scales[SLOW], counts.fades[SLOW], on, n_on)
    observe(counts.fast, counts.scales[FAST], counts.fades[FAST], on, n_on)


@njit(cache=True)  # type: ignore[untyped-decorator]
def sums(c: Array, weight: float, cluster_of: Array, n_labels: int, least: float) -> tuple[float, float, float, float]:
    """Return sums over the pairs of labels: those that share a cluster, and the others.

    Parameters
    ----------
    c, weight
        Counts (L, L) and the weight of the newest event.
    cluster_of
        (L,) cluster of each label, from 0; labels with -1 are passed over.
    n_labels
        How many labels there are.
    least
        Pairs that fewer events had, one or both, are passed over.

    Returns
    -------
    Events with both labels of a pair in one cluster; events with one or both; events with both labels of a pair in
    two clusters; and the events that each cluster was seen in, at least, summed over clusters.

    >>> counts = make(3, float("inf"), 1.0)
    >>> for on in ([0, 1], [1], [1, 2]):
    ...     observe_both(counts, np.array(on), len(on))
    >>> sums(counts.slow, 1.0, np.array([0, 0, 1]), 3, 0.0)
    (1.0, 3.0, 1.0, 3.0)
    """
    both = either = across = 0.0
    touched = np.zeros(n_labels + 1)
    for a in range(n_labels):
        of = cluster_of[a]
        if of < 0:
            continue
        row, on = c[a], c[a, a]
        for b in range(a):
            if cluster_of[b] == of:
                union = on + c[b, b] - row[b]
                if union >= least * weight:
                    both += row[b]
                    either += union
                    touched[of] = max(touched[of], union)
            elif cluster_of[b] >= 0:
                across += row[b]
    return both / weight, either / weight, across / weight, touched.sum() / weight


@njit(cache=True)  # type: ignore[untyped-decorator]
def quality(both: float, either: float, across: float) -> float:
    """Return how well clusters say which labels occur together, from 0 to 1: a Jaccard index as well.

    Similarity within clusters alone grows, the finer they are. So what is cut apart counts too.

    >>> quality(30.0, 60.0, 0.0), quality(30.0, 60.0, 40.0)
    (0.5, 0.3)
    """
    return both / (either + across) if either + across > 0.0 else 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def hoeffding(n: float, delta: float) -> float:
    """Return how far a mean of `n` values from 0 to 1 may be from what it estimates, but for a chance of `delta`.

    >>> round(hoeffding(150.0, 0.05), 3)
    0.1
    """
    return math.sqrt(math.log(1.0 / delta) / (2.0 * n)) if n > 0.0 else math.inf


@njit(cache=True)  # type: ignore[untyped-decorator]
def structure_shift(
    counts: Counts, cluster_of: Array, n_labels: int, least: float, delta: float
) -> tuple[float, float]:
    """Return how far similarity within clusters has fallen, and how far it may by chance.

    It is the difference of the slow and the fast counts' similarity, from 0 to 1, and Hoeffding's bound for it. A
    cluster's events count, not its pairs, as these come and go together. Fading is on the safe side: a count that has
    faded to n tells as much as 2 n events.

    Parameters
    ----------
    counts
        What was observed.
    cluster_of
        (L,) cluster of each label, from 0; labels with -1 are passed over.
    n_labels
        How many labels there are.
    least
        Pairs that fewer events had, one or both, are passed over.
    delta
        The chance at which the second number is exceeded though nothing changed.

    >>> counts = make(4, 2000.0, 200.0)
    >>> for t in range(3000):
    ...     on = ([0, 1], [2, 3])[t % 2] if t < 2600 else ([0, 2], [1, 3])[t % 2]
    ...     observe_both(counts, np.array(on), 2)
    >>> [round(x, 2) for x in structure_shift(counts, np.array([0, 0, 1, 1]), 4, 5.0, 0.05)]
    [0.52, 0.06]
    """
    slow = sums(counts.slow, counts.scales[SLOW, WEIGHT], cluster_of, n_labels, least)
    fast = sums(counts.fast, counts.scales[FAST, WEIGHT], cluster_of, n_labels, least)
    if slow[1] == 0.0 or fast[1] == 0.0:
        return 0.0, math.inf
    fallen = max(0.0, slow[0] / slow[1] - fast[0] / fast[1])
    return fallen, hoeffding(slow[3] * fast[3] / (slow[3] + fast[3]), delta)


@njit(cache=True)  # type: ignore[untyped-decorator]
def nearest(c: Array, weight: float, label: int, cluster_of: Array, n_labels: int) -> int:
    """Return the cluster that a label is most similar to, or -1 if it has occurred with no label of any.

    Of equal ones it is the one it has occurred with more often. Labels with -1 in `cluster_of` (L,) are passed over.

    >>> counts = make(4, float("inf"), 1.0)
    >>> for on in ([0, 1], [0, 1, 3], [2], [2, 3], [2]):
    ...     observe_both(counts, np.array(on), len(on))
    >>> nearest(counts.slow, 1.0, 3, np.array([0, 0, 1, -1]), 4)
    0
    """
    both, either = np.zeros(n_labels + 1), np.zeros(n_labels + 1)
    for b in range(n_labels):
        of = cluster_of[b]
        if of >= 0 and b != label:
            both[of] += c[label, b] / weight
            either[of] += (c[label, label] + c[b, b] - c[label, b]) / weight + DOUBT
    best = -1
    for k in range(n_labels + 1):
        if both[k] > 0.0:
            here = both[k] / either[k]
            there = both[best] / either[best] if best >= 0 else 0.0
            if here > there or (here == there and both[k] > both[best]):
                best = k
    return best
