import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering import changes


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 5), st.integers(0, 4), st.floats(0.1, 50.0)), min_size=1, max_size=40))
def test_each_cluster_is_in_one_family(drawn):
    old, new, weight = (np.array(part) for part in zip(*drawn, strict=True))
    new = np.unique(new, return_inverse=True)[1]
    found = changes.families(weight, old, new)
    assert sorted(q for family in found for q in family.new) == list(range(new.max() + 1))
    assert sorted(id_ for family in found for id_ in family.old) == sorted(set(old[old >= 0].tolist()))
    for family in found:
        assert family.kind in ("born", "same", "gone", "split", "merged", "rearranged")
        shared = changes.overlap(weight, old, new, family)
        assert shared.shape == (len(family.new), len(family.old)) or not family.new


def test_small_overlaps_make_no_relatives():
    old = np.repeat([1, 2], 10)
    new = np.concatenate([np.zeros(9, int), np.ones(11, int)])
    assert [family.kind for family in changes.families(np.ones(20), old, new)] == ["same", "same"]
