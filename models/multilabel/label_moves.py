"""Labels that join other clusters than theirs, and clusters that join each other: parts of a check of the hierarchy."""

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.multilabel.cooccurrence import SLOW, WEIGHT, Counts, nearest, quality, sums
from driftline.models.multilabel.label_division import apart, even
from driftline.models.multilabel.label_tree import FIRST_SEEN, LABELS, SETTLED, Tree, remove


@njit(cache=True)  # type: ignore[untyped-decorator]
def settled(tree: Tree) -> Array:
    """Return the cluster of each label (L,), -1 where it is not settled."""
    of = tree.cluster_of.copy()
    for label in range(len(of)):
        if tree.standing[label] != SETTLED:
            of[label] = -1
    return of


@njit(cache=True)  # type: ignore[untyped-decorator]
def place(counts: Counts, tree: Tree, min_count: float, min_size: int) -> None:
    """Put labels that are not settled where they belong; see `label_checks`."""
    n, c, weight = int(tree.tally[LABELS]), counts.slow, counts.scales[SLOW, WEIGHT]
    of, (node, size) = settled(tree), _clusters(tree)
    for label in range(n):
        on, was = c[label, label] / weight, tree.standing[label]
        if on <= 0.0 or was == SETTLED or (was == FIRST_SEEN and on < min_count):
            continue
        found = nearest(c, weight, label, of, n)
        if found >= 0 and size[tree.cluster_of[label]] > min_size:
            _put(tree, label, found, node, size)
        if on >= min_count:
            tree.standing[label] = SETTLED
            of[label] = tree.cluster_of[label]
        elif found >= 0:
            tree.standing[label] = FIRST_SEEN


@njit(cache=True)  # type: ignore[untyped-decorator]
def move(counts: Counts, tree: Tree, delta: float, min_size: int) -> bool:
    """Let labels go that are surely better off without their cluster, if there is one to which they are more similar.

    A cluster that would become too small stays, unless all its labels go: then it is dissolved, one at a check.
    """
    n, c, weight = int(tree.tally[LABELS]), counts.slow, counts.scales[SLOW, WEIGHT]
    of, (node, size) = settled(tree), _clusters(tree)
    both, either, across, _ = sums(c, weight, of, n, 0.0)
    whole = quality(both, either, across)
    usual, staying = np.zeros(n + 1), np.zeros(n + 1, np.int64)  # of clusters: most events of a label; labels that stay
    for label in range(n):
        if of[label] >= 0:
            usual[of[label]] = max(usual[of[label]], c[label, label] / weight)
            staying[of[label]] += 1
    moved = False
    for label in range(n):
        here, wanted = of[label], tree.leaving[label]
        tree.leaving[label] = -1
        if here < 0:
            continue
        both = either = 0.0
        for b in range(n):
            if of[b] == here and b != label:
                both += c[label, b]
                either += c[label, label] + c[b, b] - c[label, b]
        if either <= 0.0 or not apart(both / either, c[label, label] / weight + usual[here], whole, delta):
            continue
        found = nearest(c, weight, label, of, n)
        if found < 0 or found == here:
            continue
        tree.leaving[label] = found
        if found == wanted:
            staying[here] -= 1
            if size[here] > min_size:
                _put(tree, label, found, node, size)
                tree.leaving[label] = -1
                moved = True
    for k in range(n):
        if 0 < size[k] <= min_size and staying[k] == 0 and (of == k).any():
            _dissolve(counts, tree, k, node, size)
            return True
    return moved


@njit(cache=True)  # type: ignore[untyped-decorator]
def _dissolve(counts: Counts, tree: Tree, cluster: int, node: Array, size: Array) -> None:
    n, of = int(tree.tally[LABELS]), settled(tree)
    others = size.copy()
    others[cluster] = 0
    of[of == cluster] = -1
    for label in range(n):
        if tree.cluster_of[label] == cluster:
            found = nearest(counts.slow, counts.scales[SLOW, WEIGHT], label, of, n)
            _put(tree, label, found if found >= 0 else np.argmax(others), node, size)
            tree.leaving[label] = -1
    remove(tree, node[cluster])


@njit(cache=True)  # type: ignore[untyped-decorator]
def merge(counts: Counts, tree: Tree) -> bool:
    """Make one of two clusters that are better off so, each of all others most of all with the other."""
    n, c, weight = int(tree.tally[LABELS]), counts.slow, counts.scales[SLOW, WEIGHT]
    of, (node, _) = settled(tree), _clusters(tree)
    k = int(of.max()) + 1 if n > 0 else 0
    both, either = np.zeros((k, k)), np.zeros((k, k))
    for a in range(n):
        for b in range(a):
            if of[a] >= 0 and of[b] >= 0:
                i, j = max(of[a], of[b]), min(of[a], of[b])
                both[i, j] += c[a, b] / weight
                either[i, j] += (c[a, a] + c[b, b] - c[a, b]) / weight
    partner, best = np.full(k, -1, np.int64), np.ones(k)
    for i in range(k):
        for j in range(i):
            if both[i, j] > 0.0:
                whole = quality(both[i, i] + both[j, j], either[i, i] + either[j, j], both[i, j])
                ratio = both[i, j] / either[i, j] / even(whole) if whole > 0.0 else np.inf
                if ratio > best[i]:
                    partner[i], best[i] = j, ratio
                if ratio > best[j]:
                    partner[j], best[j] = i, ratio
    merged = False
    for j in range(k):
        i, was = partner[j], tree.joining[node[j]]
        tree.joining[node[j]] = i
        if i >= 0 and i < j and partner[i] == j and was == i:
            for label in range(n):
                if tree.cluster_of[label] == j:
                    tree.cluster_of[label], tree.node_of[label] = i, node[i]
            tree.joining[node[i]] = -1
            remove(tree, node[j])
            merged = True
    return merged


@njit(cache=True)  # type: ignore[untyped-decorator]
def _clusters(tree: Tree) -> tuple[Array, Array]:
    """Return the node and the size of each cluster."""
    n = int(tree.tally[LABELS])
    node, size = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    for i in range(len(tree.number)):
        if tree.number[i] >= 0:
            node[tree.number[i]] = i
    for label in range(n):
        size[tree.cluster_of[label]] += 1
    return node, size


@njit(cache=True)  # type: ignore[untyped-decorator]
def _put(tree: Tree, label: int, cluster: int, node: Array, size: Array) -> None:
    size[tree.cluster_of[label]] -= 1
    size[cluster] += 1
    tree.cluster_of[label], tree.node_of[label] = cluster, node[cluster]
