"""A decision tree over events for all labels at once, in one arena of arrays, split by the entropy of all labels.

The entropy is the multivariate Bernoulli one: a sum over labels. A leaf counts its labels, and for some candidate
features the sums, by label, from which Gaussians are made. At times the best and the second best split are compared by
Hoeffding's bound on their gains, in shares of the leaf's entropy. How often each label occurs in an event's leaf is
then one more opinion beside those of the linear learners and the neighbours.

References
----------
Esteban, Cano, Zafra and Ventura, "Hoeffding adaptive trees for multi-label classification on data streams",
Knowledge-Based Systems 304 (2024): the criterion and the leaves' statistics. Four things differ: gains are taken as
shares (the range of the bound is then 1, where the paper takes the logarithm of the number of label sets, and a tree of
198 sets would need 180,000 events to split on a tie); each event counts once, not by a Poisson draw; and an alternate
tree is grown from a warning of the whole, not in each branch. And what the Gaussians propose is tried on further events
before it is made.

"""

from math import erf
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

NODES, LEAVES, CANDIDATES = 127, 16, 48
"""The most nodes, leaves that still gather sums, and features that one leaf considers."""
GRACE = 200.0
"""Events between two attempts to split a leaf."""
DELTA, TIE = 1e-5, 0.05
"""Confidence of the bound, and the bound below which a tie is broken."""
CUTS = 10
"""Thresholds tried for each feature."""
LEAST_SHARE = 0.01
"""Of a leaf's events that each side of a split must get."""
LEAST_GAIN = 0.01
"""Of a leaf's entropy that a split must explain: ties between useless splits are not broken."""
TRIAL, TRIALS = 200.0, 4
"""Further events on which a split is tried before it is made, and how often its trial may be prolonged by as many."""
CHANCE = 1e-4
"""The chance at which a trial takes noise for a split, at most."""
FADE = 0.999
"""What is left of a leaf's counts at its next event."""
TRUST, INHERIT = 5.0, 20.0
"""Events that the parent's rates count for, and that a new child takes over from its parent's sums at most."""


class Tree(NamedTuple):
    """`M` nodes, `A` gathering leaves, `C` candidates, `L` labels."""

    feature: Array
    """(M,) int32: -1 for a leaf."""
    cut: Array
    """(M,): an event goes left whose value is at most this."""
    child: Array
    """(M, 2) int32."""
    parent: Array
    """(M,) int32: -1 for the root."""
    weight: Array
    """(M,): events of late."""
    had: Array
    """(M, L): of each label."""
    slot: Array
    """(M,) int32: where a leaf gathers, or -1."""
    candidate: Array
    """(A, C) int32: features, or -1."""
    total: Array
    """(A, 1 + L): events gathered: all of them, then by label."""
    first: Array
    """(A, 1 + L, C): sums of the candidates' values."""
    second: Array
    """(A, 1 + L, C): sums of their squares."""
    low: Array
    """(A, C): least value."""
    high: Array
    """(A, C): largest value."""
    attempt: Array
    """(A,): events at the last attempt."""
    trial: Array
    """(A, 2): the candidate that is tried and its cut; -1 where none is."""
    tried: Array
    """(A, 2, 1 + L): events of each side since the trial began: all of them, then by label."""
    counts: Array
    """(2,) int64: nodes, and slots in use (ever; a slot goes over to the left child)."""


def make(labels: int) -> Tree:
    """Return a tree without a root; `plant` makes it."""
    return Tree(
        np.full(NODES, -1, dtype=np.int32),
        np.zeros(NODES),
        np.full((NODES, 2), -1, dtype=np.int32),
        np.full(NODES, -1, dtype=np.int32),
        np.zeros(NODES),
        np.zeros((NODES, labels)),
        np.full(NODES, -1, dtype=np.int32),
        np.full((LEAVES, CANDIDATES), -1, dtype=np.int32),
        np.zeros((LEAVES, labels + 1)),
        np.zeros((LEAVES, labels + 1, CANDIDATES)),
        np.zeros((LEAVES, labels + 1, CANDIDATES)),
        np.zeros((LEAVES, CANDIDATES)),
        np.zeros((LEAVES, CANDIDATES)),
        np.zeros(LEAVES),
        np.full((LEAVES, 2), -1.0),
        np.zeros((LEAVES, 2, labels + 1)),
        np.zeros(2, dtype=np.int64),
    )


