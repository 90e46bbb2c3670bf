import numpy as np
import pytest

from driftline.models.clustering import DriftClusterer, event_streams
from driftline.models.clustering.agreement import adjusted_rand
from driftline.models.clustering.gaussianity import FEW, Gaussians, correlated, fit, made

ALL = np.ones(3, bool)


def two(seed, draw, apart=6.0, n=400):
    """Return events of two clusters, the second three times as rare, and the clusters with their true moments."""
    rng = np.random.default_rng(seed)
    second = rng.random(n) < 0.25
    Z = draw(rng, (n, 3))
    Z[second, 0] += apart
    mean = np.array([[0.0, 0.0, 0.0], [apart, 0.0, 0.0]])
    return Z, second, Gaussians(np.array([750.0, 250.0]), mean, np.tile(np.eye(3), (2, 1, 1)))


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


def test_features_that_go_together_do_where_the_covariance_says_so():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(400, 1)) + 0.3 * rng.normal(size=(400, 3))
    pieces = (Z[:, 0] > 0.0).astype(np.int64)
    moments = np.ones(400), Z, np.zeros((400, 3))
    assert fit(made(*moments, 0 * pieces, np.full(3, 1e-4), pieces), Z, ALL)
    assert not fit(made(*moments, 0 * pieces, np.full(3, 1e-4), 0 * pieces), Z, ALL)


def test_what_clusters_are_made_of_is_their_moments():
    rng = np.random.default_rng(1)
    Z, w = rng.normal(size=(90, 3)), rng.uniform(1.0, 5.0, 90)
    labels = np.repeat([0, 1], [60, 30])
    found = made(w, Z, np.full((90, 3), 0.5), labels, np.zeros(3), np.repeat([0, 1, 2], 30))
    assert found.mass == pytest.approx([w[:60].sum(), w[60:].sum()])
    for a, full in enumerate([True, False]):
        of_it = labels == a
        covariance = np.cov(Z[of_it].T, aweights=w[of_it], ddof=0) * (np.ones((3, 3)) if full else np.eye(3))
        np.testing.assert_allclose(found.covariance[a], covariance + 0.5 * np.eye(3))


def piece(*moments):
    """Return how many clusters are left."""
    return int(correlated(*moments).max()) + 1


@pytest.mark.parametrize("d", [2, 4, 8])
def test_pieces_of_a_long_gaussian_are_told_from_two_clusters(d):
    rng = np.random.default_rng(d)
    n, floor = 600, np.full(d, 0.02)
    long = 2.0 * rng.normal(size=(n, 1)) + 0.3 * rng.normal(size=(n, d))
    apart = rng.normal(size=(n, d)) + 4.0 * (np.arange(n) % 20 == 0)[:, None] * np.eye(d)[0]
    cut = (long[:, 0] > 0.0).astype(np.int64)
    assert piece(np.ones(n), long, np.zeros((n, d)), cut, floor) == 1
    assert piece(np.ones(n), apart, np.zeros((n, d)), (np.arange(n) % 20 == 0).astype(np.int64), floor) == 2
    order = rng.permutation(n)
    assert piece(np.ones(n), long[order], np.zeros((n, d)), 1 - cut[order], floor) == 1


def test_pieces_of_two_long_gaussians_become_two():
    rng = np.random.default_rng(0)
    long = 2.0 * rng.normal(size=(600, 1)) + 0.3 * rng.normal(size=(600, 2))
    cut = (long[:, 0] > 0.0).astype(np.int64)
    both = np.concatenate([long, long + np.array([30.0, -30.0])])
    joined = correlated(np.ones(1_200), both, 0.0 * both, np.concatenate([2 * cut, 1 + 2 * cut]), np.full(2, 0.02))
    assert joined.tolist() == [0] * 600 + [1] * 600


def test_more_features_than_the_penalty_counts_are_not_looked_at():
    rng = np.random.default_rng(0)
    long = 2.0 * rng.normal(size=(600, 1)) + 0.3 * rng.normal(size=(600, 17))
    cut = (long[:, 0] > 0.0).astype(np.int64)
    assert piece(np.ones(600), long[:, :16], np.zeros((600, 16)), cut, np.full(16, 0.02)) == 1
    assert piece(np.ones(600), long, np.zeros((600, 17)), cut, np.full(17, 0.02)) == 2


def test_two_that_are_one_by_their_covariance_are_joined_alone():
    """Two of six are so near that one Gaussian explains both: once, all six were joined to two for it."""
    stream = event_streams.unequal(6_000, 4, 323, 10.0)
    model = DriftClusterer()
    ids = model.prequential_many(stream.X)[2_000:]
    assert adjusted_rand(stream.labels[2_000:], ids) > 0.7


@pytest.mark.parametrize("seed", [0, 103])
def test_rare_gaussians_are_not_joined_with_common_ones(seed):
    stream = event_streams.unequal(6_000, 4, seed, 100.0)
    model = DriftClusterer()
    ids = model.prequential_many(stream.X)[3_000:]
    common = [np.bincount(ids[stream.labels[3_000:] == label]).argmax() for label in range(4)]
    assert len(set(common)) == 4
