"""The last layer is Newton's step on a Gaussian prior, and answers no row by its neighbours."""

import numpy as np
import pytest

from driftline.models.clicks.last_layer import LastLayer


def test_one_batch_is_a_step_of_newton():
    rng = np.random.default_rng(0)
    x, offset, y = rng.normal(size=(50, 3)), rng.normal(size=50), (rng.random(50) < 0.5).astype(float)
    layer = LastLayer([1.0, 2.0, 3.0])
    layer.learn(x, offset, y)
    p = 1.0 / (1.0 + np.exp(-offset))
    hessian = np.diag([1.0, 2.0, 3.0]) + sum(q * (1 - q) * np.outer(row, row) for q, row in zip(p, x, strict=True))
    assert layer.weight == pytest.approx(np.linalg.solve(hessian, x.T @ (y - p)))


def test_many_steps_find_the_best_weights():
    """The same batch over and over, without fading: the maximum of the likelihood of all, a little towards 0."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4_000, 2))
    y = rng.random(4_000) < 1.0 / (1.0 + np.exp(-(x @ [1.0, -0.5])))
    layer = LastLayer([1e-3, 1e-3], memory=1.0)
    for _ in range(30):
        layer.learn(x, np.zeros(4_000), y)
    best = np.zeros(2)
    for _ in range(20):
        p = 1.0 / (1.0 + np.exp(-(x @ best)))
        best += np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (y - p))
    assert layer.weight == pytest.approx(best, abs=0.02)


def test_what_was_learnt_fades_and_says_nothing_at_last():
    layer = LastLayer([1.0], memory=0.5)
    layer.learn(np.ones((100, 1)), np.zeros(100), np.ones(100))
    assert layer.weight[0] > 0.9
    for _ in range(60):
        layer.learn(np.zeros((10, 1)), np.zeros(10), np.ones(10))
    assert abs(layer.weight[0]) < 1e-3


def test_an_answer_does_not_hang_on_what_stands_beside_it():
    rng = np.random.default_rng(2)
    layer = LastLayer([1.0] * 7)
    layer.weight = rng.normal(size=7)
    x = rng.normal(size=(100, 7))
    assert np.array_equal(layer(x), np.concatenate([layer(row[None]) for row in x]))
