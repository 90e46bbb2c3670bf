"""Clustering as a semidefinite program, over membership matrices instead of centroids, and its solver.

The program of Peng and Wei for points x_i with weights w_i, s_i = √w_i: find the symmetric Y that maximises ⟨Y, A∘ssᵀ⟩
with A_ij = -½(‖x_i - x_j‖² + the variances within i and j), where Y s = s, tr Y = k, Y ⪰ 0 and Y ≥ 0. A partition is
the Y with s_i s_j / (weight of the group) where i and j share a group, and its objective is minus the inertia of
k-means; but the program is convex: there is no start to get stuck at. With all weights 1 it is the plain program.

The solver is ADMM on three copies of Y, one in the affine space, one semidefinite, one not negative. It solves any
number of such matrices together, each with its own trace, whose products with s sum to s.

References
----------
Peng and Wei, "Approximating k-means-type clustering via semidefinite programming", SIAM J. Optimization 18, 2007.
Boyd et al., "Distributed optimization and statistical learning via ADMM", 2011: residuals, over-relaxation by 1.6.

"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering.kmeans import kmeans
from driftline.models.clustering.points import Points, check_k
from driftline.models.parameters import at_least, positive

STEPS = 400
TOLERANCE = 5e-6
RELAX = 1.6


class Solution(NamedTuple):
    """Membership matrices, and what is sure of them."""

    y: Array
    """(B, m, m), not negative; its other constraints hold up to the tolerance."""
    objective: float
    bound: float
    """No matrices that meet the constraints have a larger objective: a dual bound, whatever the steps were."""
    steps: int
    converged: bool

    @property
    def decompositions(self) -> int:
        """Return the eigendecompositions (m, m) that it took."""
        return self.steps * len(self.y)


def affine(y: Array, s: Array, trace: float) -> tuple[Array, Array]:
    """Project symmetric matrices onto those with Σ_b Y_b s = s and the given trace each.

    Parameters
    ----------
    y
        (B, m, m), m at least 2.
    s
        (m,) square roots of the weights.
    trace
        Of each matrix.

    Returns
    -------
    The nearest matrices (B, m, m), and the u (m,) of the difference u sᵀ + s uᵀ + t_b I.

    >>> z, _ = affine(np.zeros((2, 3, 3)), np.ones(3), 1.0)
    >>> z.sum(axis=(0, 2)).round(12).tolist(), z.trace(axis1=1, axis2=2).round(12).tolist()
    ([1.0, 1.0, 1.0], [1.0, 1.0])
    """
    blocks, m, _ = y.shape
    n = s @ s
    rows = y.sum(axis=0) @ s
    missing = trace - y.trace(axis1=1, axis2=2)  # (B,)
    us = (m * (1.0 - s @ rows / n) - missing.sum()) / (2.0 * blocks * (m - 1))
    t = (missing - 2.0 * us) / m
    u = (s - rows - s * (blocks * us + t.sum())) / (blocks * n)
    outer = np.outer(u, s)
    z = y + (outer + outer.T)
    z[:, np.arange(m), np.arange(m)] += t[:, None]
    return z, u


def solve(a: Array, s: Array, trace: float, tolerance: float = TOLERANCE, steps: int = STEPS) -> Solution:
    """Maximise Σ_b ⟨Y_b, A_b⟩ where Σ_b Y_b s = s, each Y_b has the given trace, Y_b ⪰ 0 and Y_b ≥ 0.

    Parameters
    ----------
    a
        (B, m, m) symmetric.
    s
        (m,) square roots of the weights.
    trace
        Of each matrix.
    tolerance
        Times m is what both residuals (Frobenius norms) fall below at the end, `a` being scaled to at most 1.
    steps
        The most; each costs an eigendecomposition (m, m) of every matrix.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> a = -np.array([[[0.0, 1.0, 9.0], [1.0, 0.0, 9.0], [9.0, 9.0, 0.0]]])
    >>> solution = solve(a, np.ones(3), 2.0)
    >>> (solution.y[0].round(2) + 0.0).tolist()
    [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    >>> round(solution.bound, 2)
    -1.0
    """
    at_least(1, steps=steps)
    positive(tolerance=tolerance)
    blocks, m, _ = a.shape
    if m == 1:
        y = np.full((blocks, 1, 1), 1.0 / blocks)
        value = float((a * y).sum())
        return Solution(y, value, value, 0, True)
    s = s / np.sqrt((s @ s) / m)  # Y does not depend on the scale of s; the multipliers do
    scale = np.abs(a).max() or 1.0
    a = a / scale
    rho = m / ((5.0 if blocks == 1 else 10.0) * blocks * trace)
    p = q = dual_p = dual_q = np.zeros_like(a)
    step, converged = 0, False
    while step < steps and not converged:
        step += 1
        y, u = affine(0.5 * (p - dual_p + q - dual_q) + a / (2.0 * rho), s, trace)
        before = p + q
        dual_p = dual_p + RELAX * y + (1.0 - RELAX) * p
        dual_q = dual_q + RELAX * y + (1.0 - RELAX) * q
        p, q = _semidefinite(dual_p), np.maximum(dual_q, 0.0)
        dual_p, dual_q = dual_p - p, dual_q - q
        primal = np.sqrt(((y - p) ** 2).sum() + ((y - q) ** 2).sum())
        converged = max(primal, rho * np.linalg.norm(p + q - before)) < tolerance * m
    bound = _bound(a, s, trace, -4.0 * rho * u, np.maximum(-rho * dual_q, 0.0))
    return Solution(q, float(scale * (a * q).sum()), float(scale * bound), step, bool(converged))


def peng_wei(points: Points, k: int, tolerance: float = TOLERANCE, steps: int = STEPS) -> Solution:
    """Solve the program of Peng and Wei for `k` groups; see `solve`.

    >>> from driftline.models.clustering.points import points
    >>> peng_wei(points([[0.0], [2.0], [9.0]], weight=[1.0, 1.0, 3.0]), 2).y[0].round(2)[0].tolist()
    [0.5, 0.5, 0.0]
    """
    check_k(k, len(points.x))
    return solve(affinity(points)[None], points.s, float(k), tolerance, steps)


def affinity(points: Points) -> Array:
    """Return A∘ssᵀ (m, m)."""
    x = points.x - points.x.mean(axis=0)
    square = (x**2).sum(axis=1)
    far = np.maximum(square[:, None] + square - 2.0 * x @ x.T, 0.0)
    np.fill_diagonal(far, 0.0)
    within = points.within.sum(axis=1)
    a: Array = -0.5 * (far + within[:, None] + within) * np.outer(points.s, points.s)
    return a


def membership(labels: Array, weight: Array, k: int) -> Array:
    """Return the matrices of a partition (k, m, m), whose sum is the Y of one matrix; 0 for an empty group.

    >>> membership(np.array([0, 0, 1]), np.ones(3), 2).sum(axis=0).tolist()
    [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    v = (labels == np.arange(k)[:, None]) * np.sqrt(weight)
    y: Array = v[:, :, None] * v[:, None] / np.maximum((v**2).sum(axis=1), 1e-300)[:, None, None]
    return y


def rounded(y: Array, points: Points, k: int, starts: int = 10, seed: int | Sequence[int] = 0) -> Array:
    """Return the partition (m,) that a membership matrix (m, m) is nearest to.

    That is k-means on the rows of the leading `k` eigenvectors times their eigenvalues, in units of s.

    >>> from driftline.models.clustering.points import points
    >>> x = points([[0.0], [2.0], [9.0]])
    >>> labels = rounded(peng_wei(x, 2).y[0], x, 2)
    >>> labels[0] == labels[1] != labels[2]
    np.True_
    """
    value, vector = np.linalg.eigh(0.5 * (y + y.T))
    rows = vector[:, -k:] * value[-k:] / points.s[:, None]
    return kmeans(Points(rows, points.weight, np.zeros_like(rows)), k, starts, seed=seed).labels


def _semidefinite(y: Array) -> Array:
    value, vector = np.linalg.eigh(y)
    part: Array = (vector * np.maximum(value, 0.0)[:, None]) @ np.swapaxes(vector, 1, 2)
    return part


def _bound(a: Array, s: Array, trace: float, v: Array, n: Array) -> float:
    """Return the dual bound vᵀs + Σ_b trace λ_max(A_b + N_b - ½(v sᵀ + s vᵀ)), valid for any v and any N ≥ 0."""
    outer = 0.5 * np.outer(v, s)
    largest = np.linalg.eigvalsh(a + n - (outer + outer.T))[:, -1]
    return float(v @ s + trace * largest.sum())
