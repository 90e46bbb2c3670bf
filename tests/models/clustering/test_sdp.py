import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from driftline.models.clustering import sdp
from driftline.models.clustering.kmeans import kmeans
from driftline.models.clustering.planted_mixtures import error, snapshot, two_close_pairs
from driftline.models.clustering.points import points


def drawn(seed, m, d=3, weighted=True, spread=1.0):
    rng = np.random.default_rng(seed)
    x = spread * rng.standard_normal((m, d))
    if not weighted:
        return points(x)
    return points(x, rng.lognormal(1.0, 1.0, m), rng.exponential(0.3, (m, d)))


def reference(a, s, k):
    """Solve by another way: Z = ssᵀ/N + W Wᵀ, W orthogonal to s and of norm √(k - 1), by L-BFGS.

    Entries are kept above 0 by an augmented Lagrangian. Returns the objective, less what violates the sign, and the
    dual bound of its multipliers, which does not depend on how good they are.
    """
    m = len(s)
    base = np.outer(s, s) / (s @ s)
    basis = np.linalg.svd(s[None])[2][1:].T
    scale = np.abs(a).max()
    c = a / scale
    upper, mu = np.zeros((m, m)), 1.0

    def matrix(flat):
        w = flat.reshape(m - 1, -1)
        norm = np.sqrt((w**2).sum())
        w = w * np.sqrt(k - 1) / norm
        return base + basis @ w @ w.T @ basis.T, w, norm

    def loss(flat):
        z, w, norm = matrix(flat)
        price = np.maximum(upper - mu * z, 0.0)
        inner = basis.T @ (-c - price) @ basis
        gradient = 2.0 * inner @ w
        gradient = (gradient - w * (gradient * w).sum() / (k - 1)) * np.sqrt(k - 1) / norm
        return -(c * z).sum() + (price**2).sum() / (2.0 * mu), gradient.ravel()

    rng = np.random.default_rng(0)
    flat = rng.standard_normal((m - 1) * (m - 1))
    for _ in range(100):
        # Columns that have vanished have no gradient, though they may be needed again.
        flat = flat / np.linalg.norm(flat) + 1e-2 * rng.standard_normal(len(flat))
        flat = minimize(loss, flat, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 0.0, "gtol": 1e-9}).x
        z = matrix(flat)[0]
        upper = np.maximum(upper - mu * z, 0.0)
        mu = min(mu * 1.5, 100.0)
        if np.abs(np.minimum(z, upper)).max() < 1e-7:
            break
    top = np.linalg.eigvalsh(basis.T @ (c + upper) @ basis)[-1]
    bound = ((c + upper) * base).sum() + (k - 1) * top
    assert z.min() > -1e-5
    return scale * (c * z).sum(), scale * bound


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
def test_a_reference_solver_and_its_dual_bound_agree(seed, weighted):
    p, k = drawn(seed, 9 + seed, weighted=weighted), 2 + seed
    a = sdp.affinity(p)
    value, bound = reference(a, p.s, k)
    assert bound - value < 1e-4 * abs(value)
    close = sdp.peng_wei(p, k, tolerance=1e-7, steps=5000)
    assert close.objective == pytest.approx(value, rel=1e-4)
    assert close.bound == pytest.approx(value, rel=1e-4)
    assert value < close.bound + 1e-5 * abs(value)
    assert close.objective < bound + 1e-5 * abs(value)
    assert sdp.peng_wei(p, k).objective == pytest.approx(value, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 4))
def test_the_affine_projection_is_feasible_and_orthogonal(seed, m, blocks):
    rng = np.random.default_rng(seed)
    s = np.sqrt(rng.lognormal(size=m))
    some = rng.standard_normal((2, blocks, m, m))
    some = some + some.transpose(0, 1, 3, 2)
    z, other = (sdp.affine(part, s, 1.5)[0] for part in some)
    for feasible in (z, other):
        assert feasible.sum(axis=0) @ s == pytest.approx(s, abs=1e-9)
        assert feasible.trace(axis1=1, axis2=2) == pytest.approx(np.full(blocks, 1.5), abs=1e-9)
    assert ((some[0] - z) * (other - z)).sum() == pytest.approx(0.0, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 30), st.integers(1, 5))
def test_the_objective_of_a_partition_is_minus_its_inertia(seed, m, k):
    p = drawn(seed, m)
    labels = np.random.default_rng(seed).integers(0, k, m)
    inertia = 0.0
    for g in set(labels.tolist()):
        x, w = p.x[labels == g], p.weight[labels == g]
        inertia += (w * ((x - np.average(x, axis=0, weights=w)) ** 2 + p.within[labels == g]).sum(axis=1)).sum()
    y = sdp.membership(labels, p.weight, k).sum(axis=0)
    assert (y * sdp.affinity(p)).sum() == pytest.approx(-inertia, rel=1e-9, abs=1e-9)
    assert y @ p.s == pytest.approx(p.s)
    assert np.trace(y) == pytest.approx(len(set(labels.tolist())))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(3, 25), st.integers(1, 3), st.integers(1, 60))
