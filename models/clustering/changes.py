"""What a new partition of micro-clusters changes about the clusters that there are.

Old and new clusters that share micro-clusters hang together; of each such family it is said whether a cluster goes on,
was split, several were merged, or all was arranged anew. What belongs to no cluster yet and stays by itself is new.
"""

from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering.numbering import numbered

SHARED = 0.25
"""The least part of an old or a new cluster that makes it a relative of the other."""


class Family(NamedTuple):
    """Old and new clusters that belong together."""

    old: tuple[int, ...]
    """Ids, ascending."""
    new: tuple[int, ...]
    """Numbers of new clusters, ascending."""

    @property
    def kind(self) -> str:
        """`same`, `born`, `split`, `merged`, `gone` (its micro-clusters went to others) or `rearranged`."""
        many = len(self.old), len(self.new)
        known = {(0, 1): "born", (1, 1): "same", (1, 0): "gone"}
        if many in known:
            return known[many]
        if many[0] == 1:
            return "split"
        return "merged" if many[1] == 1 else "rearranged"


def shared_by(weight: Array, old: Array, new: Array) -> tuple[Array, Array]:
    """Return the ids of old clusters (k,), ascending, and the weights (new, k) that new ones share with each.

    >>> shared_by(np.array([1.0, 2.0, 4.0]), np.array([3, 3, -1]), np.array([0, 1, 1]))
    (array([3]), array([[1.],
           [2.]]))
    """
    has = old >= 0
    held, inside = numbered(old[has])
    shared = np.zeros((int(new.max()) + 1, len(held)))
    np.add.at(shared, (new[has], inside), weight[has])
    return held, shared


def families(weight: Array, old: Array, new: Array) -> list[Family]:
    """Return all families, those with the smallest new numbers first.

    Parameters
    ----------
    weight
        (m,) of the micro-clusters.
    old
        (m,) int64 ids so far, below 0 for none.
    new
        (m,) int64 new clusters, from 0.

    >>> found = families(np.ones(6), np.array([3, 3, 5, 6, -1, 7]), np.array([0, 1, 2, 2, 3, 4]))
    >>> [(family.kind, family.old, family.new) for family in found]
    [('split', (3,), (0, 1)), ('merged', (5, 6), (2,)), ('born', (), (3,)), ('same', (7,), (4,))]
    """
    held, shared = shared_by(weight, old, new)
    k = len(shared)
    of_new = np.bincount(new, weights=weight, minlength=k)
    of_old = shared.sum(axis=0)
    related = (shared > 0.0) & ((shared >= SHARED * of_new[:, None]) | (shared >= SHARED * of_old))
    found, left = [], set(range(len(held)))
    seen = np.zeros(k, bool)
    for first in range(k):
        if seen[first]:
            continue
        members, others, waiting = {first}, set(), [first]
        while waiting:
            for id_ in np.flatnonzero(related[waiting.pop()]).tolist():
                if id_ not in others:
                    others.add(id_)
                    fresh = set(np.flatnonzero(related[:, id_]).tolist()) - members
                    members |= fresh
                    waiting += sorted(fresh)
        seen[list(members)] = True
        left -= others
        found.append(Family(tuple(held[sorted(others)].tolist()), tuple(sorted(members))))
    return found + [Family((int(held[id_]),), ()) for id_ in sorted(left)]


def overlap(weight: Array, old: Array, new: Array, family: Family) -> Array:
    """Return (new, old) shared weights within a family."""
    return np.array([[weight[(new == q) & (old == id_)].sum() for id_ in family.old] for q in family.new])
