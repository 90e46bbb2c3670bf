import numpy as np

from driftline.models.multilabel import cooccurrence, label_moves, label_tree
from driftline.models.multilabel.label_tree import CLUSTERS, FIRST_SEEN, SETTLED, UNSEEN


def two_clusters(events, labels, left, standing=SETTLED):
    """A hierarchy of two clusters, the labels `left` and the others, after these events."""
    counts, tree = cooccurrence.make(labels, float("inf"), float("inf")), label_tree.make(labels)
    for on in events:
        cooccurrence.observe_both(counts, np.array(on, np.int64), len(on))
    label_tree.grow(tree, labels)
    nodes = label_tree.graft(tree, 0, np.array([[-1, -1], [-1, -1], [0, 1]], np.int32), np.zeros(3), 0.0)
    tree.node_of[:] = [nodes[int(label not in left)] for label in range(labels)]
    tree.cluster_of[:] = [label not in left for label in range(labels)]
    tree.number[nodes[:2]] = 0, 1
    tree.tally[CLUSTERS] = 2
    tree.standing[:] = standing
    return counts, tree


def test_a_label_is_placed_when_it_is_first_seen_with_others_and_when_it_is_known():
    events = [[0, 1], [2, 3]] * 10
    counts, tree = two_clusters(events, 5, {0, 1, 4})
    tree.standing[4] = UNSEEN
    seen = []
    for on in ([0, 2], [4], [2, 4], [0, 4], [1, 4], [0, 4], [0, 4]):
        cooccurrence.observe_both(counts, np.array(on), len(on))
        label_moves.place(counts, tree, 5.0, 2)
        seen.append((int(tree.cluster_of[4]), int(tree.standing[4])))
    # Alone it is not placed; then with 2 of cluster 1; then it waits until it has five events.
    waits = [(0, UNSEEN), (0, UNSEEN), (1, FIRST_SEEN), (1, FIRST_SEEN), (1, FIRST_SEEN)]
    assert seen == [*waits, (0, SETTLED), (0, SETTLED)]


def test_a_label_is_not_placed_where_that_would_leave_a_cluster_too_small():
    counts, tree = two_clusters([[0, 1], [1, 2], [1, 2], [3, 4]] * 10, 5, {3, 4, 2})
    tree.standing[2] = UNSEEN
    label_moves.place(counts, tree, 5.0, 3)
    assert (tree.cluster_of[2], tree.standing[2]) == (0, SETTLED)
    tree.standing[2] = UNSEEN
    label_moves.place(counts, tree, 5.0, 2)
    assert (tree.cluster_of[2], tree.standing[2]) == (1, SETTLED)


def test_a_label_moves_when_it_is_said_twice():
    counts, tree = two_clusters([[0, 1], [2, 3], [3, 4, 5], [2, 5]] * 30, 6, {0, 1, 2})
    assert not label_moves.move(counts, tree, 0.05, 2)
    assert tree.leaving.tolist() == [-1, -1, 1, -1, -1, -1]
    assert label_moves.move(counts, tree, 0.05, 2)
    assert tree.cluster_of.tolist() == [0, 0, 1, 1, 1, 1]
    assert not label_moves.move(counts, tree, 0.05, 2)


def test_clusters_merge_when_it_is_said_twice():
    counts, tree = two_clusters([[0, 1, 2], [0, 3], [1, 2, 3], [0, 2]] * 30, 4, {0, 1})
    assert not label_moves.merge(counts, tree)
    assert label_moves.merge(counts, tree)
    assert len(set(tree.cluster_of.tolist())) == 1
    assert (tree.level >= 0).sum() == 1
    assert not label_moves.merge(counts, tree)


def test_clusters_that_are_better_off_apart_do_not_merge():
    counts, tree = two_clusters([[0, 1], [2, 3], [0, 1], [1, 3]] * 30, 4, {0, 1})
    for _ in range(3):
        assert not label_moves.merge(counts, tree)
        assert not label_moves.move(counts, tree, 0.05, 2)
    assert tree.cluster_of.tolist() == [0, 0, 1, 1]
