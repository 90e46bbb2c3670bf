import numpy as np
import pytest

from driftline.models.clustering import drifting, trails
from driftline.models.clustering.micro import Moments

D = 4
PLACE = np.zeros(D), np.ones(D), np.full(D, 0.02)


def remembered(rng, n=400):
    X = rng.normal(size=(n, D))
    return Moments(np.ones(n), X, np.zeros((n, D))), np.zeros(n, int)


def latest(X):
    held = drifting.make(D)
    drifting.record(held, X, np.zeros(len(X), int))
    return held


def test_the_latest_are_kept_in_order():
    held = drifting.make(1)
    for at in range(0, 600, 50):
        drifting.record(held, np.arange(at, at + 50.0)[:, None], np.arange(at, at + 50) % 2)
    X, whose = drifting.of(held, 0)
    assert X[:, 0].tolist() == [float(at) for at in range(344, 600) if at % 2 == 0]
    assert set(whose.tolist()) == {0}
    both, whose = drifting.of(held, 1, 0)
    assert np.array_equal(both[:, 0] % 2, whose)
    assert len(both) == drifting.HELD
    assert drifting.wider(held, np.array([7.0])).X[:, 1].tolist() == [7.0] * drifting.HELD


@pytest.mark.parametrize("seed", range(10))
def test_what_stands_has_not_changed(seed):
    rng = np.random.default_rng(seed)
    moments, own = remembered(rng)
    assert drifting.changed(latest(rng.normal(size=(200, D))), moments, own, *PLACE) == []


@pytest.mark.parametrize("seed", range(10))
def test_heavy_tails_are_no_change(seed):
    rng = np.random.default_rng(seed)
    moments = Moments(np.ones(2_000), rng.standard_t(4, (2_000, D)), np.zeros((2_000, D)))
    assert drifting.changed(latest(rng.standard_t(4, (200, D))), moments, np.zeros(2_000, int), *PLACE) == []


@pytest.mark.parametrize("change", [lambda X: X + 0.7, lambda X: X * 2.0, lambda X: X + np.where(X[:, :1] > 0, 2, -2)])
def test_moves_growth_and_parting_are_changes(change):
    rng = np.random.default_rng(3)
    moments, own = remembered(rng)
    assert drifting.changed(latest(change(rng.normal(size=(100, D)))), moments, own, *PLACE) == [0]


def test_few_events_say_nothing():
    rng = np.random.default_rng(4)
    moments, own = remembered(rng)
    assert drifting.changed(latest(rng.normal(9, 1, (drifting.FEW - 1, D))), moments, own, *PLACE) == []


def test_what_a_moving_cluster_left_is_spent_and_what_stands_is_not():
    rng = np.random.default_rng(5)
    mean = np.concatenate([rng.normal(0, 0.3, (20, 2)), np.linspace(0, 9, 20)[:, None] + np.zeros(2)])
    own = np.repeat([0, 1], 20)
    recent = np.concatenate([np.full(20, 1.5), np.linspace(0.0, 4.0, 20) ** 2])
    left = trails.spent(Moments(np.full(40, 12.0), mean, np.full((40, 2), 0.1)), recent, own, np.full(2, 0.02))
    assert not left[:20].any()
    assert left[20:24].all()
    assert not left[-8:].any()
    unsettled = trails.spent(
        Moments(np.full(40, 12.0), mean, np.full((40, 2), 0.1)), recent, -1 - own, np.full(2, 0.02)
    )
    assert not unsettled.any()
