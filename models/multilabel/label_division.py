"""The division of labels into clusters that occur together, from scratch: which divisions there are, and which stand.

Divisions are those of average linkage: seen from above, a set of labels is divided where the pairs across are least
similar, one or both sides further, and so on. It is built from below, which costs O(m²) for m labels (nearest-neighbour
chains: Murtagh, "A survey of recent advances in hierarchical clustering algorithms", The Computer Journal 26, 1983),
where ODAC's pivots find one division at a time and tear whatever is near to neither pivot.

A division stands if the labels are better off apart with confidence: see `apart`. ODAC's test, (d1 - d0)|d1 + d0 - 2
avg| > e, fails for two clear blocks of equal size, whose distances are as many and as far on both sides of the middle.
"""

import math

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.multilabel.cooccurrence import DOUBT, nearest, quality


@njit(cache=True)  # type: ignore[untyped-decorator]
def even(whole: float) -> float:
    """Return the similarity across two groups of labels at which they are as well off apart as they are as one.

    `whole` is the quality with the groups apart: to put them together makes good, in that fraction, what was cut apart.

    >>> round(even(0.4), 3)
    0.286
    """
    return whole / (1.0 + whole)


@njit(cache=True)  # type: ignore[untyped-decorator]
def apart(similarity: float, n: float, whole: float, delta: float) -> bool:
    """Say whether two groups of labels are surely better off apart.

    The bound is Bernstein's, as similarities across are mostly near 0.

    Parameters
    ----------
    similarity
        Jaccard similarity of the pairs across.
    n
        The events that it is known from.
    whole
        The quality of the clusters, with these groups apart.
    delta
        The chance of a wrong yes.

    >>> apart(0.02, 100.0, 0.4, 0.05), apart(0.25, 100.0, 0.4, 0.05), apart(0.02, 5.0, 0.4, 0.05)
    (True, False, False)
    """
    if n <= 0.0:
        return False
    doubt = math.log(1.0 / delta) / n
    bound = math.sqrt(2.0 * doubt * max(0.0, similarity * (1.0 - similarity))) + doubt / 3.0  # rounding may exceed 1
    return bool(similarity + bound < even(whole))


@njit(cache=True)  # type: ignore[untyped-decorator]
def divide(c: Array, weight: float, members: Array, delta: float, min_size: int) -> tuple[Array, Array, Array]:
    """Divide labels into clusters.

    Parameters
    ----------
    c, weight
        Counts (L, L) and the weight of the newest event.
    members
        (m,) the labels to divide, in order.
    delta
        See `apart`.
    min_size
        Labels that a cluster has at least. Those of smaller ones join the cluster they are most similar to.

    Returns
    -------
    The cluster of each member (m,), from 0 to K - 1 in the order of their first members; the two parts of each division
    (2K - 1, 2), where part i < K is cluster i and the others are divisions again, the last one of all labels; and the
    distance of the two parts (2K - 1,).

    >>> from driftline.models.multilabel.cooccurrence import make, observe_both
    >>> counts = make(5, float("inf"), 1.0)
    >>> for t in range(300):
    ...     on = ([0, 3], [1, 4], [1, 2], [1, 2, 4])[t % 4]
    ...     observe_both(counts, np.array(on), len(on))
    >>> cluster_of, parts, distance = divide(counts.slow, 1.0, np.arange(5), 0.05, 2)
    >>> cluster_of.tolist(), parts.tolist(), distance.tolist()
    ([0, 1, 1, 0, 1], [[-1, -1], [-1, -1], [0, 1]], [0.0, 0.0, 1.0])
    """
    m = len(members)
    parts, across, n = _linkage(c, weight, members)
    stands = _stands(parts, across, n, delta)
    cluster_of, of_node, k = _clusters(parts, stands, m, min_size)
    if k < 2:
        return np.zeros(m, np.int32), np.full((1, 2), -1, np.int32), np.zeros(1)
    _settle(c, weight, members, cluster_of)

    # Divisions of which one side has no cluster are left out.
    tree, distance = np.full((2 * k - 1, 2), -1, np.int32), np.zeros(2 * k - 1)
    made = k
    for node in range(m, 2 * m - 1):
        if stands[node]:
            left, right = of_node[parts[node, 0]], of_node[parts[node, 1]]
            of_node[node] = max(left, right)
            if left >= 0 and right >= 0:
                tree[made, 0], tree[made, 1] = left, right
                distance[made] = 1.0 - quality(across[node, 0], across[node, 1], 0.0)
                of_node[node] = made
                made += 1
    return cluster_of, tree, distance


