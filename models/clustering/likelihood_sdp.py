"""Clustering by semidefinite programs whose affinities are adjusted to the likelihood: groups may differ in shape.

For covariances Σ_k the program finds K membership matrices, each of trace 1, which maximise Σ_k ⟨Y_k, A_k∘ssᵀ⟩ with

    A_k(i, j) = -¼ ((x_i - x_j)ᵀ Σ_k⁻¹ (x_i - x_j) + tr Σ_k⁻¹(V_i + V_j)) - ½ log|Σ_k|,

where Σ_k Y_k s = s. At a partition that is its Gaussian log-likelihood with the means at their best, up to a constant;
no centroid appears. Covariances of the groups that were found make the next program, until the groups repeat.

Where all Σ_k are equal the K matrices may be any split of one: the program is that of Peng and Wei in the metric of
Σ_k, and is solved as such, at the cost of one matrix. Where they are nearly equal, the matrices' sum is rounded
instead of their row sums. Mixing weights do not enter: compare partitions by `mixture.score`.

Differs from the paper: the equations are Driftline's, from the idea; weights, variances within points, families of
covariances and both rounding rules are its own.

References
----------
Zhuang, Chen, Yang and Zhang, "Likelihood adjusted semidefinite programs for clustering heterogeneous data", ICML 2023.

"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from driftline.models.base import Array
from driftline.models.clustering import sdp
from driftline.models.clustering.points import Points, check_k, groups
from driftline.models.parameters import at_least, positive

Family: TypeAlias = Literal["full", "diag", "shared"]

SHRINKAGE = 1e-3
"""Of the mean variance, added to each."""
TOLERANCE = 2e-4
EVEN = 0.5
"""Row sums are nearly equal where the largest is, on average, less than this far from even to certain."""


class Clustering(NamedTuple):
    """A partition and where it comes from."""

    labels: Array
    """(m,) groups, from 0."""
    covariances: Array
    """(K, d, d) of the groups, by label."""
    y: Array
    """(K, m, m) the membership matrices of the last program, or (1, m, m) where it was one of one matrix."""
    method: Literal["ila-sdp", "sdp"]
    """What the partition is from; "sdp" where the deadline passed or no round was asked for."""
    rounds: int
    """Programs solved after the first."""
    decompositions: int
    """Eigendecompositions (m, m) that it took, all in all."""


def cluster(
    points: Points,
    k: int,
    covariance: Family = "full",
    start: npt.ArrayLike | None = None,
    plain: sdp.Solution | None = None,
    rounds: int = 5,
    steps: int = sdp.STEPS,
    tolerance: float = TOLERANCE,
    deadline: int | None = None,
    seed: int | Sequence[int] = 0,
) -> Clustering:
    """Cluster points by likelihood-adjusted programs.

    Parameters
    ----------
    points
        Weighted points.
    k
        How many groups.
    covariance
        Of each group its own, "full" or "diag"onal, or a full one "shared" by all.
    start
        (m,) groups to take the first covariances from; None for those of the plain program, which also replaces groups
        whose covariances do not differ by BIC: the chance differences of a random start would never be unlearnt.
    plain
        The solution of the plain program for `k`, if it is known.
    rounds
        The most programs after the plain one.
    steps, tolerance
        Of each program; see `sdp.solve`.
    deadline
        The most eigendecompositions (m, m) after the plain program, None for any number: it stands for a time, and
        keeps the answer the same on any machine. If they do not suffice, the plain program's partition is returned.
    seed
        What all chance comes from.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> from driftline.models.clustering.points import points
    >>> found = cluster(points([[0.0], [0.1], [0.2], [7.0], [9.0], [12.0]]), 2, "diag")
    >>> found.labels.tolist(), found.method
    ([0, 0, 0, 1, 1, 1], 'ila-sdp')
    """
    m = len(points.x)
    check_k(k, m)
    at_least(0, rounds=rounds, deadline=deadline or 0)
    at_least(1, steps=steps)
    positive(tolerance=tolerance)
    if covariance not in get_args(Family):
        raise ValueError(f"covariance must be one of {', '.join(get_args(Family))}, got {covariance!r}")
    labels = None
    if start is not None:
        labels = groups(start, m, "start")
        if labels.max() >= k:
            raise ValueError(f"start must have at most k = {k} groups, got {int(labels.max()) + 1}")
        if not _differ(points, labels, k, covariance):
            labels = None
    if labels is None:
        plain = plain or sdp.peng_wei(points, k, steps=steps)
        labels = groups(sdp.rounded(plain.y[0], points, k, seed=seed), m)
    done, spent, y = 0, 0, plain.y if plain else np.zeros((1, m, m))
    while done < rounds:
        matrices = covariances(points, labels, k, covariance)
        allowed = steps if deadline is None else min(steps, (deadline - spent) // (1 if _equal(matrices) else k))
        solution = program(points, matrices, tolerance, allowed) if allowed > 0 else None
        if solution is not None:
            spent += solution.decompositions
        if solution is None or (allowed < steps and not solution.converged):
            plain = plain or sdp.peng_wei(points, k, steps=steps)
            labels = groups(sdp.rounded(plain.y[0], points, k, seed=seed), m)
            spent += plain.decompositions
            return Clustering(labels, covariances(points, labels, k, covariance), plain.y, "sdp", 0, spent)
        done, y, before = done + 1, solution.y, labels
        labels = groups(_rounded(solution.y, points, k, seed), m)
        if np.array_equal(labels, before):
            break
    spent += plain.decompositions if plain else 0
    return Clustering(labels, covariances(points, labels, k, covariance), y, "ila-sdp" if done else "sdp", done, spent)


def covariances(points: Points, labels: Array, k: int, family: Family, shrinkage: float = SHRINKAGE) -> Array:
    """Return the covariance of each group (k, d, d), with the variances within its points; see `cluster`.

    Groups of less weight than a covariance has dimensions, and two, get that of all groups together.

    >>> from driftline.models.clustering.points import points
    >>> x = points([[0.0], [2.0], [9.0]], weight=[2.0, 2.0, 5.0], within=[[0.0], [0.0], [3.0]])
    >>> covariances(x, np.array([0, 0, 1]), 2, "full", 0.0).ravel().round(9).tolist()
    [1.0, 3.0]
    """
    d = points.x.shape[1]
    x = points.x - points.x.mean(axis=0)
    mass = (labels == np.arange(k)[:, None]) * points.weight  # (k, m)
    total = mass.sum(axis=1)
    mean = mass @ x / np.maximum(total, 1e-300)[:, None]
    deviation = x - mean[labels]
    scatter = np.einsum("km,mi,mj->kij", mass, deviation, deviation, optimize=True)
    scatter[:, np.arange(d), np.arange(d)] += mass @ points.within
    pooled = scatter.sum(axis=0) / points.weight.sum()
    known = (total >= (3 if family == "diag" else d + 2)) & (family != "shared")
    found: Array = np.where(known[:, None, None], scatter / np.maximum(total, 1e-300)[:, None, None], pooled)
    if family == "diag":
        found = found * np.eye(d)
    # Points that are all equal have no variance, and a metric is needed all the same.
    least = 1e-12 * (np.trace(pooled) / d or 1.0)
    found += np.maximum(shrinkage * np.trace(found, axis1=1, axis2=2) / d, least)[:, None, None] * np.eye(d)
    return found


def affinities(points: Points, matrices: Array) -> Array:
    """Return A_k∘ssᵀ (k, m, m) for covariances (k, d, d).

    >>> from driftline.models.clustering.points import points
    >>> (affinities(points([[0.0], [2.0]]), np.array([[[1.0]]])) + 0.0).tolist()
    [[[0.0, -1.0], [-1.0, 0.0]]]
    """
    made = np.empty((len(matrices), len(points.x), len(points.x)))
    for k, matrix in enumerate(matrices):
        made[k] = 0.5 * sdp.affinity(_in_metric(points, matrix))
        made[k] -= 0.5 * np.linalg.slogdet(matrix)[1] * np.outer(points.s, points.s)
    return made


def profile(points: Points, labels: Array, matrices: Array) -> float:
    """Return a partition's log-likelihood under covariances (K, d, d), nats: means at their best, no mixing weights.

    It lacks -½ d log 2π for each event.

    >>> from driftline.models.clustering.points import points
    >>> profile(points([[0.0], [2.0]]), np.array([0, 0]), np.array([[[1.0]]]))
    -1.0
    """
    total = 0.0
    for k, matrix in enumerate(matrices):
        x, w, within = (part[labels == k] for part in _in_metric(points, matrix))
        if len(w):
            square = ((x - np.average(x, axis=0, weights=w)) ** 2 + within).sum(axis=1)
            total -= 0.5 * float(w @ square + w.sum() * np.linalg.slogdet(matrix)[1])
    return total


def program(points: Points, matrices: Array, tolerance: float = TOLERANCE, steps: int = sdp.STEPS) -> sdp.Solution:
    """Solve the program for covariances (k, d, d); with equal ones, that of one matrix, which is the sum of all.

    >>> from driftline.models.clustering.points import points
    >>> x = points([[0.0], [2.0], [9.0]])
    >>> program(x, np.ones((2, 1, 1))).y.shape, program(x, np.array([[[1.0]], [[2.0]]])).y.shape
    ((1, 3, 3), (2, 3, 3))
    """
    if _equal(matrices):
        return sdp.solve(affinities(points, matrices[:1]), points.s, float(len(matrices)), tolerance, steps)
    return sdp.solve(affinities(points, matrices), points.s, 1.0, tolerance, steps)


def row_sums(y: Array, points: Points) -> Array:
    """Return how much of each point belongs to each matrix (m, K): it sums to 1."""
    share: Array = (y @ points.s).T / points.s[:, None]
    return share


def _rounded(y: Array, points: Points, k: int, seed: int | Sequence[int]) -> Array:
    if len(y) > 1:
        share = row_sums(y, points)
        sure = (np.average(share.max(axis=1), weights=points.weight) - 1.0 / k) / (1.0 - 1.0 / k)
        if sure >= EVEN:
            labels: Array = share.argmax(axis=1)
            return labels
    return sdp.rounded(y.sum(axis=0), points, k, seed=seed)


def _differ(points: Points, labels: Array, k: int, family: Family) -> bool:
    """Say whether the groups' own covariances are worth their parameters."""
    if family == "shared":
        return False
    d = points.x.shape[1]
    own, pooled = (covariances(points, labels, k, of) for of in (family, "shared"))
    if family == "diag":
        pooled = pooled * np.eye(d)
    gain = profile(points, labels, own) - profile(points, labels, pooled)
    free = (k - 1) * (d if family == "diag" else d * (d + 1) / 2)
    return bool(gain > 0.5 * free * np.log(max(points.weight.sum(), 1.0)))


def _equal(matrices: Array) -> bool:
    return bool(np.allclose(matrices, matrices[0], rtol=1e-9, atol=0.0))


def _in_metric(points: Points, matrix: Array) -> Points:
    """Return points whose squared distances are those in the metric of the covariance, and whose variances sum so."""
    root = np.linalg.cholesky(matrix)
    inverse = np.linalg.inv(root)
    return Points((points.x - points.x.mean(axis=0)) @ inverse.T, points.weight, points.within @ (inverse**2).T)