@njit(cache=True)
def _gather_at(tree, slot, usual):  # type: ignore[no-untyped-def]
    """Begin to gather in a slot, on the features that are most often not zero (`usual` (C,), -1 where none)."""
    tree.candidate[slot, :] = usual
    tree.total[slot, :] = 0.0
    tree.first[slot, :, :] = 0.0
    tree.second[slot, :, :] = 0.0
    tree.low[slot, :] = np.inf
    tree.high[slot, :] = -np.inf
    tree.attempt[slot] = 0.0
    tree.trial[slot, :] = -1.0
    tree.tried[slot, :, :] = 0.0


@njit(cache=True)
def plant(tree, usual):  # type: ignore[no-untyped-def]
    """Begin anew with a root that gathers."""
    tree.feature[:] = -1
    tree.child[:, :] = -1
    tree.parent[:] = -1
    tree.weight[:] = 0.0
    tree.had[:, :] = 0.0
    tree.slot[:] = -1
    tree.counts[0], tree.counts[1] = 1, 1
    tree.slot[0] = 0
    _gather_at(tree, 0, usual)


@njit(cache=True)
def gather_anew(tree, usual):  # type: ignore[no-untyped-def]
    """Let a tree that is a root alone gather on these features."""
    if tree.counts[0] == 1:
        _gather_at(tree, 0, usual)


@njit(cache=True)
def adopt(tree, other):  # type: ignore[no-untyped-def]
    """Make a tree a copy of another."""
    tree.feature[:] = other.feature
    tree.cut[:] = other.cut
    tree.child[:, :] = other.child
    tree.parent[:] = other.parent
    tree.weight[:] = other.weight
    tree.had[:, :] = other.had
    tree.slot[:] = other.slot
    tree.candidate[:, :] = other.candidate
    tree.total[:, :] = other.total
    tree.first[:, :, :] = other.first
    tree.second[:, :, :] = other.second
    tree.low[:, :] = other.low
    tree.high[:, :] = other.high
    tree.attempt[:] = other.attempt
    tree.trial[:, :] = other.trial
    tree.tried[:, :, :] = other.tried
    tree.counts[:] = other.counts


@njit(cache=True)
def leaf_of(tree, x):  # type: ignore[no-untyped-def]
    """Return the leaf of an event; `x` (F,) holds its values, zero where it has none."""
    node = 0
    while tree.feature[node] >= 0:
        node = tree.child[node, 0 if x[tree.feature[node]] <= tree.cut[node] else 1]
    return node


@njit(cache=True)
def rates(tree, node, out, labels):  # type: ignore[no-untyped-def]
    """Write how likely each label is in a leaf to `out` (L,)."""
    parent = tree.parent[node]
    for k in range(labels):
        above = 0.5 / max(labels, 1) if parent < 0 else tree.had[parent, k] / max(tree.weight[parent], 1.0)
        out[k] = (tree.had[node, k] + TRUST * above) / (tree.weight[node] + TRUST)


@njit(cache=True)
def _entropy(p):  # type: ignore[no-untyped-def]
    if p <= 1e-12 or p >= 1.0 - 1e-12:
        return 0.0
    return -p * np.log2(p) - (1.0 - p) * np.log2(1.0 - p)


