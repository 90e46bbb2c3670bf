import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from driftline.models.transport import partial_ot, sinkhorn, symmetric_scaling, unbalanced_ot


def costs_of(seed, n, k, scale=1.0):
    logits = np.random.default_rng(seed).normal(0.0, 3.0, (n, k))
    return scale * (np.logaddexp.reduce(logits, axis=1)[:, None] - logits)


def plain_partial(cost, rho, prior, eps, gamma, rounds=60_000):
    """The paper's rounds on plain numbers: no logs, no momentum."""
    n, k = cost.shape
    kernel = np.exp(-np.column_stack([cost, np.zeros(n)]) / eps)
    wanted = np.append(rho * prior, 1.0 - rho)
    b = np.full(k + 1, 1.0 / (k + 1))
    for _ in range(rounds):
        a = (1.0 / n) / (kernel @ b)
        before, b = b, wanted / (kernel.T @ a)
        b[:k] **= gamma / (gamma + eps)
        if np.abs(b / before - 1.0).max() < 1e-13:
            break
    a = (1.0 / n) / (kernel @ b)
    return a[:, None] * kernel * b * n


shares = st.lists(st.floats(0.05, 1.0), min_size=1, max_size=8)
problems = st.tuples(st.integers(0, 2**32), st.integers(1, 40), shares, st.floats(0.02, 0.98), st.floats(0.1, 1.0))


