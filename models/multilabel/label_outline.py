"""A label hierarchy as parts to draw."""

from collections.abc import Sequence

import numpy as np

from driftline.models.base import Branch
from driftline.models.multilabel.label_tree import LABELS, Tree


def outline(tree: Tree, names: Sequence[object]) -> Branch:
    """Return the root of a hierarchy; `names` are those of the labels.

    >>> from driftline.models.multilabel.label_tree import graft, grow, make, renumber
    >>> tree = make(3)
    >>> grow(tree, 3)
    >>> nodes = graft(tree, 0, np.array([[-1, -1]] * 2 + [[0, 1]]), np.array([0, 0, 0.7]), 0.0)
    >>> tree.node_of[:] = nodes[[0, 0, 1]]
    >>> renumber(tree, tree.cluster_of.copy(), tree.standing.copy())
    >>> outline(tree, ["sun", "heat", "snow"])
    Branch(text='3 labels', apart=0.7, parts=(Branch(text='sun, heat', apart=0.0, parts=()), Branch(text='snow', ...
    """
    n = int(tree.tally[LABELS])
    branches: dict[int, Branch] = {}
    size = np.bincount(tree.node_of[:n], minlength=len(tree.level))
    for node in np.argsort(-tree.level, kind="stable").tolist():  # from the leaves up
        if tree.level[node] < 0:
            continue
        if tree.level[node] > 0:
            size[tree.parent[node]] += size[node]
        if tree.number[node] >= 0:
            labels = np.flatnonzero(tree.node_of[:n] == node).tolist()
            branches[node] = Branch(", ".join(str(names[label]) for label in labels), 0.0)
        else:
            parts = branches[int(tree.left[node])], branches[int(tree.right[node])]
            branches[node] = Branch(f"{size[node]} labels", float(tree.distance[node]), parts)
    return branches.get(0, Branch("no labels", 0.0))
