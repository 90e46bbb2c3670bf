"""What changed between two partitions of labels, told in words that a user knows."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from driftline.models.base import Array


class Change(NamedTuple):
    """Clusters that changed, each by its labels in order, before and after."""

    kind: str
    """`split`, `merged`, `regrouped`; or `new_label`: a label was given a cluster, or, when more was known, another."""
    labels: list[int]
    """Those that are concerned."""
    before: list[list[int]]
    """Empty for a label that had no cluster."""
    after: list[list[int]]


def changes(before: Array, after: Array, settled: Array) -> list[Change]:
    """Return what changed.

    Parameters
    ----------
    before, after
        (L,) cluster of each label, -1 where it had none yet.
    settled
        (L,) whether a label had been placed for good before. These tell what became of a cluster; of the others, it
        is told where they went if it was elsewhere.

    >>> for change in changes(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 2, 1, 1]), np.full(5, True)):
    ...     print(*change)
    split [0, 1, 2] [[0, 1, 2]] [[0, 1], [2]]
    >>> for change in changes(np.array([0, 0, 1, -1]), np.array([0, 0, 1, 1]), np.array([True, True, True, False])):
    ...     print(*change)
    new_label [3] [] [[2, 3]]
    """
    old, new = _members(before), _members(after)
    pairs = sorted({(int(a), int(b)) for a, b in zip(before[settled], after[settled], strict=True)})
    group = {a: a for a, _ in pairs}  # old clusters whose labels meet in a new one are of one group
    first: dict[int, int] = {}
    for a, b in pairs:
        low, high = sorted((group[a], group[first.setdefault(b, a)]))
        group = {key: low if value == high else value for key, value in group.items()}
    found = []
    for root in sorted(set(group.values())):
        sources = [a for a, value in group.items() if value == root]
        targets = sorted({b for a, b in pairs if a in sources})
        if len(sources) == len(targets) == 1:
            continue
        kind = "split" if len(sources) == 1 else "merged" if len(targets) == 1 else "regrouped"
        labels = sorted(label for a in sources for label in old[a])
        found.append(Change(kind, labels, [old[a] for a in sources], [new[b] for b in targets]))
    known = set(pairs)
    for label in np.flatnonzero(~settled & (before != after)).tolist():
        a, b = int(before[label]), int(after[label])
        if (a, b) not in known:
            found.append(Change("new_label", [label], [old[a]] if a >= 0 else [], [new[b]]))
    return found


def _members(cluster_of: Array) -> dict[int, list[int]]:
    members = defaultdict(list)
    for label, cluster in enumerate(cluster_of.tolist()):
        members[cluster].append(label)
    return members