@settings(max_examples=40, deadline=None)
@given(problems, st.floats(0.05, 10.0))
def test_partial_is_the_papers_plain_loop(problem, gamma):
    seed, n, weights, rho, eps = problem
    prior = np.array(weights) / sum(weights)
    cost = costs_of(seed, n, len(prior), scale=0.3)
    found = partial_ot(cost, rho, prior, eps, gamma, tol=1e-12, max_rounds=20_000)
    assert found.converged
    plain = plain_partial(cost, rho, prior, eps, gamma)
    assert np.isfinite(plain).all()
    np.testing.assert_allclose(np.column_stack([found.soft, found.sink]), plain, rtol=0, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(problems, st.sampled_from([0.1, 1.0, 10.0, math.inf]))
def test_rows_and_the_sink_are_exact_at_convergence(problem, gamma):
    seed, n, weights, rho, eps = problem
    prior = np.array(weights) / sum(weights)
    found = partial_ot(costs_of(seed, n, len(prior)), rho, prior, eps, gamma, tol=1e-7, max_rounds=20_000)
    assert found.converged
    rows = (found.soft.sum(axis=1) + found.sink) / n
    np.testing.assert_allclose(rows, 1.0 / n, rtol=0, atol=1e-8)
    assert abs(found.soft.sum() / n - rho) < 1e-6
    assert found.soft.min() >= 0.0
    assert found.sink.min() >= 0.0


@pytest.mark.parametrize("seed", range(5))
def test_at_default_tolerance_the_mass_is_exact_too(seed):
    for rho in (0.1, 0.5, 0.9, 0.999):
        found = partial_ot(costs_of(seed, 300, 10), rho)
        assert found.converged
        assert abs(found.soft.sum() / 300 - rho) < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_all_mass_and_stiff_columns_are_the_balanced_problem(seed):
    cost = costs_of(seed, 60, 6)
    balanced = sinkhorn(cost, tol=1e-10, max_rounds=10_000)
    stiff = partial_ot(cost, rho=1.0, gamma=1e6, tol=1e-10, max_rounds=10_000)
    np.testing.assert_allclose(stiff.soft / 60, balanced.plan, rtol=0, atol=1e-5)
    np.testing.assert_allclose(balanced.plan.sum(axis=0), 1 / 6, rtol=1e-8)
    assert not stiff.sink.any()
    # A share just below 1 goes there without a jump.
    nearly = partial_ot(cost, rho=1.0 - 1e-9, gamma=1e6, tol=1e-10, max_rounds=10_000)
    np.testing.assert_allclose(nearly.soft, stiff.soft, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_balanced_is_pots(seed):
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(seed)
    cost, mu, nu = rng.uniform(0, 5, (40, 7)), rng.dirichlet(np.ones(40)), rng.dirichlet(np.ones(7))
    theirs = ot.sinkhorn(mu, nu, cost, 0.2, method="sinkhorn_log", numItermax=20_000, stopThr=1e-12)
    np.testing.assert_allclose(sinkhorn(cost, mu, nu, 0.2, tol=1e-11, max_rounds=10_000).plan, theirs, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.1, 1.0, 20.0])
def test_unbalanced_is_pots(gamma):
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(3)
    cost, mu, nu = rng.uniform(0, 3, (40, 7)), rng.dirichlet(np.ones(40)), rng.dirichlet(np.ones(7))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ot.unbalanced.sinkhorn_unbalanced(
            mu, nu, cost, 0.2, (math.inf, gamma), reg_type="entropy", numItermax=100_000, stopThr=1e-14
        )
    ours = unbalanced_ot(cost, mu, nu, 0.2, gamma, tol=1e-12, max_rounds=10_000)
    np.testing.assert_allclose(ours.plan, theirs * (mu / theirs.sum(axis=1))[:, None], atol=1e-8)


@pytest.mark.parametrize("seed", range(10))
def test_without_entropy_it_is_the_hungarian_assignment(seed):
    cost = np.random.default_rng(seed).uniform(0, 1, (5, 5))
    rows, columns = linear_sum_assignment(cost)
    best = np.zeros((5, 5))
    best[rows, columns] = 1.0
    start = None
    for eps in (0.1, 0.03, 0.01, 3e-3, 1e-3):
        found = sinkhorn(cost, eps=eps, max_rounds=5000, start=None if start is None else start)
        start = found.start * 2.0  # the next eps is about a third: potentials in units of cost stay where they are
    gap = abs((found.plan * cost).sum() - cost[rows, columns].mean())
    assert gap < 2e-3
    np.testing.assert_array_equal((found.plan * 5).argmax(axis=1), columns)


@pytest.mark.parametrize("rho", [0.1, 0.6, 1.0])
def test_it_stays_finite_where_the_plain_loop_does_not(rho):
    cost = np.random.default_rng(0).uniform(100.0, 1000.0, (50, 7))
    with np.errstate(all="ignore"):
        plain = plain_partial(cost, rho, np.full(7, 1 / 7), 0.01, 1.0, rounds=50)
        one_sided = np.exp(-cost / 0.01)
    assert not one_sided.any()
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        found = partial_ot(cost, rho, eps=0.01)
        balanced = sinkhorn(cost, eps=0.01)
    assert not np.isfinite(plain).all() or not plain[:, :7].any()  # NaN, or all that was there is gone
    for answer in (found.soft, found.sink, found.start, balanced.plan, balanced.start):
        assert np.isfinite(answer).all()
    np.testing.assert_allclose(found.soft.sum(axis=1) + found.sink, 1.0, atol=1e-9)
    np.testing.assert_allclose(balanced.plan.sum(axis=1), 1 / 50, atol=1e-9)
    assert found.soft.sum() > 0.0


def test_the_answer_is_bounded_and_says_when_it_has_not_converged():
    cost = costs_of(0, 100, 8)
    short = partial_ot(cost, 0.5, max_rounds=3)
    assert (short.rounds, short.converged) == (3, False)
    np.testing.assert_allclose(short.soft.sum(axis=1) + short.sink, 1.0, atol=1e-12)
    assert partial_ot(cost, 0.5).rounds < 200


def test_a_warm_start_gives_the_same_answer_in_fewer_rounds():
    rng = np.random.default_rng(0)
    cost = costs_of(0, 250, 10)
    cold = partial_ot(cost, 0.9)
    near = cost + rng.normal(0, 0.01, cost.shape)
    again, fresh = partial_ot(near, 0.9, start=cold.start), partial_ot(near, 0.9)
    assert again.rounds < fresh.rounds
    np.testing.assert_allclose(again.soft, fresh.soft, atol=1e-5)
    assert partial_ot(cost, 0.9, start=cold.start).rounds <= 3
    assert sinkhorn(cost, start=sinkhorn(cost).start).rounds <= 3


def test_what_costs_least_goes_first_and_columns_bend_to_gamma():
    cost = costs_of(1, 200, 5)
    found = partial_ot(cost, 0.3, eps=0.02)
    assert np.corrcoef(cost.min(axis=1), found.sink)[0, 1] > 0.5
    skewed = np.array([0.6, 0.1, 0.1, 0.1, 0.1])
    off = [np.abs(partial_ot(cost, 0.8, skewed, gamma=g).soft.mean(axis=0) - 0.8 * skewed).sum() for g in (0.1, 1, 10)]
    assert off[0] > off[1] > off[2]
    exact = partial_ot(cost, 0.8, skewed, gamma=math.inf)
    np.testing.assert_allclose(exact.soft.mean(axis=0), 0.8 * skewed, rtol=1e-5)


def test_a_soft_sink_takes_what_is_far_and_not_a_fixed_share():
    cost = np.tile([0.1, 2.0], (100, 1))
    sink_cost = np.full(100, 4.0)
    assert partial_ot(cost, 0.9, sink_cost=sink_cost).sink.mean() == pytest.approx(0.1, abs=1e-6)
    assert partial_ot(cost, 0.9, sink_cost=sink_cost, sink_gamma=1.0).sink.mean() < 0.01
    cost[:30] += 8.0
    sink_cost[:30] = 0.0
    soft = partial_ot(cost, 0.9, sink_cost=sink_cost, sink_gamma=1.0)
    assert soft.sink[:30].min() > 0.9
    assert soft.sink[30:].max() < 0.1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(-50, 50))