@njit(cache=True)  # type: ignore[untyped-decorator]
def _linkage(c: Array, weight: float, members: Array) -> tuple[Array, Array, Array]:
    """Put labels together, always the two groups most similar of all pairs across.

    Return the two parts of each group (2m - 1, 2), where the first m are the labels; sums over the pairs across of the
    events with both and with either (2m - 1, 2); and the number of events that these are known from: those of the most
    usual label of each part, which are ODAC's pivots where distances are equal, as most are where labels are many.
    """
    m = len(members)
    both, either, near = np.empty((m, m)), np.empty((m, m)), np.empty((m, m))
    usual = np.empty(m)  # events of the most usual label of the group that is at row i
    for i in range(m):
        usual[i] = c[members[i], members[i]] / weight
    for i in range(m):
        for j in range(m):
            both[i, j] = c[members[i], members[j]] / weight
            either[i, j] = usual[i] + usual[j] - both[i, j] + DOUBT
            near[i, j] = both[i, j] / either[i, j]
    parts, across, n = np.full((2 * m - 1, 2), -1, np.int64), np.zeros((2 * m - 1, 2)), np.zeros(2 * m - 1)
    node, size = np.arange(m), np.ones(m)
    alive = np.ones(m, np.bool_)
    chain, length, first = np.empty(m, np.int64), 0, 0
    made = m
    while made < 2 * m - 1:
        if length == 0:
            while not alive[first]:
                first += 1
            chain[0], length = first, 1
        i = chain[length - 1]
        before = chain[length - 2] if length > 1 else -1
        best, most = before, near[i, before] if before >= 0 else -1.0
        for j in range(m):
            if near[i, j] < most or not alive[j] or j == i:
                continue
            if near[i, j] > most or (best != before and both[i, j] > both[i, best]):
                best, most = j, near[i, j]
        if best != before:
            chain[length] = best
            length += 1
            continue
        length -= 2
        keep, lose = min(i, best), max(i, best)
        parts[made, 0], parts[made, 1] = node[keep], node[lose]
        across[made, 0] = both[keep, lose]
        across[made, 1] = either[keep, lose] - DOUBT * size[keep] * size[lose]
        n[made] = usual[keep] + usual[lose]
        for j in range(m):
            if alive[j]:
                both[keep, j] += both[lose, j]
                either[keep, j] += either[lose, j]
                near[keep, j] = both[keep, j] / either[keep, j]
                both[j, keep], either[j, keep], near[j, keep] = both[keep, j], either[keep, j], near[keep, j]
        node[keep], size[keep], usual[keep] = made, size[keep] + size[lose], max(usual[keep], usual[lose])
        alive[lose] = False
        made += 1
    return parts, across, n


@njit(cache=True)  # type: ignore[untyped-decorator]
def _stands(parts: Array, across: Array, n: Array, delta: float) -> Array:
    """Return which divisions stand."""
    m = (len(parts) + 1) // 2
    inside, clustered = (
        np.zeros((2 * m - 1, 2)),
        np.zeros((2 * m - 1, 2)),
    )  # sums over pairs of a group; of its clusters
    stands = np.zeros(2 * m - 1, np.bool_)
    for g in range(m, 2 * m - 1):
        left, right = parts[g, 0], parts[g, 1]
        for i in range(2):
            inside[g, i] = inside[left, i] + inside[right, i] + across[g, i]
            clustered[g, i] = clustered[left, i] + clustered[right, i]
        whole = quality(clustered[g, 0], clustered[g, 1], inside[g, 0] - clustered[g, 0])
        surely = apart(quality(across[g, 0], across[g, 1], 0.0), n[g], whole, delta)
        stands[g] = surely or stands[left] or stands[right]  # above one that stands, parts are less similar still
        if not stands[g]:
            clustered[g, 0], clustered[g, 1] = inside[g, 0], inside[g, 1]
    return stands


@njit(cache=True)  # type: ignore[untyped-decorator]
def _clusters(parts: Array, stands: Array, m: int, min_size: int) -> tuple[Array, Array, int]:
    """Return the cluster of each member, -1 in ones too small; the cluster that each group is; how many there are."""
    group_of = np.empty(m, np.int64)
    stack, within = np.empty(2 * m - 1, np.int64), np.empty(2 * m - 1, np.int64)
    stack[0], within[0], top = 2 * m - 2, -1, 1
    size = np.zeros(2 * m - 1, np.int64)
    while top > 0:
        top -= 1
        g, of = stack[top], within[top]
        if of < 0 and not stands[g]:
            of = g
        if g < m:
            group_of[g] = of
            size[of] += 1
        else:
            stack[top], stack[top + 1] = parts[g, 0], parts[g, 1]
            within[top] = within[top + 1] = of
            top += 2
    cluster_of, of_node, k = np.full(m, -1, np.int32), np.full(2 * m - 1, -1, np.int64), 0
    for i in range(m):
        g = group_of[i]
        if size[g] >= min_size:
            if of_node[g] < 0:
                of_node[g] = k
                k += 1
            cluster_of[i] = of_node[g]
    return cluster_of, of_node, k


@njit(cache=True)  # type: ignore[untyped-decorator]
def _settle(c: Array, weight: float, members: Array, cluster_of: Array) -> None:
    """Give members without a cluster the one they are most similar to, else the largest."""
    of = np.full(len(c), -1, np.int32)
    for i in range(len(members)):
        of[members[i]] = cluster_of[i]
    largest = np.argmax(np.bincount(cluster_of[cluster_of >= 0]))
    for i in range(len(members)):
        if cluster_of[i] < 0:
            found = nearest(c, weight, members[i], of, len(c))
            cluster_of[i] = found if found >= 0 else largest
