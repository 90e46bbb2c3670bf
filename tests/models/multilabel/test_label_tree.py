import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import label_tree
from driftline.models.multilabel.label_tree import CLUSTERS, SETTLED


def shape(tree, node=0):
    """Nested pairs of clusters' labels."""
    if tree.number[node] >= 0:
        return tuple(np.flatnonzero(tree.node_of == node).tolist())
    return shape(tree, tree.left[node]), shape(tree, tree.right[node])


def levels(tree, node=0, level=0):
    yield tree.level[node] == level
    for part in (tree.left[node], tree.right[node]):
        if part >= 0:
            yield tree.parent[part] == node
            yield from levels(tree, part, level + 1)


def comb(labels):
    """A tree whose clusters, one for each label, are parted one after the other."""
    tree = label_tree.make(labels)
    label_tree.grow(tree, labels)
    tree.standing[:] = SETTLED
    parts = [[-1, -1]] * labels + [[i, labels + i - 2 if i > 1 else 0] for i in range(1, labels)]
    before = tree.cluster_of.copy()
    nodes = label_tree.graft(tree, 0, np.array(parts, np.int32), np.linspace(0.1, 0.9, len(parts)), 50.0)
    tree.node_of[:] = nodes[:labels]
    label_tree.renumber(tree, before, tree.standing.copy())
    return tree


def test_a_division_is_grafted_and_numbered():
    tree = comb(4)
    assert shape(tree) == ((3,), ((2,), ((1,), (0,))))
    assert all(levels(tree))
    assert tree.cluster_of.tolist() == [0, 1, 2, 3]
    assert tree.origin.tolist() == [0, -1, -1, -1]
    assert tree.tally[CLUSTERS] == 4
    assert tree.distance[0] == 0.9
    assert sorted(tree.born[tree.level >= 0].tolist()) == [0.0, *[50.0] * 6]


@settings(deadline=None)
@given(st.permutations(range(5)), st.integers(1, 4))
def test_clusters_that_are_left_keep_their_places_when_others_are_removed(order, gone):
    tree = comb(5)
    heir = order[-1]
    for label in order[:gone]:
        node = tree.node_of[label]
        tree.node_of[label] = tree.node_of[heir]
        label_tree.remove(tree, node)
    left = {label: (label,) for label in order[gone:]}
    left[heir] = tuple(sorted({heir, *order[:gone]}))
    wanted = left[min(left)]
    for label in sorted(left)[1:]:
        wanted = (left[label], wanted)
    assert shape(tree) == wanted
    assert all(levels(tree))
    assert (tree.level >= 0).sum() == 2 * len(left) - 1


def test_most_of_a_clusters_labels_keep_its_number_and_holes_are_filled():
    tree = comb(6)
    before = np.array([0, 0, 1, 1, 1, 2], np.int32)
    for cluster, labels in ((5, (0, 1)), (4, (2, 3, 5)), (3, (4,))):
        for label in labels:
            tree.node_of[label] = np.flatnonzero(tree.number == cluster)[0]
    label_tree.renumber(tree, before, tree.standing.copy())
    assert tree.cluster_of.tolist() == [0, 0, 1, 1, 2, 1]
    assert tree.origin.tolist() == [0, 1, -1, -1, -1, -1]


def test_labels_that_are_settled_decide_which_cluster_goes_on():
    tree = comb(6)
    tree.standing[[2, 3, 4, 5]] = 0
    before = np.array([0, 1, 0, 0, 0, 1], np.int32)
    for label, cluster in ((0, 3), (5, 3), (1, 2), (2, 2), (3, 2), (4, 2)):
        tree.node_of[label] = np.flatnonzero(tree.number == cluster)[0]
    label_tree.renumber(tree, before, tree.standing.copy())
    assert tree.cluster_of.tolist() == [0, 1, 1, 1, 1, 0]


def test_new_labels_join_the_largest_cluster():
    tree = label_tree.make(8)
    label_tree.grow(tree, 0)
    assert tree.tally[CLUSTERS] == 0
    label_tree.grow(tree, 3)
    nodes = label_tree.graft(tree, 0, np.array([[-1, -1], [-1, -1], [0, 1]]), np.zeros(3), 0.0)
    tree.node_of[:3] = nodes[[0, 1, 1]]
    label_tree.renumber(tree, tree.cluster_of.copy(), tree.standing.copy())
    largest = tree.cluster_of[1]
    label_tree.grow(tree, 5)
    assert tree.cluster_of.tolist() == [1 - largest, *[largest] * 4, -1, -1, -1]
    assert (tree.node_of[:5] == nodes[[0, 1, 1, 1, 1]]).all()
