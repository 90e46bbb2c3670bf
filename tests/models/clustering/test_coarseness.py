import numpy as np
from sklearn.metrics import silhouette_score

from driftline.models.clustering import coarseness


def test_the_silhouette_is_that_of_the_points():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (40, 3)), rng.normal(4, 1, (60, 3))])
    labels = np.repeat([0, 1], [40, 60])
    apart = np.sqrt(((X[:, None] - X) ** 2).sum(axis=2))
    ours = coarseness.silhouette(np.ones(100), apart, labels)
    assert abs(ours - silhouette_score(X, labels)) < 0.02  # theirs leaves the point itself out of its own mean


def test_pieces_of_one_are_joined_where_something_lies_far_from_all():
    rng = np.random.default_rng(1)
    mean = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(15, 0.5, (10, 2))])
    labels = np.concatenate([np.arange(60) % 6, np.full(10, 6)])
    found = coarseness.choose(np.full(70, 5.0), mean, np.full((70, 2), 0.05), labels)
    assert found.max() == 1
    assert len(set(found[:60])) == 1


def test_clusters_that_stand_apart_are_kept():
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(5), 12)
    mean = 6.0 * rng.normal(size=(5, 4))[labels] + 0.3 * rng.normal(size=(60, 4))
    found = coarseness.choose(np.ones(60), mean, np.full((60, 4), 0.05), labels)
    assert np.array_equal(found, labels)


def test_one_cluster_stays_one():
    assert coarseness.choose(np.ones(3), np.eye(3), np.ones((3, 3)), np.zeros(3, int)).tolist() == [0, 0, 0]


def test_a_little_better_is_not_enough():
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 14.0], [5.0, 14.0]])
    labels = np.repeat(np.arange(4), 15)
    mean = centres[labels] + 0.4 * rng.normal(size=(60, 2))
    given = np.ones(60), mean, np.full((60, 2), 0.3)
    assert coarseness.choose(*given, labels, plainly=0.0).max() == 1
    assert coarseness.choose(*given, labels).max() == 3


def rare_beside_pieces(away):
    """Return micro-clusters of two wide groups in three pieces each, far apart, and of a rare one near the first."""
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(7), 12)
    centres = np.array([[0, 0], [2, 0], [1, 2], [40, 0], [42, 0], [41, 2], [1, away]], float)
    w = np.where(labels == 6, 1.0, 60.0)
    return w, centres[labels] + 0.5 * rng.normal(size=(84, 2)), np.full((84, 2), 0.05), labels


def test_few_that_stand_apart_are_not_joined_with_many():
    *given, labels = rare_beside_pieces(12.0)
    found = coarseness.choose(*given, labels)
    assert len(set(found[labels < 3])) == len(set(found[(labels >= 3) & (labels < 6)])) == 1
    assert set(found[labels == 6]).isdisjoint(found[labels < 6])


def test_few_that_do_not_stand_apart_are_joined():
    *given, labels = rare_beside_pieces(2.5)
    found = coarseness.choose(*given, labels)
    assert set(found[labels == 6]) <= set(found[labels < 3])