@njit(cache=True)
def _share_left(tree, slot, k, c, cut):  # type: ignore[no-untyped-def]
    """Return the share of a label's values at most `cut`, by its Gaussian."""
    n = tree.total[slot, k]
    mean = tree.first[slot, k, c] / n
    variance = tree.second[slot, k, c] / n - mean * mean
    if variance <= 1e-12 * mean * mean or variance <= 0.0:
        return 1.0 if mean <= cut else 0.0
    return 0.5 * (1.0 + erf((cut - mean) / np.sqrt(2.0 * variance)))


@njit(cache=True)
def _gain(tree, slot, c, cut, labels):  # type: ignore[no-untyped-def]
    """Return what is left of the entropy after a split, and the share of events on the left."""
    n = tree.total[slot, 0]
    share = _share_left(tree, slot, 0, c, cut)
    left, right = share * n, (1.0 - share) * n
    rest = 0.0
    if left < 1e-9 or right < 1e-9:
        return np.inf, share
    for k in range(labels):
        have = tree.total[slot, 1 + k]
        if have == 0.0:
            continue
        here = min(have * _share_left(tree, slot, 1 + k, c, cut), left)
        there = min(have - here, right)
        rest += share * _entropy(here / left) + (1.0 - share) * _entropy(max(there, 0.0) / right)
    return rest, share


@njit(cache=True)
def _attempt(tree, node, labels):  # type: ignore[no-untyped-def]
    """Begin to try the best split of a leaf, if it is surely the best by the leaf's Gaussians."""
    slot = tree.slot[node]
    n = tree.total[slot, 0]
    whole = 0.0
    for k in range(labels):
        whole += _entropy(tree.total[slot, 1 + k] / n)
    if whole <= 0.0 or tree.counts[0] + 2 > NODES:
        return
    best = second = 0.0
    chosen, at = -1, 0.0
    for c in range(CANDIDATES):
        if tree.candidate[slot, c] < 0 or not tree.high[slot, c] > tree.low[slot, c]:
            continue
        low, high = tree.low[slot, c], tree.high[slot, c]
        top, where = 0.0, 0.0
        for t in range(1, CUTS + 1):
            cut = low + (high - low) * t / (CUTS + 1.0)
            rest, share = _gain(tree, slot, c, cut, labels)
            if min(share, 1.0 - share) > LEAST_SHARE and 1.0 - rest / whole > top:
                top, where = 1.0 - rest / whole, cut
        if top > best:
            best, second, chosen, at = top, best, c, where
        elif top > second:
            second = top
    bound = np.sqrt(np.log(1.0 / DELTA) / (2.0 * n))
    if chosen >= 0 and best >= LEAST_GAIN and (best - second > bound or bound < TIE):
        tree.trial[slot, 0], tree.trial[slot, 1] = chosen, at
        tree.tried[slot, :, :] = 0.0


@njit(cache=True)
def _proven(tree, slot, labels):  # type: ignore[no-untyped-def]
    """Whether the events of a trial show that the labels of the two sides differ by more than chance.

    Gaussians are a guess: with rare labels and long tails they see splits in noise. A trial counts what is there. Twice
    the gain (in nats) of its events is nearly chi-squared, with a degree of freedom for each label; its tail is bounded
    as by Laurent and Massart, "Adaptive estimation of a quadratic functional", Annals of Statistics 28 (2000).
    """
    left, right = tree.tried[slot, 0], tree.tried[slot, 1]
    n = left[0] + right[0]
    if min(left[0], right[0]) < max(LEAST_SHARE * n, 1.0):
        return False
    gain, degrees = 0.0, 0
    for k in range(1, labels + 1):
        have = left[k] + right[k]
        if have > 0.0:
            degrees += 1
            gain += n * _entropy(have / n) - left[0] * _entropy(left[k] / left[0])
            gain -= right[0] * _entropy(right[k] / right[0])
    rare = np.log(1.0 / CHANCE)
    return 2.0 * np.log(2.0) * gain > degrees + 2.0 * np.sqrt(degrees * rare) + 2.0 * rare


