"""The hierarchy of label clusters in plain arrays, for loops that numba compiles.

A node is a cluster or is divided into two parts; every known label is in one cluster, always. Source: the tree of ODAC
(Rodrigues, Gama and Pedroso, IEEE TKDE 20, 2008); what changes it stands in `label_checks`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

LABELS, CLUSTERS, CHECKS, FALLEN, WATCH, RESTRUCTURED, SHIFTS = range(7)  # of `Tree.tally`
TALLY = 7
CHANGED = np.iinfo(np.int32).max  # number of a cluster until all are numbered anew
OF_NODES = (
    "parent",
    "left",
    "right",
    "level",
    "distance",
    "born",
    "number",
    "merging",
)  # the other parts are of labels
UNSEEN, FIRST_SEEN, SETTLED = 0, 1, 2  # of `Tree.standing`


class Tree(NamedTuple):
    """Nodes and labels. There is room for twice as many nodes as labels; a node whose level is -1 is not in use."""

    parent: Array
    """(2L,) int32, -1 for the root."""
    left: Array
    """(2L,) int32, -1 for a cluster."""
    right: Array
    """(2L,) int32."""
    level: Array
    """(2L,) int32, from 0 at the root."""
    distance: Array
    """(2L,) float64: of the two parts at the division; 0 for a cluster."""
    born: Array
    """(2L,) float64: events seen before."""
    number: Array
    """(2L,) int32: of the cluster, from 0; -1 for a node that is none."""
    joining: Array
    """(2L,) int32: cluster that this one was better off as one with, at the last check; -1 for none."""
    node_of: Array
    """(L,) int32."""
    cluster_of: Array
    """(L,) int32, -1 for labels that are not known."""
    standing: Array
    """(L,) int8."""
    leaving: Array
    """(L,) int32: cluster that the label belonged to rather than its own, at the last check; -1 for none."""
    proposed: Array
    """(L,) int32: part in which the label was when its cluster was last divided, -1 for none."""
    proposed_all: Array
    """(L,) int32: the same for the division of all labels."""
    origin: Array
    """(L,) int32: number before the last change of each cluster, -1 for one that has none."""
    tally: Array
    """(7,) int64: labels; clusters; checks; checks in succession at which similarity had fallen; checks to come at
    which all is divided from scratch; checks that split, merged or regrouped; shifts."""


def make(labels: int) -> Tree:
    """Return a hierarchy with room for so many labels that knows none.

    >>> tree = make(4)
    >>> grow(tree, 3)
    >>> tree.cluster_of.tolist(), int(tree.tally[CLUSTERS])
    ([0, 0, 0, -1], 1)
    """
    nodes = 2 * labels
    return Tree(
        parent=np.full(nodes, -1, np.int32),
        left=np.full(nodes, -1, np.int32),
        right=np.full(nodes, -1, np.int32),
        level=np.full(nodes, -1, np.int32),
        distance=np.zeros(nodes),
        born=np.zeros(nodes),
        number=np.full(nodes, -1, np.int32),
        joining=np.full(nodes, -1, np.int32),
        node_of=np.full(labels, -1, np.int32),
        cluster_of=np.full(labels, -1, np.int32),
        standing=np.zeros(labels, np.int8),
        leaving=np.full(labels, -1, np.int32),
        proposed=np.full(labels, -1, np.int32),
        proposed_all=np.full(labels, -1, np.int32),
        origin=np.full(labels, -1, np.int32),
        tally=np.zeros(TALLY, np.int64),
    )


def grow(tree: Tree, labels: int) -> None:
    """Know so many labels. New ones join the largest cluster: they have not occurred with any label yet."""
    known = int(tree.tally[LABELS])
    if known == 0 and labels > 0:
        tree.level[0] = tree.number[0] = 0
        tree.tally[CLUSTERS] = 1
    largest = int(np.bincount(tree.cluster_of[:known]).argmax()) if known else 0
    tree.cluster_of[known:labels] = largest
    tree.node_of[known:labels] = np.flatnonzero(tree.number == largest)[0] if labels > known else -1
    tree.tally[LABELS] = max(known, labels)


@njit(cache=True)  # type: ignore[untyped-decorator]
def graft(tree: Tree, node: int, parts: Array, distance: Array, events: float) -> Array:
    """Put a division (see `label_division.divide`) below a node that was a cluster; return the node of each part."""
    at = np.empty(len(parts), np.int64)
    at[-1] = node
    for part in range(len(parts) - 1, -1, -1):  # parts come after those that they are made of
        here = at[part]
        tree.distance[here] = distance[part]
        tree.number[here] = CHANGED if parts[part, 0] < 0 else -1
        for side in range(2):
            if parts[part, side] >= 0:
                child = np.argmax(tree.level < 0)
                at[parts[part, side]] = child
                tree.level[child] = tree.level[here] + 1
                tree.parent[child] = here
                tree.born[child] = events
                if side == 0:
                    tree.left[here] = child
                else:
                    tree.right[here] = child
    return at


@njit(cache=True)  # type: ignore[untyped-decorator]
def remove(tree: Tree, node: int) -> None:
    """Take out a cluster whose labels have gone: the other part of its division takes the place of both."""
    parent = tree.parent[node]
    other = tree.left[parent] + tree.right[parent] - node
    above = tree.parent[parent]
    clear(tree, node)
    if above >= 0:
        if tree.left[above] == parent:
            tree.left[above] = other
        else:
            tree.right[above] = other
        tree.parent[other] = above
        clear(tree, parent)
    else:  # the root stays where it is
        for label in range(tree.tally[LABELS]):
            if tree.node_of[label] == other:
                tree.node_of[label] = parent
        tree.left[parent], tree.right[parent] = tree.left[other], tree.right[other]
        tree.number[parent], tree.distance[parent] = tree.number[other], tree.distance[other]
        if tree.left[other] >= 0:
            tree.parent[tree.left[other]] = tree.parent[tree.right[other]] = parent
        clear(tree, other)
    for i in range(len(tree.level)):
        if tree.level[i] > 0:
            up, level = tree.parent[i], 1
            while tree.parent[up] >= 0:
                up, level = tree.parent[up], level + 1
            tree.level[i] = level


@njit(cache=True)  # type: ignore[untyped-decorator]
def clear(tree: Tree, node: int) -> None:
    """Take a node out of use."""
    tree.parent[node] = tree.left[node] = tree.right[node] = tree.level[node] = -1
    tree.number[node] = tree.joining[node] = -1
    tree.distance[node] = tree.born[node] = 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def renumber(tree: Tree, before: Array, standing: Array) -> None:
    """Number the clusters from 0; each takes over the number of the one that gave it most.

    `before` and `standing` (L,) are the clusters and the standing of the labels before the change: one that was settled
    by then says more of where a cluster went than all that were not.
    """
    n = int(tree.tally[LABELS])
    index, k = np.full(len(tree.number), -1, np.int64), 0  # by first label
    for label in range(n):
        if index[tree.node_of[label]] < 0:
            index[tree.node_of[label]] = k
            k += 1
    shared = np.zeros((n + 1, k + 1), np.int64)
    for label in range(n):
        if before[label] >= 0:
            shared[before[label], index[tree.node_of[label]]] += n if standing[label] == SETTLED else 1
    heir_of, number, taken = np.full(k, -1, np.int64), np.full(k, -1, np.int64), np.zeros(k, np.bool_)
    for old in range(n):
        heir = np.argmax(shared[old])
        if shared[old, heir] > 0 and (heir_of[heir] < 0 or shared[old, heir] > shared[heir_of[heir], heir]):
            heir_of[heir] = old
    for new in range(k):
        if 0 <= heir_of[new] < k:
            number[new] = heir_of[new]
            taken[number[new]] = True
    tree.origin[:] = -1
    for new in range(k):
        if number[new] < 0:
            number[new] = np.argmin(taken)
            taken[number[new]] = True
        tree.origin[number[new]] = heir_of[new]
    for node in range(len(tree.number)):
        if index[node] >= 0:
            tree.number[node] = number[index[node]]
    for label in range(n):
        tree.cluster_of[label] = tree.number[tree.node_of[label]]
    tree.tally[CLUSTERS] = k
