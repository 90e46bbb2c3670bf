"""Whether clusters are the Gaussians that they are taken for: only then their likelihood tells how many there are.

They are not where the latest events lie otherwise around them than those of Gaussians do, and not where two of them are
pieces of one whose features go together: where a single Gaussian with all covariances explains both better.

References
----------
Kolmogorov, "Sulla determinazione empirica di una legge di distribuzione", Giornale dell'Istituto Italiano degli Attuari
4 (1933). Schwarz, "Estimating the dimension of a model", Annals of Statistics 6 (1978): BIC.

"""

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import chdtr, ndtr

from driftline.models.base import Array
from driftline.models.clustering import gaussians, macros
from driftline.models.clustering.numbering import numbered

BY_CHANCE = 1.63
"""Kolmogorov's statistic, which one in a hundred samples of the very distribution exceeds."""
FEW = 100
"""Events below which nothing is sure."""


class Gaussians(NamedTuple):
    """k Gaussians with all covariances, in standardised units."""

    mass: Array
    """(k,) events."""
    mean: Array
    """(k, d)."""
    covariance: Array
    """(k, d, d)."""


def made(w: Array, mean: Array, variance: Array, labels: Array, floor: Array, pieces: Array) -> Gaussians:
    """Return the Gaussians of clusters; only those that were put together of several pieces have covariances.

    Parameters
    ----------
    w, mean, variance
        (m,), (m, d) and (m, d) of micro-clusters, in standardised units.
    labels
        (m,) int64 the clusters, from 0.
    floor
        (d,) added to each variance.
    pieces
        (m,) int64 the pieces that the clusters were made of.

    """
    k, d = int(labels.max()) + 1, mean.shape[1]
    found = Gaussians(np.empty(k), np.empty((k, d)), np.empty((k, d, d)))
    for a in range(k):
        of_it = labels == a
        found.mass[a] = w[of_it].sum()
        part = w[of_it] / found.mass[a]
        found.mean[a] = part @ mean[of_it]
        away = mean[of_it] - found.mean[a]
        covariance = (away.T * part) @ away
        if (pieces[of_it] == pieces[of_it][0]).all():
            covariance = np.diag(np.diag(covariance))
        found.covariance[a] = covariance + np.diag(part @ variance[of_it] + floor)
    return found


def fit(clusters: Gaussians, Z: Array, varied: Array) -> bool:
    """Say whether events lie around clusters as those of Gaussians do.

    Then their squared distances to their clusters, in those ones' covariances, follow chi squared, and along all axes
    they are normal. An event is of each cluster by its probability, as else where two overlap their tails were cut off.

    Parameters
    ----------
    clusters
        At least one; a floor that widens them tells against them.
    Z
        (n, d) events, in standardised units.
    varied
        (d,) bool: the features that did.

    >>> rng = np.random.default_rng(0)
    >>> one = Gaussians(np.array([300.0]), np.zeros((1, 2)), np.eye(2)[None])
    >>> [fit(one, Z, np.ones(2, bool)) for Z in (rng.normal(size=(300, 2)), rng.laplace(0.0, 0.5**0.5, (300, 2)))]
    [True, False]
    """
    n = len(Z)
    if n < FEW or not varied.any():
        return False
    axes = np.linalg.cholesky(clusters.covariance[:, varied][:, :, varied])
    away = (Z[:, None] - clusters.mean)[:, :, varied]
    z = np.linalg.solve(axes, away.transpose(1, 2, 0)).transpose(2, 0, 1)
    squared = (z**2).sum(axis=2)
    prior = np.log(clusters.mass + macros.PRIOR * clusters.mass.mean())
    joint = prior - np.log(np.diagonal(axes, axis1=1, axis2=2)).sum(axis=1) - 0.5 * squared
    part = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    if _differ(chdtr(varied.sum(), squared), part) > BY_CHANCE / n**0.5:
        return False
    return bool(_differ(ndtr(z), np.broadcast_to(part[:, :, None], z.shape)) <= BY_CHANCE / z[:, 0].size ** 0.5)


def _differ(chance: Array, weight: Array) -> float:
    """Return by how much values, given by their distribution function, differ from it at most (Kolmogorov)."""
    order = np.argsort(chance, axis=None)
    below, part = chance.ravel()[order], weight.ravel()[order]
    ranks = np.append(0.0, np.cumsum(part)) / part.sum()
    return float(max((below - ranks[:-1]).max(), (ranks[1:] - below).max()))


def correlated(w: Array, mean: Array, variance: Array, labels: Array, floor: Array) -> Array:
    """Return clusters (m,) int64 from 0 of which those are joined that one Gaussian with all covariances explains.

    It must be likelier than any two of them, by the BIC penalty of what parameters it has more. That many features
    (`gaussians.COUNTED`) are looked at, at most: with more, what goes together shows in `fit`.

    Parameters
    ----------
    w, mean, variance
        (m,), (m, d) and (m, d) of micro-clusters, in standardised units.
    labels
        (m,) int64 their clusters, from 0.
    floor
        (d,) added to each variance.

    >>> rng = np.random.default_rng(0)
    >>> along, two = rng.normal(size=(400, 1)) * [2.0, 2.0], np.repeat([[-2.0, -2.0], [2.0, 2.0]], 200, axis=0)
    >>> for mean in (along + 0.2 * rng.normal(size=(400, 2)), two + rng.normal(size=(400, 2))):
    ...     labels = (mean.sum(axis=1) > 0.0).astype(int)
    ...     correlated(np.ones(400), mean, np.zeros((400, 2)), labels, np.full(2, 0.02)).max()
    np.int64(0)
    np.int64(1)
    """
    k, d = int(labels.max()) + 1, mean.shape[1]
    if d > gaussians.COUNTED:
        return labels
    mass, _, _, own = gaussians.leaves(w, mean, variance, labels, k, floor)
    more = max(d * (d + 3) // 2 - (4 * d + 1), 0)
    joined = np.arange(k)
    _pieces(w, mean, variance, labels, mass, own, floor, 0.5 * more, joined)
    found: Array = numbered(joined[labels])[1]
    return found


@njit(cache=True)
def _pieces(w, mean, variance, labels, mass, own, floor, penalty, joined):  # type: ignore[no-untyped-def]
    """Give those of k clusters one number in `joined` (k,) of which one Gaussian is better than two."""
    for b in range(len(joined)):
        for a in range(b):
            whole = mass[a] + mass[b]
            log_a, log_b = np.log(mass[a] / whole), np.log(mass[b] / whole)
            both = np.flatnonzero((labels == a) | (labels == b))
            gained = w[both] @ _log_density(w[both], mean[both], variance[both], floor)
            for i in both:
                gained -= w[i] * np.logaddexp(log_a + own[a, i], log_b + own[b, i])
            if gained >= penalty * np.log(whole):
                joined[joined == joined[b]] = joined[a]


@njit(cache=True)
def _log_density(w, mean, variance, floor):  # type: ignore[no-untyped-def]
    """Return the expected log densities (m,) of micro-clusters in the one Gaussian with their covariances."""
    part = w / w.sum()
    away = mean - part @ mean
    covariance = (away.T * part) @ away + np.diag(part @ variance + floor)
    precision = np.linalg.inv(covariance)
    squared = ((away @ precision) * away).sum(axis=1) + variance @ np.diag(precision)
    return -0.5 * (squared + np.linalg.slogdet(covariance)[1])
