"""A label hierarchy as lines of text."""

from collections.abc import Sequence

import numpy as np

from driftline.models.multilabel.label_tree import CLUSTERS, LABELS, Tree


def draw(tree: Tree, names: Sequence[object] | None = None, most: int = 12) -> str:
    """Return the hierarchy as a tree of lines: how far apart parts are, and the labels of the clusters.

    Parameters
    ----------
    tree
        The hierarchy.
    names
        Of the labels; their numbers by default.
    most
        Labels of a cluster that are named; of the others, it is said how many there are.

    >>> from driftline.models.multilabel.label_tree import graft, grow, make, renumber
    >>> tree = make(5)
    >>> grow(tree, 5)
    >>> nodes = graft(tree, 0, np.array([[-1, -1]] * 3 + [[0, 1], [3, 2]]), np.array([0, 0, 0, 0.71, 0.98]), 0.0)
    >>> tree.node_of[:] = nodes[[0, 0, 1, 2, 2]]
    >>> renumber(tree, tree.cluster_of.copy(), tree.standing.copy())
    >>> print(draw(tree, ["sun", "heat", "thunder", "snow", "ice"], most=1))
    5 labels in 3 clusters, 0.98 apart
    ├── 3 labels, 0.71 apart
    │   ├── cluster 0: sun and 1 more
    │   └── cluster 1: thunder
    └── cluster 2: snow and 1 more
    """
    n = int(tree.tally[LABELS])
    names = range(n) if names is None else names
    size = np.bincount(tree.node_of[:n], minlength=len(tree.level))
    for node in np.argsort(-tree.level, kind="stable"):  # from the leaves up
        if tree.level[node] > 0:
            size[tree.parent[node]] += size[node]
    lines = []
    stack = [(0, "", "")] if n else []  # node, what stands before its line, and before those below it
    while stack:
        node, before, below = stack.pop()
        if node == 0:
            clusters = int(tree.tally[CLUSTERS])
            what = f"{n} label{'s' * (n > 1)} in {clusters} cluster{'s' * (clusters > 1)}"
        else:
            what = f"{size[node]} labels"
        if tree.number[node] >= 0:
            labels = np.flatnonzero(tree.node_of[:n] == node).tolist()
            named = ", ".join(str(names[label]) for label in labels[:most])
            rest = f" and {len(labels) - most} more" if len(labels) > most else ""
            if node == 0:
                lines.append(what)
                before = "└── "
            lines.append(f"{before}cluster {tree.number[node]}: {named}{rest}")
        else:
            lines.append(f"{before}{what}, {tree.distance[node]:.2f} apart")
            stack.append((int(tree.right[node]), f"{below}└── ", f"{below}    "))
            stack.append((int(tree.left[node]), f"{below}├── ", f"{below}│   "))
    return "\n".join(lines) if lines else "no labels"
