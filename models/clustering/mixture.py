"""Diagonal Gaussian mixtures of weighted points: the penalised likelihood of a partition, and EM.

A micro-cluster's log density is the expected one of its events: its variance within counts as distance. Variances have
a floor, as data are in standardised units. With two groups against one, the difference of two scores is the BIC gain
of keeping two macro-clusters apart.

References
----------
Schwarz, "Estimating the dimension of a model", Annals of Statistics 6, 1978. Dempster, Laird and Rubin, "Maximum
likelihood from incomplete data via the EM algorithm", JRSS B 39, 1977.

"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from driftline.models.base import Array
from driftline.models.clustering import gaussians, kmeans
from driftline.models.clustering.points import Points, check_k, groups
from driftline.models.clustering.ppp import FLOOR, PENALTY
from driftline.models.parameters import at_least

__all__ = ["FLOOR", "PENALTY", "Fit", "Mixture", "em", "log_joint", "moments", "score"]

LEAST = 1e-300
"""Variance of a score's Gaussian without any: its density is high then, not infinite."""
SETTLED = 1e-8
"""A gain per event, nats, below which EM stops."""


class Mixture(NamedTuple):
    """Gaussians with weights, of one or more mixtures (...) at once."""

    share: Array
    """(..., K) mixing weights."""
    mean: Array
    """(..., K, d)."""
    variance: Array
    """(..., K, d)."""


class Fit(NamedTuple):
    """What EM found."""

    labels: Array
    """(m,) the likeliest group of each point; a group may be empty."""
    log_likelihood: float
    """Nats, up to a constant."""


def moments(points: Points, member: Array, floor: float | Array = FLOOR) -> Mixture:
    """Return the mixture with the moments of (soft) groups, `member` (..., K, m)."""
    mass = member * points.weight
    total = mass.sum(axis=-1)
    safe = np.maximum(total, 1e-300)[..., None]
    mean = mass @ points.x / safe
    variance = np.maximum(mass @ (points.x**2 + points.within) / safe - mean**2, 0.0) + floor
    return Mixture(total / points.weight.sum(), mean, variance)


def log_joint(points: Points, mixture: Mixture) -> Array:
    """Return log share + log density (..., m, K) up to the constant of a Gaussian, nats; -inf for empty groups."""
    precision = 1.0 / mixture.variance
    spread = (points.x**2 + points.within) @ np.swapaxes(precision, -1, -2)
    spread = spread - 2.0 * points.x @ np.swapaxes(mixture.mean * precision, -1, -2)
    level = (mixture.mean**2 * precision + np.log(mixture.variance)).sum(axis=-1)
    with np.errstate(divide="ignore"):
        joint: Array = np.log(mixture.share)[..., None, :] - 0.5 * (spread + level[..., None, :])
    return joint


def score(points: Points, labels: npt.ArrayLike, penalty: float = PENALTY, floor: float | Array = FLOOR) -> float:
    """Return the penalised log-likelihood of a partition, nats: that of the mixture with its moments.

    Parameters
    ----------
    points
        Weighted points, standardised units.
    labels
        (m,) group of each, not negative.
    penalty
        Multiplies the BIC penalty, ½ log N for each free parameter, of which at most 16 dimensions count; as in
        `ppp.gain`.
    floor
        Is added to each variance.

    >>> from driftline.models.clustering.points import points
    >>> x = points([[-3.0], [-3.1], [-2.9], [3.0], [3.1], [2.9]], weight=[9.0] * 6)
    >>> score(x, [0, 0, 0, 1, 1, 1]) > score(x, [0] * 6) > score(x, [0, 1, 0, 1, 0, 1])
    True
    """
    number = groups(labels, len(points.x))
    floors = np.broadcast_to(np.maximum(np.asarray(floor, np.float64), LEAST), points.x.shape[1]).copy()
    k = int(number.max()) + 1
    return float(gaussians.score(points.weight, points.x, points.within, number, k, floors, penalty))


def em(
    points: Points,
    k: int,
    starts: int = 10,
    rounds: int = 100,
    spread: bool = True,
    floor: float = FLOOR,
    seed: int | Sequence[int] = 0,
) -> Fit:
    """Fit a mixture by EM and return the likeliest of several runs.

    Parameters
    ----------
    points
        Weighted points, standardised units.
    k
        How many Gaussians.
    starts, rounds
        How many runs, and the most rounds of each.
    spread
        Whether the starts are k-means++'s; else points drawn by weight.
    floor
        Is added to each variance.
    seed
        What all chance comes from.

    Raises
    ------
    ValueError
        `k` exceeds the number of points, or a count is below 1.

    >>> from driftline.models.clustering.points import points
    >>> em(points([[0.0], [1.0], [8.0], [9.0]]), 1).labels.tolist()
    [0, 0, 0, 0]
    """
    check_k(k, len(points.x))
    at_least(1, starts=starts, rounds=rounds)
    points = points._replace(x=points.x - np.average(points.x, axis=0, weights=points.weight))
    centre = kmeans.centres(points, k, starts, np.random.default_rng(seed), spread)
    far = ((points.x[None, :, None] - centre[:, None]) ** 2).sum(axis=3)
    member = (far.argmin(axis=2)[:, None] == np.arange(k)[:, None]).astype(float)
    total = points.weight.sum()
    best = np.full(starts, -np.inf)
    for _ in range(rounds):
        joint = log_joint(points, moments(points, member, floor))
        density = logsumexp(joint, axis=2)
        member = np.swapaxes(np.exp(joint - density[..., None]), 1, 2)
        before, best = best, density @ points.weight
        if (best - before <= SETTLED * total).all():
            break
    run = int(best.argmax())
    return Fit(joint[run].argmax(axis=1), float(best[run]))
