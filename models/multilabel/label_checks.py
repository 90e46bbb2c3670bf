"""The checks that keep the label hierarchy fitting.

Every known label is in one cluster, always. A check, at every hundred events or so, does this in order:

1. If similarity within clusters has surely fallen, at two checks in succession, the slow counts give way to the fast,
   and all is divided from scratch.
2. Labels that are new are placed: by the first events that they share with others, and once more when they are known
   from `min_count` events. Then they are settled. Only settled labels take part in what follows.
3. A label that is surely better off without its cluster, and is most similar to another one, moves there; two clusters
   that are better off as one become one: both at two checks in succession.
4. A cluster is divided if its labels are surely better off apart, into the same parts at two checks in succession.
5. At every tenth check all is divided from scratch beside what there is, and that is taken if it makes the quality
   better by more than Hoeffding's bound, and is the same at the next check too. At the ten checks after a shift this
   stands in place of 3 and 4, and any gain will do.

Source: ODAC (Rodrigues, Gama and Pedroso, IEEE TKDE 20, 2008), which this follows in form. Its test for a merge, that a
part's diameter exceeds the whole's at the division, cannot succeed where that was 1, as it mostly is with many labels.
"""

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.multilabel.cooccurrence import (
    FAST,
    SEEN,
    SHIFTED,
    SLOW,
    USUAL,
    WEIGHT,
    Counts,
    hoeffding,
    nearest,
    quality,
    structure_shift,
    sums,
)
from driftline.models.multilabel.label_division import divide
from driftline.models.multilabel.label_moves import merge, move, place, settled
from driftline.models.multilabel.label_tree import (
    CHECKS,
    FALLEN,
    FIRST_SEEN,
    LABELS,
    RESTRUCTURED,
    SETTLED,
    SHIFTS,
    UNSEEN,
    WATCH,
    Tree,
    clear,
    graft,
    renumber,
)

WHOLE_EVERY = 10  # checks
NEWCOMERS, STRAYS = 0.01, 0.01  # shares of labels that may be new, or have changed sides, in "the same" division


@njit(cache=True)  # type: ignore[untyped-decorator]
def check(counts: Counts, tree: Tree, delta: float, min_count: float, min_size: int) -> bool:
    """Bring the clusters up to date, as the top of this file says, and return whether a label changed its cluster.

    Clusters keep their numbers as far as they keep their labels: see `Tree.origin`.

    Parameters
    ----------
    counts
        What was observed; a confirmed shift makes the slow counts what the fast ones are.
    tree
        The hierarchy.
    delta
        The chance of error of each test.
    min_count
        Events, faded, that a label must have before it is placed for good.
    min_size
        Labels of a cluster, at least.
    """
    tree.tally[CHECKS] += 1
    before, standing = tree.cluster_of.copy(), tree.standing.copy()
    if _has_shifted(counts, tree, delta, min_count):
        restructured = _rebuild(counts, tree, delta, min_count, min_size)
    elif tree.tally[WATCH] > 0:
        tree.tally[WATCH] -= 1
        counts.fades[SLOW] = counts.fades[SHIFTED if tree.tally[WATCH] > 0 else USUAL]
        place(counts, tree, min_count, min_size)
        restructured = _regroup(counts, tree, delta, min_size, True, False)
    else:
        place(counts, tree, min_count, min_size)
        restructured = move(counts, tree, delta, min_size)
        restructured |= merge(counts, tree)
        restructured |= _split(counts, tree, delta, min_size)
        waiting = (tree.proposed_all >= 0).any()
        if not restructured and (waiting or tree.tally[CHECKS] % WHOLE_EVERY == 0):
            restructured = _regroup(counts, tree, delta, min_size, False, False)
    if restructured:
        tree.tally[RESTRUCTURED] += 1
        tree.leaving[:] = -1  # these are numbers that clusters had
        tree.joining[:] = -1
    renumber(tree, before, standing)
    return bool((tree.cluster_of != before).any())


@njit(cache=True)  # type: ignore[untyped-decorator]
def rebuild(counts: Counts, tree: Tree, delta: float, min_count: float, min_size: int) -> bool:
    """Forget the slow counts for the fast, divide all from scratch, and return whether a label changed its cluster.

    Clusters stay as they are if that is not better. The parameters are those of `check`, which does this of itself.
    """
    before, standing = tree.cluster_of.copy(), tree.standing.copy()
    if _rebuild(counts, tree, delta, min_count, min_size):
        tree.tally[RESTRUCTURED] += 1
    renumber(tree, before, standing)
    return bool((tree.cluster_of != before).any())


