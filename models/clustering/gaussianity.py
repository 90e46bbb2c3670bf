"""Whether clusters are the Gaussians that they are taken for: only then their likelihood tells how many there are.

They are not where the latest events lie otherwise around them than those of Gaussians do, and not where two of them are
pieces of one whose features go together: where a single Gaussian with all covariances explains both better.

References
----------
Kolmogorov, "Sulla determinazione empirica di una legge di distribuzione", Giornale dell'Istituto Italiano degli Attuari
4 (1933). Schwarz, "Estimating the dimension of a model", Annals of Statistics 6 (1978): BIC.

"""

import numpy as np
from numba import njit
from scipy.special import chdtr, ndtr

from driftline.models.base import Array
from driftline.models.clustering import gaussians, macros
from driftline.models.clustering.macros import Macros

BY_CHANCE = 1.63
"""Kolmogorov's statistic, which one in a hundred samples of the very distribution exceeds."""
PLAINLY = 0.05
"""Nats an event by which one Gaussian must be better than two: two that overlap are hardly worse than it is."""
NO_PART = 1e-6
"""The probability below which an event is not looked at for a cluster: it would change nothing."""
FEW = 100
"""Events below which nothing is sure."""


def fit(clusters: Macros, Z: Array, varied: Array) -> bool:
    """Say whether events lie around clusters as those of Gaussians do.

    Then their squared distances to their clusters, in those ones' variances, follow chi squared, and in all features
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
    >>> one = Macros(np.array([0]), np.array([300.0]), np.zeros((1, 2)), np.ones((1, 2)))
    >>> [fit(one, Z, np.ones(2, bool)) for Z in (rng.normal(size=(300, 2)), rng.laplace(0.0, 0.5**0.5, (300, 2)))]
    [True, False]
    """
    n = len(Z)
    if n < FEW or not varied.any():
        return False
    said = macros.score(clusters, Z)
    part = np.exp(said.log_posterior)
    if _differ(chdtr(varied.sum(), Z.shape[1] * said.distance**2), part) > BY_CHANCE / n**0.5:
        return False
    event, own = np.nonzero(part > NO_PART)
    z = (Z[event] - clusters.mean[own])[:, varied] / clusters.variance[own][:, varied] ** 0.5
    weight = np.repeat(part[event, own], z.shape[1])
    return bool(_differ(ndtr(z), weight) <= BY_CHANCE / (n * z.shape[1]) ** 0.5)


def _differ(chance: Array, weight: Array) -> float:
    """Return by how much values, given by their distribution function, differ from it at most (Kolmogorov)."""
    order = np.argsort(chance, axis=None)
    below, part = chance.ravel()[order], weight.ravel()[order]
    ranks = np.append(0.0, np.cumsum(part)) / part.sum()
    return float(max((below - ranks[:-1]).max(), (ranks[1:] - below).max()))


def correlated(w: Array, mean: Array, variance: Array, labels: Array, floor: Array) -> bool:
    """Say whether one Gaussian with all covariances explains any two clusters better than both do.

    It must be plainly likelier, beyond the BIC penalty of what parameters it has more. That many features
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
    ...     correlated(np.ones(400), mean, np.zeros((400, 2)), labels, np.full(2, 0.02))
    True
    False
    """
    k, d = int(labels.max()) + 1, mean.shape[1]
    if d > gaussians.COUNTED:
        return False
    mass, _, _, own = gaussians.leaves(w, mean, variance, labels, k, floor)
    more = max(d * (d + 3) // 2 - (4 * d + 1), 0)
    return bool(_pieces(w, mean, variance, labels, mass, own, floor, 0.5 * more))


@njit(cache=True)
def _pieces(w, mean, variance, labels, mass, own, floor, penalty):  # type: ignore[no-untyped-def]
    """Say whether one Gaussian is better than some two."""
    for b in range(labels.max() + 1):
        for a in range(b):
            whole = mass[a] + mass[b]
            log_a, log_b = np.log(mass[a] / whole), np.log(mass[b] / whole)
            both = np.flatnonzero((labels == a) | (labels == b))
            gained = w[both] @ _log_density(w[both], mean[both], variance[both], floor)
            for i in both:
                gained -= w[i] * np.logaddexp(log_a + own[a, i], log_b + own[b, i])
            if gained >= penalty * np.log(whole) + PLAINLY * whole:
                return True
    return False


@njit(cache=True)
def _log_density(w, mean, variance, floor):  # type: ignore[no-untyped-def]
    """Return the expected log densities (m,) of micro-clusters in the one Gaussian with their covariances."""
    part = w / w.sum()
    away = mean - part @ mean
    covariance = (away.T * part) @ away + np.diag(part @ variance + floor)
    precision = np.linalg.inv(covariance)
    squared = ((away @ precision) * away).sum(axis=1) + variance @ np.diag(precision)
    return -0.5 * (squared + np.linalg.slogdet(covariance)[1])
