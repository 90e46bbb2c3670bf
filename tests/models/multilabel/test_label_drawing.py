import numpy as np

from driftline.models.multilabel import label_tree
from driftline.models.multilabel.label_drawing import draw


def test_of_no_labels_and_of_one_cluster():
    tree = label_tree.make(4)
    assert draw(tree) == "no labels"
    label_tree.grow(tree, 1)
    assert draw(tree) == "1 label in 1 cluster\n└── cluster 0: 0"
    label_tree.grow(tree, 4)
    assert draw(tree, "abcd") == "4 labels in 1 cluster\n└── cluster 0: a, b, c, d"
    assert draw(tree, "abcd", most=3) == "4 labels in 1 cluster\n└── cluster 0: a, b, c and 1 more"


def test_a_long_chain_of_divisions_is_drawn_too():
    """As many levels as this are more than Python would call itself for."""
    n = 1500
    tree = label_tree.make(n)
    label_tree.grow(tree, n)
    parts = np.array([[-1, -1]] * n + [[i, n + i - 2 if i > 1 else 0] for i in range(1, n)], np.int32)
    tree.node_of[:] = label_tree.graft(tree, 0, parts, np.full(2 * n - 1, 0.5), 0.0)[:n]
    label_tree.renumber(tree, tree.cluster_of.copy(), tree.standing.copy())
    lines = draw(tree).splitlines()
    assert len(lines) == 2 * n - 1
    assert lines[0] == "1500 labels in 1500 clusters, 0.50 apart"
    assert lines[2] == "└── 1499 labels, 0.50 apart"
    assert lines[-1].endswith("    └── cluster 0: 0")
