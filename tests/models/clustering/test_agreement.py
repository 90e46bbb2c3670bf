import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river.metrics import AdjustedRand

from driftline.models.clustering.agreement import adjusted_rand

GROUPS = st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 2)), min_size=2, max_size=60)


@given(GROUPS)
def test_it_is_rivers(rows):
    theirs = AdjustedRand()
    for truth, found in rows:
        theirs.update(truth, found)
    truth, found = np.array(rows).T
    if len(set(truth)) > 1 or len(set(found)) > 1:  # else River says 0.0 of equal groupings
        assert adjusted_rand(truth, found) == pytest.approx(theirs.get(), abs=1e-12)


@given(GROUPS, st.permutations(range(6)))
def test_names_do_not_matter_nor_which_is_which(rows, names):
    truth, found = np.array(rows).T
    renamed = np.array(list("abcdef"))[np.array(names)[found + 3]]
    assert adjusted_rand(truth, renamed) == pytest.approx(adjusted_rand(found, truth), abs=1e-12)
    assert adjusted_rand(found, renamed) == 1.0


def test_of_nothing_and_of_one_group_it_is_1():
    none = np.zeros(0, np.int64)
    assert adjusted_rand(none, none) == 1.0
    assert adjusted_rand(np.zeros(1), np.ones(1)) == 1.0
    assert adjusted_rand(np.zeros(9), np.ones(9)) == 1.0
    assert adjusted_rand(np.arange(9), np.ones(9)) == 0.0
