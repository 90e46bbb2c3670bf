"""Losses are 0 for a perfect answer, at most 1 where they say so, and two of them compare symmetrically."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.streams.losses import LOSSES, Measure, absolute, brier, error, f1, hamming, jaccard, squared, subset

NAMES = st.sampled_from("abcd")
SETS = st.dictionaries(NAMES, st.booleans())
SHARES = st.dictionaries(NAMES, st.floats(0.001, 1.0), min_size=1).map(
    lambda shares: {name: share / sum(shares.values()) for name, share in shares.items()}
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CASES = {
    "binary": (st.booleans(), st.tuples(st.booleans(), st.one_of(st.none(), st.floats(0, 1)))),
    "multiclass": (NAMES, st.tuples(NAMES, st.one_of(st.none(), SHARES))),
    "multilabel": (SETS, st.tuples(SETS, st.none())),
    "regression": (NUMBERS, st.tuples(NUMBERS, st.none())),
}
ALL = [(task, name) for task, losses in LOSSES.items() for name in losses]


@pytest.mark.parametrize(("task", "name"), ALL)
def test_two_answers_compare_symmetrically_and_within_bounds(task, name):
    truths, guesses = CASES[task]
    measure = LOSSES[task][name]

    @given(truths, st.one_of(st.none(), guesses), st.one_of(st.none(), guesses))
    def check(y, old, new):
        better, had, have = measure.compare(y, old, new)
        assert -1.0 <= better <= 1.0
        assert had >= 0.0
        assert have >= 0.0
        back, again, other = measure.compare(y, new, old)
        assert back == -better
        assert (again, other) == (have, had)
        if measure.bounded:
            assert max(had, have) <= 1.0
        if had != have:
            assert (better > 0) == (have < had)

    check()


def test_losses_of_classes():
    assert [error("a", (said, None)) for said in ("a", "b")] == [0.0, 1.0]
    assert brier(False, (True, 0.75)) == 0.5625
    assert brier("a", ("b", {"b": 1.0})) == 1.0
    assert brier("a", ("b", None)) == 1.0


def test_losses_of_labels():
    y, said = {"a": True, "b": True, "c": False}, ({"a": True, "c": True, "d": False}, None)
    assert f1(y, said) == 0.5
    assert jaccard(y, said) == pytest.approx(2 / 3)
    assert hamming(y, said) == 0.5
    assert subset(y, said) == 1.0
    same = ({"a": True, "b": True}, None)
    nothing = ({}, None)
    for loss in (f1, jaccard, hamming, subset):
        assert loss(y, same) == 0.0
        assert loss({"a": False}, nothing) == 0.0
        assert loss(y, nothing) > 0.0


def test_losses_of_numbers_are_compared_by_their_shares():
    assert (absolute(3.0, (5.0, None)), squared(3.0, (5.0, None))) == (2.0, 4.0)
    assert Measure(squared, bounded=False).compare(0.0, (3.0, None), (1.0, None))[0] == pytest.approx(0.8)
    assert Measure(absolute, bounded=False).compare(1.0, (1.0, None), (1.0, None)) == (0.0, 0.0, 0.0)


def test_an_answer_that_is_missing_or_beyond_all_bounds_is_the_worst():
    measure = Measure(squared, bounded=False)
    assert measure.compare(0.0, None, (1.0, None)) == (1.0, 1.0, 0.0)
    assert measure.compare(0.0, (1e200, None), (1.0, None))[0] == 1.0
    assert measure.compare(0.0, (1e200, None), None)[0] == 0.0