def test_no_partition_is_above_the_bound_however_few_the_steps(seed, m, k, steps):
    p = drawn(seed, m)
    solution = sdp.peng_wei(p, k, steps=steps)
    assert solution.steps <= steps
    assert -kmeans(p, k, seed=seed).inertia <= solution.bound + 1e-9 * abs(solution.bound)


def feasible(y, s, trace):
    assert (y @ s) == pytest.approx(s, abs=1e-3 * np.sqrt(s @ s / len(s)))
    assert np.trace(y) == pytest.approx(trace, abs=1e-3)
    assert np.linalg.eigvalsh(y)[0] > -1e-3
    assert y.min() >= 0.0


@pytest.mark.parametrize("seed", range(2))
def test_the_solution_is_feasible(seed):
    feasible(sdp.peng_wei(points(two_close_pairs(seed)[0]), 4).y[0], np.ones(84), 4)
    found = snapshot(seed, 0.7)
    p = points(*found[1::-1], found[2])
    feasible(sdp.peng_wei(p, 5).y[0], p.s, 5)


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_stands_for_copies(seed):
    rng = np.random.default_rng(seed)
    w = rng.integers(1, 4, 12)
    close = {"tolerance": 1e-6, "steps": 3000}
    far = np.repeat(20.0 * np.eye(3), 4, axis=0) + rng.standard_normal((12, 3))
    weighted = sdp.peng_wei(points(far, w), 3, **close)
    copies = sdp.peng_wei(points(np.repeat(far, w, axis=0)), 3, **close)
    assert weighted.objective == pytest.approx(copies.objective, rel=1e-3)
    near = rng.standard_normal((12, 3))
    weighted = sdp.peng_wei(points(near, w), 3, **close)
    copies = sdp.peng_wei(points(np.repeat(near, w, axis=0)), 3, **close)
    assert copies.objective >= weighted.objective - 1e-4 * abs(weighted.objective)


def test_variances_within_only_lower_the_objective():
    p = drawn(1, 15)
    with_them, without = sdp.peng_wei(p, 3), sdp.peng_wei(p._replace(within=0.0 * p.within), 3)
    assert without.objective - with_them.objective == pytest.approx(p.weight @ p.within.sum(axis=1), rel=1e-2)
    assert np.array_equal(sdp.rounded(with_them.y[0], p, 3), sdp.rounded(without.y[0], p, 3))


def test_close_pairs_are_told_apart_where_one_start_is_trapped():
    found = {"sdp": [], "k-means++": [], "once": []}
    for seed in range(8):
        x, labels = two_close_pairs(seed)
        p = points(x)
        found["sdp"].append(error(sdp.rounded(sdp.peng_wei(p, 4).y[0], p, 4), labels))
        found["k-means++"].append(error(kmeans(p, 4).labels, labels))
        found["once"].append(error(kmeans(p, 4, starts=1, spread=False, seed=seed).labels, labels))
    mean = {name: np.mean(errors) for name, errors in found.items()}
    assert np.mean(found["sdp"][:4]) <= 0.045
    assert mean["sdp"] <= mean["k-means++"] + 0.005
    assert mean["sdp"] < mean["once"] - 0.1


@pytest.mark.parametrize("k", [1, 2, 5])
def test_few_points_and_equal_points(k):
    p = points(np.zeros((5, 2)))
    solution = sdp.peng_wei(p, k)
    assert solution.objective == pytest.approx(0.0, abs=1e-9)
    assert solution.bound == pytest.approx(0.0, abs=1e-3)
    apart = points(np.arange(5.0)[:, None] ** 2)
    assert len(set(sdp.rounded(sdp.peng_wei(apart, k).y[0], apart, k).tolist())) == k
    alone = sdp.peng_wei(points([[3.0]]), 1)
    assert alone.y.tolist() == [[[1.0]]]
    assert alone.converged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[np.nan]],), r"x\[0\] must be finite"),
        (([1.0, 2.0],), r"x must be \(m, d\)"),
        ((np.zeros((301, 1)),), "at most 300 rows, got 301"),
        ((np.zeros((151, 1)), np.ones(151)), "at most 150 rows, got 151"),
        (([[1.0]], [0.0]), r"weight\[0\] must be above 0"),
        (([[1.0]], [1.0, 2.0]), "weight must have shape"),
        (([[1.0]], [1.0], [[-1.0]]), r"within\[0\] must be at least 0"),
        (([[1.0]], [1.0], [[1.0, 2.0]]), "within must have the shape of x"),
    ],
)
def test_what_does_not_fit_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        points(*arguments)


def test_counts_and_tolerances_are_checked():
    p = points([[0.0], [1.0]])
    with pytest.raises(ValueError, match="k must be from 1 to the number of points, 2, got 3"):
        sdp.peng_wei(p, 3)
    with pytest.raises(ValueError, match="steps must be at least 1"):
        sdp.peng_wei(p, 2, steps=0)
    with pytest.raises(ValueError, match="tolerance must be above 0"):
        sdp.peng_wei(p, 2, tolerance=0.0)
