import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering import frozen, shares
from driftline.models.clustering.macros import Macros

PLACES = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])


def standing(share, ids=(3, 5, 8)):
    made = Macros(np.array(ids), np.array(share), PLACES[: len(ids)], np.ones((len(ids), 2)))
    return frozen.freeze(made, np.zeros(2), np.ones(2), np.array(share))


def drawn(seed, share, n=256):
    rng = np.random.default_rng(seed)
    own = rng.choice(len(share), n, p=share)
    return PLACES[own] + rng.normal(size=(n, 2)), own


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 256), st.floats(1.5, 9.0))
def test_each_event_goes_somewhere(seed, n, far):
    X, _ = drawn(seed, [0.6, 0.3, 0.1], n)
    taken = shares.transported(standing([0.6, 0.3, 0.1]), X, far)
    assert taken.mass.sum() + taken.sink == pytest.approx(1.0, abs=1e-9)
    assert taken.mass.min() > 0.0


@pytest.mark.parametrize("expected", [[1 / 3] * 3, [0.1, 0.2, 0.7]])
def test_what_is_taken_is_nearly_what_came_whatever_was_expected(expected):
    for seed in range(5):
        X, own = drawn(seed, [0.9, 0.08, 0.02])
        taken = shares.transported(standing(expected), X, 4.0)
        came = np.bincount(own, minlength=3) / 256
        assert np.abs(taken.mass - came).max() < 0.1 * np.abs(expected - came).max()


def test_what_is_far_from_all_is_taken_by_none():
    X, _ = drawn(1, [0.9, 0.08, 0.02])
    X[::8] = 40.0
    taken = shares.transported(standing([0.9, 0.08, 0.02]), X, 4.0)
    assert taken.sink == pytest.approx(1 / 8, abs=0.01)
    without = shares.transported(standing([0.9, 0.08, 0.02]), X, np.inf)
    assert without.sink == 0.0
    assert without.mass.sum() == pytest.approx(1.0)


def test_a_start_of_the_same_saves_rounds_and_changes_nothing():
    X, _ = drawn(2, [0.5, 0.3, 0.2])
    once = shares.transported(standing([0.2, 0.2, 0.6]), X, 4.0)
    again = shares.transported(standing([0.2, 0.2, 0.6]), X, 4.0, once.start)
    assert again.rounds < once.rounds
    assert again.mass == pytest.approx(once.mass, abs=1e-3)


def test_what_is_expected_comes_to_what_is_taken():
    held, true = standing([1 / 3] * 3), np.array([0.8, 0.15, 0.05])
    for seed in range(60):
        taken = shares.transported(held, drawn(seed, true)[0], 4.0)
        held = standing(shares.followed(held, taken))
    assert np.abs(held.share - true).max() < 0.02


def test_clusters_that_stood_keep_their_shares_and_new_ones_have_those_of_their_masses():
    before = standing([0.5, 0.3, 0.2])
    now = Macros(np.array([3, 8, 9]), np.array([10.0, 10.0, 20.0]), PLACES, np.ones((3, 2)))
    found = shares.expected(now, before)
    assert found[0] / found[1] == pytest.approx(0.5 / 0.2)
    assert found[2] / found[0] == pytest.approx(0.5 / 0.5)
    assert found.sum() == pytest.approx(1.0)


def test_a_distance_that_is_none_is_refused():
    with pytest.raises(ValueError, match="far"):
        shares.transported(standing([0.5, 0.3, 0.2]), np.zeros((1, 2)), 0.0)