@njit(cache=True)
def _split(tree, node, usual, labels):  # type: ignore[no-untyped-def]
    """Make the split that was tried; the children begin with the trial's counts."""
    slot = tree.slot[node]
    feature, cut = tree.candidate[slot, int(tree.trial[slot, 0])], tree.trial[slot, 1]
    tree.feature[node], tree.cut[node] = feature, cut
    for side in range(2):
        child = tree.counts[0]
        tree.counts[0] += 1
        tree.child[node, side] = child
        tree.parent[child] = node
        n = tree.tried[slot, side, 0]
        tree.weight[child] = min(INHERIT, n)
        for k in range(labels):
            tree.had[child, k] = tree.tried[slot, side, 1 + k] * min(1.0, INHERIT / n)
    left, right = tree.child[node, 0], tree.child[node, 1]
    tree.slot[node] = -1
    tree.slot[left] = slot
    _gather_at(tree, slot, usual)
    if tree.counts[1] < LEAVES:
        tree.slot[right] = tree.counts[1]
        _gather_at(tree, tree.counts[1], usual)
        tree.counts[1] += 1


@njit(cache=True)
def _try(tree, node, x, truth, usual, labels):  # type: ignore[no-untyped-def]
    """Count an event of a trial; return whether it ended with a split."""
    slot = tree.slot[node]
    side = 0 if x[tree.candidate[slot, int(tree.trial[slot, 0])]] <= tree.trial[slot, 1] else 1
    tree.tried[slot, side, 0] += 1.0
    for k in range(labels):
        tree.tried[slot, side, 1 + k] += truth[k]
    n = tree.tried[slot, 0, 0] + tree.tried[slot, 1, 0]
    if n % TRIAL != 0.0:
        return False
    if tree.counts[0] + 2 <= NODES and _proven(tree, slot, labels):
        _split(tree, node, usual, labels)
        return True
    if n >= TRIALS * TRIAL:
        tree.trial[slot, 0] = -1.0
        tree.attempt[slot] = tree.total[slot, 0]
    return False


@njit(cache=True)
def learn(tree, x, truth, usual, labels):  # type: ignore[no-untyped-def]
    """Teach the leaf of an event its labels (0 or 1, (L,)); return whether the leaf was split."""
    node = leaf_of(tree, x)
    tree.weight[node] = tree.weight[node] * FADE + 1.0
    had = tree.had[node]
    for k in range(labels):
        had[k] = had[k] * FADE + truth[k]
    slot = tree.slot[node]
    if slot < 0:
        return False
    for row in range(labels + 1):
        if row > 0 and not truth[row - 1]:
            continue
        tree.total[slot, row] += 1.0
        for c in range(CANDIDATES):
            j = tree.candidate[slot, c]
            if j >= 0 and x[j] != 0.0:
                tree.first[slot, row, c] += x[j]
                tree.second[slot, row, c] += x[j] * x[j]
    for c in range(CANDIDATES):
        j = tree.candidate[slot, c]
        if j >= 0:
            tree.low[slot, c], tree.high[slot, c] = min(tree.low[slot, c], x[j]), max(tree.high[slot, c], x[j])
    if tree.trial[slot, 0] >= 0.0:
        return _try(tree, node, x, truth, usual, labels)
    n = tree.total[slot, 0]
    if n - tree.attempt[slot] >= GRACE:
        tree.attempt[slot] = n
        _attempt(tree, node, labels)
    return False


@njit(cache=True)
def most_usual(count, features, usual):  # type: ignore[no-untyped-def]
    """Write the features that are most often not zero to `usual` (C,), -1 where there are no more."""
    usual[:] = -1
    found = 0
    for j in range(features):
        if count[j] <= 0.0 or (found == len(usual) and count[j] <= count[usual[found - 1]]):
            continue
        if found < len(usual):
            found += 1
        place = found - 1
        while place > 0 and count[usual[place - 1]] < count[j]:
            usual[place] = usual[place - 1]
            place -= 1
        usual[place] = j
