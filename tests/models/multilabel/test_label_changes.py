import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.models.multilabel.label_changes import Change, changes


def told(before, after, settled=None):
    before, after = np.array(before), np.array(after)
    return changes(before, after, np.full(len(before), True) if settled is None else np.array(settled, bool))


def test_each_kind():
    assert told([0, 0, 1, 1], [0, 0, 1, 1]) == []
    assert told([0, 0, 1, 1], [1, 1, 0, 0]) == []  # numbers are no change
    assert told([0, 0, 1, 1], [0, 0, 0, 0]) == [Change("merged", [0, 1, 2, 3], [[0, 1], [2, 3]], [[0, 1, 2, 3]])]
    assert told([0, 0, 0, 0], [0, 0, 1, 1]) == [Change("split", [0, 1, 2, 3], [[0, 1, 2, 3]], [[0, 1], [2, 3]])]
    assert told([0, 0, 1, 1], [0, 1, 0, 1]) == [Change("regrouped", [0, 1, 2, 3], [[0, 1], [2, 3]], [[0, 2], [1, 3]])]


def test_several_changes_are_told_apart():
    found = told([0, 0, 1, 2, 3, 3, 4], [0, 1, 2, 2, 3, 3, 4])
    assert [(change.kind, change.labels) for change in found] == [("split", [0, 1]), ("merged", [2, 3])]


def test_a_label_that_is_new_or_not_settled_is_told_of_if_it_is_not_where_its_cluster_went():
    assert told([0, 0, -1], [0, 0, 0], [1, 1, 0]) == [Change("new_label", [2], [], [[0, 1, 2]])]
    assert told([0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 0, 1]) == [Change("new_label", [2], [[0, 1, 2]], [[2, 3]])]
    assert [change.kind for change in told([0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0])] == ["split"]
    assert told([0, 0, 0], [1, 1, 1], [1, 1, 0]) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_what_is_told_makes_the_one_partition_of_the_other(pairs):
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    found = told(before, after)
    groups = {frozenset(label for label, k in enumerate(before) if k == cluster) for cluster in before}
    for change in found:
        assert {frozenset(cluster) for cluster in change.before} <= groups
        groups -= {frozenset(cluster) for cluster in change.before}
        groups |= {frozenset(cluster) for cluster in change.after}
        for clusters in (change.before, change.after):
            assert sorted(label for cluster in clusters for label in cluster) == change.labels
        assert len(change.before) > 1 or change.kind == "split"
        assert len(change.after) > 1 or change.kind == "merged"
    assert groups == {frozenset(label for label, k in enumerate(after) if k == cluster) for cluster in after}