def test_a_shift_of_a_whole_row_sink_included_changes_nothing(seed, by):
    cost = costs_of(seed, 20, 4)
    shift = np.linspace(-by, by, 20)
    before = partial_ot(cost, 0.5, tol=1e-10, max_rounds=5000)
    after = partial_ot(cost + shift[:, None], 0.5, sink_cost=shift, tol=1e-10, max_rounds=5000)
    np.testing.assert_allclose(after.soft, before.soft, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.sampled_from([0.5, 0.1, 0.05]))
def test_symmetric_scaling_is_doubly_stochastic(seed, n, eta):
    z = np.random.default_rng(seed).normal(size=(n, 3))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    kernel = np.exp(z @ z.T / eta)
    found = symmetric_scaling(kernel)
    assert found.converged
    np.testing.assert_array_equal(found.plan, found.plan.T)
    np.testing.assert_allclose(found.plan.sum(axis=1), 1.0, atol=1e-6)
    assert found.plan.min() >= 0.0
    assert symmetric_scaling(kernel, start=found.start).rounds == 1


def test_what_is_given_is_not_changed():
    cost = costs_of(0, 10, 3)
    prior, start, kept = np.full(3, 1 / 3), np.zeros(4), cost.copy()
    partial_ot(cost, 0.5, prior, start=start)
    sinkhorn(cost)
    np.testing.assert_array_equal(cost, kept)
    assert not start.any()
    assert (prior == 1 / 3).all()


GOOD = np.ones((4, 3))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: partial_ot(np.ones(3), 0.5), "cost must have two dimensions"),
        (lambda: partial_ot(np.ones((0, 3)), 0.5), "cost must have two dimensions"),
        (lambda: partial_ot([[np.nan, 1.0]], 0.5), "cost must be finite"),
        (lambda: partial_ot(GOOD, 0.0), r"rho must be in \(0, 1\], got 0.0"),
        (lambda: partial_ot(GOOD, math.nan), "rho must be"),
        (lambda: partial_ot(GOOD, 0.5, [0.5, 0.5]), r"prior must have the shape \(3,\)"),
        (lambda: partial_ot(GOOD, 0.5, [0.5, 0.5, 0.0]), "prior must be above 0 and finite.*floor"),
        (lambda: partial_ot(GOOD, 0.5, [1.0, 1.0, 1.0]), "prior must have the sum 1.*divide"),
        (lambda: partial_ot(GOOD, 0.5, eps=0.0), "eps must be above 0"),
        (lambda: partial_ot(GOOD, 0.5, gamma=0.0), "gamma must be in"),
        (lambda: partial_ot(GOOD, 0.5, sink_gamma=-1.0), "sink_gamma must be in"),
        (lambda: partial_ot(GOOD, 0.5, sink_cost=[1.0, 2.0]), "sink_cost must be finite, a number or of shape"),
        (lambda: partial_ot(GOOD, 0.5, max_rounds=0), "max_rounds must be at least 1"),
        (lambda: partial_ot(GOOD, 0.5, tol=0.0), "tol must be above 0"),
        (lambda: partial_ot(GOOD, 0.5, start=np.zeros(3)), r"start must be finite and of the shape \(4,\)"),
        (lambda: sinkhorn(GOOD, nu=[1.0, 1.0, 1.0]), "mu and nu must have equal sums.*scale"),
        (lambda: unbalanced_ot(GOOD, mu=[1.0]), r"mu must have the shape \(4,\)"),
        (lambda: symmetric_scaling(GOOD), "kernel must be symmetric"),
        (lambda: symmetric_scaling([[1.0, 2.0], [0.0, 1.0]]), "kernel must be symmetric"),
        (lambda: symmetric_scaling([[0.0, 0.0], [0.0, 1.0]]), "kernel must be at least 0"),
    ],
)
def test_errors_say_what_and_what_to_do(call, says):
    with pytest.raises(ValueError, match=says):
        call()
