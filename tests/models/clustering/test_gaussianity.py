import numpy as np
import pytest

from driftline.models.clustering import DriftClusterer, event_streams
from driftline.models.clustering.agreement import adjusted_rand
from driftline.models.clustering.gaussianity import FEW, correlated, fit
from driftline.models.clustering.macros import Macros

ALL = np.ones(3, bool)


def two(seed, draw, apart=6.0, n=400):
    """Return events of two clusters, the second three times as rare, and the clusters with their true moments."""
    rng = np.random.default_rng(seed)
    second = rng.random(n) < 0.25
    Z = draw(rng, (n, 3))
    Z[second, 0] += apart
    mean = np.array([[0.0, 0.0, 0.0], [apart, 0.0, 0.0]])
    return Z, second, Macros(np.array([0, 1]), np.array([750.0, 250.0]), mean, np.ones((2, 3)))


DRAWN = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential": lambda rng, shape: rng.exponential(1.0, shape) - 1.0,
    "uniform": lambda rng, shape: rng.uniform(-(3.0**0.5), 3.0**0.5, shape),
    "heavy": lambda rng, shape: rng.standard_t(3, shape) / 3.0**0.5,
}


@pytest.mark.parametrize("apart", [1.5, 6.0])
def test_gaussians_pass_also_where_they_overlap(apart):
    passed = [
        fit(two(seed, DRAWN["normal"], apart)[2], two(seed, DRAWN["normal"], apart)[0], ALL) for seed in range(40)
    ]
    assert np.mean(passed) > 0.9


@pytest.mark.parametrize("kind", ["exponential", "uniform", "heavy"])
def test_others_of_the_same_moments_do_not(kind):
    passed = [fit(two(seed, DRAWN[kind])[2], two(seed, DRAWN[kind])[0], ALL) for seed in range(20)]
    assert np.mean(passed) < 0.1


def test_features_that_go_together_do_not():
    Z, _, one = two(0, DRAWN["normal"])
    Z[:, 2] = Z[:, 1]
    assert not fit(one, Z, ALL)


def test_few_events_and_constant_ones_tell_nothing():
    Z, _, clusters = two(0, DRAWN["normal"])
    assert not fit(clusters, Z[: FEW - 1], ALL)
    assert not fit(clusters, Z, ~ALL)


@pytest.mark.parametrize("d", [2, 4, 8])
def test_pieces_of_a_long_gaussian_are_told_from_two_clusters(d):
    rng = np.random.default_rng(d)
    n, floor = 600, np.full(d, 0.02)
    long = 2.0 * rng.normal(size=(n, 1)) + 0.3 * rng.normal(size=(n, d))
    apart = rng.normal(size=(n, d)) + 4.0 * (np.arange(n) % 20 == 0)[:, None] * np.eye(d)[0]
    cut = (long[:, 0] > 0.0).astype(np.int64)
    assert correlated(np.ones(n), long, np.zeros((n, d)), cut, floor)
    assert not correlated(np.ones(n), apart, np.zeros((n, d)), (np.arange(n) % 20 == 0).astype(np.int64), floor)
    order = rng.permutation(n)
    assert correlated(np.ones(n), long[order], np.zeros((n, d)), 1 - cut[order], floor)


def test_more_features_than_the_penalty_counts_are_not_looked_at():
    rng = np.random.default_rng(0)
    long = 2.0 * rng.normal(size=(600, 1)) + 0.3 * rng.normal(size=(600, 17))
    cut = (long[:, 0] > 0.0).astype(np.int64)
    assert correlated(np.ones(600), long[:, :16], np.zeros((600, 16)), cut, np.full(16, 0.02))
    assert not correlated(np.ones(600), long, np.zeros((600, 17)), cut, np.full(17, 0.02))


@pytest.mark.parametrize("seed", [0, 103])
def test_rare_gaussians_are_not_joined_with_common_ones(seed):
    stream = event_streams.unequal(6_000, 4, seed, 100.0)
    model = DriftClusterer()
    ids = model.prequential_many(stream.X)[3_000:]
    common = [np.bincount(ids[stream.labels[3_000:] == label]).argmax() for label in range(4)]
    assert len(set(common)) == 4


def test_two_that_overlap_are_no_pieces_of_one():
    """Two of six are 2.8 deviations apart, and one Gaussian explains them hardly better: all six were joined for it."""
    stream = event_streams.unequal(10_000, 4, 323, 10.0)
    ids = DriftClusterer().prequential_many(stream.X[:6_000])[3_000:]
    assert adjusted_rand(stream.labels[3_000:6_000], ids) > 0.75
