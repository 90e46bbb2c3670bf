"""Weights from inner products give the very sum that projecting vectors gives."""

import numpy as np

from driftline.models.training.pcgrad import PCGrad


def projected_sum(gradients, orders):
    """Algorithm 1 on the vectors themselves."""
    found = np.zeros(gradients.shape[1])
    for i, order in zip(range(len(gradients)), orders, strict=True):
        own = gradients[i].copy()
        for j in order:
            conflict = own @ gradients[j]
            if j != i and conflict < 0:
                own -= conflict / (gradients[j] @ gradients[j]) * gradients[j]
        found += own
    return found


def weights(gradients, orders):
    given, k = iter(orders), len(gradients)
    return PCGrad().weights(np.ones(k), np.full(k, 1 / k), lambda: gradients @ gradients.T, lambda n: next(given))


def test_the_weighed_sum_is_the_projected_sum():
    rng = np.random.default_rng(0)
    conflicts = 0
    for _ in range(100):
        gradients = rng.normal(size=(5, 7)) + 0.2
        orders = [rng.permutation(5) for _ in range(5)]
        found = weights(gradients, orders)
        np.testing.assert_allclose(found @ gradients, projected_sum(gradients, orders), atol=1e-9)
        conflicts += not np.allclose(found, 1.0)
    assert conflicts > 50


def test_gradients_without_conflict_are_added_up():
    gradients = np.abs(np.random.default_rng(1).normal(size=(4, 5)))
    assert weights(gradients, [np.arange(4)] * 4).tolist() == [1.0] * 4


def test_an_interval_without_rows_takes_no_part():
    gradients = np.array([[1.0, 0.0], [0.0, 0.0], [-0.5, 1.0]])
    found = PCGrad().weights(
        np.array([1.0, np.nan, 1.0]), np.array([0.5, 0.0, 0.5]), lambda: gradients @ gradients.T, np.arange
    )
    assert found[1] == 0.0
    np.testing.assert_allclose(found[[0, 2]] @ gradients[[0, 2]], projected_sum(gradients[[0, 2]], [[0, 1]] * 2))
