import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import cooccurrence, label_checks, label_tree
from driftline.models.multilabel.cooccurrence import FAST, SLOW
from driftline.models.multilabel.label_tree import CLUSTERS, RESTRUCTURED, SHIFTS, UNSEEN


def after(n, blocks, counts=None, tree=None, seed=0, every=100):
    """Counts and hierarchy after `n` events of these blocks (L,), with a check now and then."""
    blocks = np.array(blocks)
    rng = np.random.default_rng(seed)
    if counts is None:
        counts, tree = cooccurrence.make(len(blocks), 2000.0, 200.0), label_tree.make(len(blocks))
        label_tree.grow(tree, len(blocks))
    for t in range(n):
        on = np.flatnonzero((rng.random(blocks.max() + 1) < 0.3)[blocks] & (rng.random(len(blocks)) < 0.7))
        cooccurrence.observe_both(counts, on, len(on))
        if t % every == every - 1:
            label_checks.check(counts, tree, 0.05, 5.0, 2)
    return counts, tree


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.permutations(range(4)))
def test_a_division_is_the_same_whatever_its_parts_are_called(of, names):
    before = np.full(40, -1, np.int32)
    before[: len(of)] = [names[k] for k in of]
    assert label_checks._alike(before, np.arange(len(of)), np.array(of))


def test_a_division_with_a_label_on_the_other_side_or_a_new_one_is_not_the_same():
    before = np.array([0, 0, 0, 1, 1, 1, -1, -1], np.int32)
    members = np.arange(6)
    assert label_checks._alike(before, members, np.array([1, 1, 1, 0, 0, 0]))
    assert not label_checks._alike(before, members, np.array([0, 0, 1, 1, 1, 1]))
    assert not label_checks._alike(before, members, np.array([0, 0, 0, 1, 1, 2]))
    assert not label_checks._alike(before, np.arange(7), np.array([0, 0, 0, 1, 1, 1, 1]))


def test_of_many_labels_a_few_may_differ():
    before = np.repeat(np.arange(2), 100).astype(np.int32)
    of = before.copy()
    of[0] = 1
    assert label_checks._alike(before, np.arange(200), of)
    of[:5] = 1
    assert not label_checks._alike(before, np.arange(200), of)


def test_a_split_needs_the_same_answer_at_two_checks():
    counts, tree = after(1000, [0, 0, 0, 1, 1, 1], every=10_000)
    assert not label_checks.check(counts, tree, 0.05, 5.0, 2)
    assert tree.tally[CLUSTERS] == 1
    assert label_checks.check(counts, tree, 0.05, 5.0, 2)
    assert tree.cluster_of.tolist() == [0, 0, 0, 1, 1, 1]
    assert tree.tally[RESTRUCTURED] == 1


@pytest.mark.parametrize(("any_gain", "taken"), [(True, True), (False, False)])
def test_a_small_gain_is_not_worth_another_partition_but_after_a_shift(any_gain, taken):
    blocks = np.repeat(np.arange(8), 6)
    counts, tree = after(3000, blocks)
    assert tree.cluster_of[0] == tree.cluster_of[1] != tree.cluster_of[47]
    tree.cluster_of[0], tree.node_of[0] = tree.cluster_of[47], tree.node_of[47]
    for said in (False, taken):
        assert label_checks._regroup(counts, tree, 0.05, 2, any_gain, False) == said


def test_to_rebuild_takes_the_fast_counts_for_the_slow():
    counts, tree = after(1000, [0, 0, 0, 1, 1, 1])
    assert not np.array_equal(counts.slow, counts.fast)
    assert not label_checks.rebuild(counts, tree, 0.05, 5.0, 2)  # the clusters are the right ones
    assert np.array_equal(counts.slow, counts.fast)
    assert np.array_equal(counts.scales[SLOW], counts.scales[FAST])
    assert tree.tally[SHIFTS] == 1


def test_to_rebuild_finds_clusters_at_once():
    counts, tree = after(1000, [0, 0, 0, 1, 1, 1])
    after(600, [0, 1, 0, 1, 0, 1], counts, tree, every=10_000)
    assert label_checks.rebuild(counts, tree, 0.05, 5.0, 2)
    assert tree.cluster_of[[0, 2, 4]].tolist() == [tree.cluster_of[0]] * 3
    assert tree.cluster_of[[1, 3, 5]].tolist() == [1 - tree.cluster_of[0]] * 3


def test_to_rebuild_from_nothing_leaves_the_clusters_as_they_are():
    counts, tree = after(1000, [0, 0, 0, 1, 1, 1])
    before = tree.cluster_of.copy()
    counts.fast[:] = 0.0
    assert not label_checks.rebuild(counts, tree, 0.05, 5.0, 2)
    assert (tree.cluster_of == before).all()
    assert (tree.standing == UNSEEN).all()


@pytest.mark.parametrize("labels", [0, 1, 2])
def test_few_labels_are_no_trouble(labels):
    counts, tree = cooccurrence.make(4, 2000.0, 200.0), label_tree.make(4)
    label_tree.grow(tree, labels)
    for _ in range(30):
        cooccurrence.observe_both(counts, np.arange(labels), labels)
        assert not label_checks.check(counts, tree, 0.05, 5.0, 2)
    label_checks.rebuild(counts, tree, 0.05, 5.0, 2)
    assert tree.cluster_of.tolist() == [0] * labels + [-1] * (4 - labels)
