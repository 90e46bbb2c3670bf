"""Probabilistic partitive partitioning: clusters of weighted micro-clusters, without a number of clusters or chance.

Groups are halved along their main direction until there are many small ones, whether or not a cut is good; then pairs
are merged as long as one Gaussian explains both as well as two do, by a penalised likelihood. The same micro-clusters
give the same clusters, in whatever order they come.

Only the abstract of the paper could be read: the steps here are Driftline's own. A cut is tested on the likelihood of
the mixture, not of hard assignments, and none is refused before all are made. Where no pair is left to merge, several
are tried at once: without that, one Gaussian in two dimensions stays in up to 7 pieces in half of all draws.

References
----------
"Probabilistic partitive partitioning (PPP)", arXiv 2003.04372. Schwarz, "Estimating the dimension of a model", Annals
of Statistics 6 (1978): BIC.

"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.clustering import gaussians, halving
from driftline.models.clustering.gaussians import COUNTED
from driftline.models.clustering.numbering import by_first, numbered
from driftline.models.parameters import at_least, within

__all__ = ["COUNTED", "FLOOR", "PENALTY", "Partition", "gain", "partition", "partition_points", "partitions"]

PENALTY = 3.0
"""Multiple of the BIC penalty; 1 is plain BIC."""
FLOOR = 0.02
"""Added to each variance of a cluster, in squared standardised units: no single point wins by being one."""
LEAVES, DEPTH = 24, 5
"""Groups after which, and halvings of one group after which, no more are made."""
LEAST_MASS = 8.0
"""Events that each half must have."""


class Partition(NamedTuple):
    """Clusters, numbered in the order of their first micro-clusters by feature values."""

    labels: Array
    """(m,) int64, from 0."""
    gains: Array
    """(k, k) nats gained by keeping two clusters apart, after the penalty; infinite on the diagonal."""
    separability: Array
    """(k,) the smallest gain to another cluster, per event of this one, in nats; infinite if there is no other."""

    @property
    def most_separable(self) -> int:
        """The cluster that stands out most."""
        return int(self.separability.argmax())


def partition(
    w: Array,
    mean: Array,
    variance: Array | None = None,
    *,
    groups: Array | None = None,
    again: Array | None = None,
    penalty: float = PENALTY,
    leaves: int = LEAVES,
    depth: int = DEPTH,
    least_mass: float = LEAST_MASS,
    floor: float | Array = FLOOR,
) -> Partition:
    """Find the clusters of micro-clusters.

    Parameters
    ----------
    w
        (m,) weights in events, above 0.
    mean
        (m, d) means, in standardised units.
    variance
        (m, d) variances within; 0 if not given.
    groups, again
        Clusters that there are, (m,) integers, and which of them to halve anew; the others are taken whole, and merged
        only with others. All is found anew if not given.
    penalty, leaves, depth, least_mass, floor
        See `PENALTY`, `LEAVES`, `DEPTH`, `LEAST_MASS` and `FLOOR`.

    Raises
    ------
    ValueError
        Shapes do not fit each other, a value is not finite, a weight not above 0, a variance below 0, or a parameter is
        out of its range.

    >>> rng = np.random.default_rng(1)
    >>> mean = np.concatenate([rng.normal(-1, 0.3, (40, 2)), rng.normal(1, 0.3, (40, 2))])
    >>> found = partition(np.full(80, 2.0), mean)
    >>> np.unique(found.labels[:40]).tolist(), np.unique(found.labels[40:]).tolist()
    ([0], [1])
    """
    cut = _over_split(w, mean, variance, groups, again, leaves, depth, least_mass, floor)
    return _merged(cut, penalty)


def partitions(
    w: Array, mean: Array, variance: Array, *, penalties: Sequence[float], floor: float | Array = FLOOR
) -> list[Partition]:
    """Find the clusters of micro-clusters for each of some penalties, as `partition` does; they are cut only once.

    >>> mean = np.concatenate([np.random.default_rng(1).normal(at, 0.3, (40, 2)) for at in (-1, 0, 1)])
    >>> [found.labels.max() + 1 for found in partitions(np.full(120, 2.0), mean, 0 * mean, penalties=[1.0, 99.0])]
    [np.int64(3), np.int64(1)]
    """
    cut = _over_split(w, mean, variance, None, None, LEAVES, DEPTH, LEAST_MASS, floor)
    return [_merged(cut, penalty) for penalty in penalties]


def partition_points(X: Array, **parameters: float) -> Partition:
    """Find the clusters of events (n, d), given in standardised units, each of weight 1; see `partition`.

    >>> rng = np.random.default_rng(1)
    >>> partition_points(rng.normal(size=(500, 3))).labels.max()
    np.int64(0)
    """
    return partition(np.ones(len(X)), X, **parameters)  # type: ignore[arg-type]


def gain(
    w: Array, mean: Array, variance: Array | None, second: Array, penalty: float = PENALTY, floor: float | Array = FLOOR
) -> float:
    """Return the nats gained by two Gaussians over one, after the penalty.

    It is the log likelihood of the mixture of both sides less that of one Gaussian, less `penalty` times the BIC
    penalty of the second Gaussian. Above 0 the sides are better kept apart.

    Parameters
    ----------
    w, mean, variance
        As in `partition`.
    second
        (m,) bool: the micro-clusters of the second side; neither side may be empty.
    penalty, floor
        See `PENALTY` and `FLOOR`.

    Raises
    ------
    ValueError
        As in `partition`; or a side is empty.

    >>> gain(np.full(2, 50.0), np.array([[0.0], [5.0]]), np.ones((2, 1)), np.array([False, True])) > 0
    True
    >>> gain(np.full(2, 50.0), np.array([[0.0], [1.0]]), np.ones((2, 1)), np.array([False, True])) > 0
    False
    """
    w, mean, variance = _checked(w, mean, variance)
    side = np.asarray(second).astype(np.int64)
    if side.shape != w.shape or not 0 < side.sum() < len(side):
        raise ValueError(
            f"second must say of each of {len(w)} micro-clusters whether it is, and leave some on each side"
        )
    order = canonical_order(w, mean, variance)
    floors = _floors(floor, mean.shape[1])
    mass, mu, v, own = gaussians.leaves(w[order], mean[order], variance[order], side[order], 2, floors)
    return float(gaussians.gain(w[order], side[order], mass, mu, v, own, 0, 1, penalty, floors))


def canonical_order(w: Array, mean: Array, variance: Array) -> Array:
    """Return the order (m,) by mean, the first feature counting most, then by variance and weight."""
    return np.lexsort([w, *variance.T[::-1], *mean.T[::-1]])


def _floors(floor: float | Array, d: int) -> Array:
    floors = np.array(np.broadcast_to(np.asarray(floor, np.float64), (d,)))
    if not (floors > 0.0).all():
        raise ValueError(f"floor must be above 0, got {floor}")
    return floors


def _checked(w: Array, mean: Array, variance: Array | None) -> tuple[Array, Array, Array]:
    w, mean = np.asarray(w, np.float64), np.ascontiguousarray(mean, np.float64)
    variance = np.zeros_like(mean) if variance is None else np.ascontiguousarray(variance, np.float64)
    if mean.ndim != 2 or w.shape != mean.shape[:1] or variance.shape != mean.shape or not mean.size:
        raise ValueError(
            f"w, mean and variance must be (m,), (m, d) and (m, d), got {w.shape}, {mean.shape}, {variance.shape}"
        )
    if not (np.isfinite(w).all() and np.isfinite(mean).all() and np.isfinite(variance).all()):
        raise ValueError("w, mean and variance must be finite")
    if w.min() <= 0.0 or variance.min() < 0.0:
        raise ValueError("w must be above 0, variance at least 0")
    return w, mean, variance


class _Cut(NamedTuple):
    """Micro-clusters in canonical order, over-split."""

    order: Array
    w: Array
    mean: Array
    variance: Array
    leaf: Array
    """(m,) which leaf each is in; they are numbered from 0 by their first members."""
    floor: Array


def _over_split(
    w: Array,
    mean: Array,
    variance: Array | None,
    groups: Array | None,
    again: Array | None,
    leaves: int,
    depth: int,
    least_mass: float,
    floor: float | Array,
) -> _Cut:
    w, mean, variance = _checked(w, mean, variance)
    at_least(1, leaves=leaves)
    at_least(0, depth=depth)
    within("[0, inf)", least_mass=least_mass)
    floors = _floors(floor, mean.shape[1])
    order = canonical_order(w, mean, variance)
    w, mean, variance = w[order], mean[order], variance[order]
    given = np.zeros(len(w), np.int64) if groups is None else np.asarray(groups)
    if given.shape != w.shape:
        raise ValueError(f"groups must be ({len(w)},), got {given.shape}")
    numbers, group_of = numbered(given[order])
    chosen = np.ones(len(numbers), bool) if again is None else np.isin(numbers, again)
    leaf = by_first(group_of)
    first = np.unique(leaf, return_index=True)[1]
    halving.cut(w, mean, variance, leaf, chosen[group_of[first]], leaves, depth, least_mass, floors)
    return _Cut(order, w, mean, variance, by_first(leaf), floors)


def _merged(cut: _Cut, penalty: float) -> Partition:
    """Merge leaves while the smallest gain is not above 0."""
    within("[0, inf)", penalty=penalty)
    leaf, of_all = cut.leaf.copy(), (cut.w, cut.mean, cut.variance)
    k = int(leaf.max()) + 1
    mass, mu, v, own = gaussians.leaves(*of_all, leaf, k + 1, cut.floor)  # the last for what is tried
    gains = np.full((k, k), np.inf)
    _merge_leaves(*of_all, leaf, mass, mu, v, own, gains, penalty, cut.floor)
    held, inside = numbered(leaf)
    labels = np.empty(len(leaf), np.int64)
    labels[cut.order] = inside
    gains = gains[np.ix_(held, held)]
    return Partition(labels, gains, gains.min(axis=1, initial=np.inf) / mass[held])


@njit(cache=True)
def _merge_leaves(w, mean, variance, leaf, mass, mu, v, own, gains, penalty, floor):  # type: ignore[no-untyped-def]
    """Merge within `leaf`; of two the lower number stays. Gains of what is gone are infinite."""
    k = len(gains)
    for a in range(k):
        for b in range(a):
            gains[a, b] = gains[b, a] = gaussians.gain(w, leaf, mass, mu, v, own, b, a, penalty, floor)
    while True:
        low, high = 0, 0
        for a in range(k):
            for b in range(a + 1, k):
                if gains[a, b] < gains[low, high]:
                    low, high = a, b
        if gains[low, high] <= 0.0:
            for i in range(len(leaf)):
                if leaf[i] == high:
                    leaf[i] = low
        else:
            low = _merge_several(w, mean, variance, leaf, mass, mu, v, own, penalty, floor)
            if low < 0:
                break
        mass[:k] = 0.0
        for i in range(len(leaf)):
            mass[leaf[i]] += w[i]
        gaussians.renew(w, mean, variance, leaf, mass, mu, v, own, low, floor)
        for a in range(k):
            for b in range(k):
                if mass[a] == 0.0 or mass[b] == 0.0:
                    gains[a, b] = np.inf
                elif a == low and b != low:
                    apart = gaussians.gain(w, leaf, mass, mu, v, own, min(a, b), max(a, b), penalty, floor)
                    gains[a, b] = gains[b, a] = apart


@njit(cache=True)
def _merge_several(w, mean, variance, leaf, mass, mu, v, own, penalty, floor):  # type: ignore[no-untyped-def]
    """Merge several at once where one Gaussian is better than all of them; return the lowest number, or -1 for none.

    Pieces of one Gaussian may be stuck, where each union of two of them is none. So from each in turn a chain is
    grown, always by the one that is nearest to what was joined so far.
    """
    m, d = mean.shape
    room = len(mass) - 1
    whole = np.empty(m, np.int64)
    joined = np.empty(room, np.bool_)
    for seed in range(room):
        if mass[seed] == 0.0:
            continue
        for i in range(m):
            whole[i] = room if leaf[i] == seed else leaf[i]
        for a in range(room):
            joined[a] = a == seed
        parts = 1
        while True:
            gaussians.renew(w, mean, variance, whole, mass, mu, v, own, room, floor)
            if parts > 2 and gaussians.gain_of_several(w, d, leaf, mass, own, joined, penalty) <= 0.0:
                low = -1
                for a in range(room):
                    if joined[a]:
                        low = a if low < 0 else low
                for i in range(m):
                    if joined[leaf[i]]:
                        leaf[i] = low
                return low
            nearest, least = -1, np.inf
            for b in range(room):
                if mass[b] > 0.0 and not joined[b]:
                    apart = gaussians.gain(w, whole, mass, mu, v, own, room, b, penalty, floor)
                    if apart < least:
                        nearest, least = b, apart
            if nearest < 0:
                break
            joined[nearest] = True
            parts += 1
            for i in range(m):
                if leaf[i] == nearest:
                    whole[i] = room
    return -1