@njit(cache=True)  # type: ignore[untyped-decorator]
def _rebuild(counts: Counts, tree: Tree, delta: float, min_count: float, min_size: int) -> bool:
    counts.slow[:] = counts.fast
    counts.scales[SLOW] = counts.scales[FAST]
    n = tree.tally[LABELS]
    for label in range(n):
        on = counts.slow[label, label] / counts.scales[SLOW, WEIGHT]
        tree.standing[label] = SETTLED if on >= min_count else FIRST_SEEN if on > 0.0 else UNSEEN
    tree.proposed[:] = -1
    tree.proposed_all[:] = -1
    tree.leaving[:] = -1
    tree.joining[:] = -1
    tree.tally[FALLEN] = 0
    tree.tally[WATCH] = WHOLE_EVERY
    counts.fades[SLOW] = counts.fades[SHIFTED]
    tree.tally[SHIFTS] += 1
    return bool(_regroup(counts, tree, delta, min_size, True, True))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _has_shifted(counts: Counts, tree: Tree, delta: float, min_count: float) -> bool:
    fallen, bound = structure_shift(counts, settled(tree), tree.tally[LABELS], min_count, delta)
    tree.tally[FALLEN] = tree.tally[FALLEN] + 1 if fallen > bound else 0
    return bool(tree.tally[FALLEN] >= 2)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _split(counts: Counts, tree: Tree, delta: float, min_size: int) -> bool:
    n, c, weight = int(tree.tally[LABELS]), counts.slow, counts.scales[SLOW, WEIGHT]
    proposed, first, split = np.full(n, -1, np.int32), 0, False
    for node in np.flatnonzero(tree.number >= 0):
        members = np.flatnonzero((tree.node_of[:n] == node) & (tree.standing[:n] == SETTLED))
        if len(members) < 2 * min_size:
            continue
        of, parts, distance = divide(c, weight, members, delta, min_size)
        if len(parts) == 1:
            continue
        if not _alike(tree.proposed, members, of):
            for i in range(len(members)):
                proposed[members[i]] = first + of[i]
            first += (len(parts) + 1) // 2
            continue
        at = graft(tree, node, parts, distance, counts.scales[SLOW, SEEN])
        size, part_of = np.zeros(len(parts), np.int64), np.full(n, -1, np.int32)
        for i in range(len(members)):
            size[of[i]] += 1
            part_of[members[i]] = of[i]
        for label in range(n):
            if tree.node_of[label] == node:
                part = part_of[label] if part_of[label] >= 0 else nearest(c, weight, label, part_of, n)
                tree.node_of[label] = at[part if part >= 0 else np.argmax(size)]
        split = True
    tree.proposed[:n] = proposed
    return split


@njit(cache=True)  # type: ignore[untyped-decorator]
def _regroup(counts: Counts, tree: Tree, delta: float, min_size: int, any_gain: bool, at_once: bool) -> bool:
    """Divide all labels from scratch and take that if it is better, or if it is so again.

    Labels that are not settled and have not occurred with others go where most of their cluster went.
    """
    n, c, weight = int(tree.tally[LABELS]), counts.slow, counts.scales[SLOW, WEIGHT]
    members = np.flatnonzero(tree.standing[:n] == SETTLED)
    proposed_before = tree.proposed_all.copy()
    tree.proposed_all[:] = -1
    if len(members) < 2 * min_size:
        return False
    of, parts, distance = divide(c, weight, members, delta, min_size)
    old, new = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    for i in range(len(members)):
        old[members[i]] = tree.cluster_of[members[i]]
        new[members[i]] = of[i]
    both, either, across, events = sums(c, weight, old, n, 0.0)
    was = quality(both, either, across)
    both, either, across, _ = sums(c, weight, new, n, 0.0)
    gain = quality(both, either, across) - was
    if gain <= (0.0 if any_gain else hoeffding(events, delta)):
        return False
    if not at_once and not _alike(proposed_before, members, of):
        for i in range(len(members)):
            tree.proposed_all[members[i]] = of[i]
        return False
    shared, size = np.zeros((n + 1, len(parts)), np.int64), np.zeros(len(parts), np.int64)
    for i in range(len(members)):
        shared[tree.cluster_of[members[i]], of[i]] += 1
        size[of[i]] += 1
    for node in range(len(tree.level)):
        clear(tree, node)
    tree.level[0] = 0
    at = graft(tree, 0, parts, distance, counts.scales[SLOW, SEEN])
    for label in range(n):
        part = new[label] if new[label] >= 0 else nearest(c, weight, label, new, n)
        if part < 0:
            along = shared[tree.cluster_of[label]]
            part = np.argmax(along) if along.max() > 0 else np.argmax(size)
        tree.node_of[label] = at[part]
    tree.proposed[:] = -1
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _alike(before: Array, members: Array, of: Array) -> bool:
    """Say whether members were divided in the same way before, but for a few."""
    if len(members) == 0:
        return False
    known = before[members] >= 0
    shared = np.zeros((int(of.max()) + 1, int(before[members].max()) + 2), np.int64)
    for i in range(len(members)):
        if known[i]:
            shared[of[i], before[members[i]]] += 1
    taken, same = np.zeros(shared.shape[1], np.bool_), 0
    for part in range(len(shared)):
        was = np.argmax(shared[part])
        if shared[part, was] > 0 and not taken[was]:
            taken[was] = True
            same += shared[part, was]
    newcomers = len(members) - known.sum()
    strays = known.sum() - same
    return bool(newcomers <= NEWCOMERS * len(members) and strays <= STRAYS * len(members))
