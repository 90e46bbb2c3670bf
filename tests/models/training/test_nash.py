"""Weights of the bargain solve its equation, with few steps and no package."""

import numpy as np
import pytest
from scipy.optimize import minimize

from driftline.models.training.nash import Nash, solve


def inner(rng, k=5, size=9):
    gradients = rng.normal(size=(k, size)) * 10.0 ** rng.uniform(-2, 2, size=(k, 1))
    found = gradients @ gradients.T
    return found / np.linalg.norm(found) + 1e-4 * np.eye(k)


def test_solutions_solve_the_equation():
    rng = np.random.default_rng(0)
    for _ in range(200):
        here = inner(rng)
        found = solve(here)
        assert (found > 0).all()
        np.testing.assert_allclose(here @ found * found, 1.0, atol=1e-6)


def test_the_solution_is_the_least_of_the_convex_programme():
    rng = np.random.default_rng(1)
    for _ in range(5):
        here = inner(rng, k=3)
        best = minimize(
            lambda logs, a=here: 0.5 * np.exp(logs) @ a @ np.exp(logs) - logs.sum(), np.zeros(3), method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000},
        )  # fmt: skip
        np.testing.assert_allclose(solve(here), np.exp(best.x), rtol=1e-4)


def test_opposed_gradients_give_finite_weights():
    gradients = np.array([[1.0, 0.0], [-1.0, 0.0]])
    found = Nash(2).weights(np.ones(2), np.ones(2) / 2, lambda: gradients @ gradients.T, None)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(found[1])


def test_weights_are_found_anew_every_few_steps():
    nash, rng, asked = Nash(3, every=5), np.random.default_rng(2), []

    def gram():
        asked.append(1)
        return inner(rng, k=3)

    found = [nash.weights(np.ones(3), np.full(3, 1 / 3), gram, None) for _ in range(11)]
    assert len(asked) == 3
    assert all((found[i] == found[5 * (i // 5)]).all() for i in range(11))
    assert not (found[0] == found[5]).any()


def test_an_interval_without_rows_keeps_its_weight():
    nash, rng = Nash(3, every=1), np.random.default_rng(3)
    first = nash.weights(np.ones(3), np.full(3, 1 / 3), lambda: inner(rng, k=3), None)
    lacking = inner(rng, k=3)
    lacking[1], lacking[:, 1] = 0.0, 0.0
    second = nash.weights(np.array([1.0, np.nan, 1.0]), np.array([0.5, 0.0, 0.5]), lambda: lacking, None)
    assert second[1] == first[1]
    assert second[0] != first[0]


@pytest.mark.parametrize("start", [1e-3, 1.0, 30.0])
def test_steps_lead_to_the_solution_from_elsewhere_and_stay_above_0(start):
    rng = np.random.default_rng(4)
    for _ in range(20):
        here = inner(rng)
        for rounds in (1, 2, 3):
            assert (solve(here, np.full(5, start), rounds) > 0).all()
        np.testing.assert_allclose(solve(here, np.full(5, start), rounds=500), solve(here), rtol=1e-5)
