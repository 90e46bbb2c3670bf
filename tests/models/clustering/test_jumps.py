import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering import DriftClusterer, drifting
from driftline.models.clustering.jumps import EACH, since
from driftline.models.clustering.life_streams import life_stream


def at(places, d=3, seed=0):
    """Return events (n, d) around places (n,) along the first feature, and their floor."""
    rng = np.random.default_rng(seed)
    return np.asarray(places)[:, None] * np.eye(d)[0] + rng.normal(size=(len(places), d)), np.full(d, 0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(EACH, 128), st.integers(EACH, 128), st.sampled_from([2, 8, 20]), st.integers(0, 2**32))
def test_a_jump_is_told_to_the_event(before, after, d, seed):
    first = since(*at(np.repeat([0.0, 6.0], [before, after]), d, seed))
    assert abs(first - before) <= 2


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 256), st.sampled_from([1, 2, 8, 60, 200]), st.integers(0, 2**32))
def test_one_that_stands_still_has_not_jumped(n, d, seed):
    assert since(*at(np.zeros(n), d, seed)) == 0


@pytest.mark.parametrize("far", [2.0, 6.0, 12.0])
@pytest.mark.parametrize("seed", range(5))
def test_one_that_drifts_has_not_jumped(far, seed):
    assert since(*at(np.linspace(0.0, far, 200), 4, seed)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_one_of_two_places_in_turn_has_not_jumped(seed):
    order = np.random.default_rng(seed).random(200)
    assert since(*at(np.where(order < 0.3, 6.0, 0.0), 4, seed)) == 0


def test_few_events_before_or_after_tell_nothing():
    assert since(*at(np.repeat([0.0, 9.0], [100, EACH // 3]))) == 0
    assert since(*at(np.repeat([0.0, 9.0], [EACH - 1, EACH]))) == 0


def test_constant_features_do_not_matter():
    Z, floor = at(np.repeat([0.0, 6.0], [60, 40]))
    assert since(np.hstack([Z, np.zeros((100, 2))]), np.append(floor, [0.02, 0.02])) == since(Z, floor)


def test_what_was_left_behind_is_of_no_cluster():
    latest = drifting.make(1)
    X = np.arange(300.0)[:, None]
    for first in range(0, 300, 50):
        drifting.record(latest, X[first : first + 50], np.arange(first, first + 50) % 2)
    drifting.leave(latest, 1, 20)
    left, whose = drifting.of(latest, 0, 1)
    assert len(left) == drifting.HELD - 20
    assert left[whose == 1].min() == 45 + 40  # events 44 to 299 are held
    assert left[whose == 0].min() == 44


@pytest.mark.parametrize("d", [4, 8])
@pytest.mark.parametrize("seed", [1, 2, 101, 103])
def test_a_near_jump_is_told_once_and_nothing_else(d, seed):
    model, news = DriftClusterer(), []
    X, labels, (event,) = life_stream("near jump", d=d, seed=seed)
    for first in range(0, len(X), 250):
        ids = model.prequential_many(X[first : first + 250])
        news += [one for one in model.news() if one.learnt > 1_500]
        if first == 3_750:
            before = np.bincount(ids[labels[first : first + 250] == 0]).argmax()
    assert [(one.kind, one.who) for one in news] == [("moved", str(before))]
    assert 0 < news[0].learnt - event.at <= 500
    last = labels[-250:] == 0
    assert (ids[last] == before).mean() > 0.9
