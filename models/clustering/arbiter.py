"""A second opinion on a partition of micro-clusters: the best of several methods, if it beats what there is.

An online clusterer gets stuck after a drift, as two clusters share one macro-cluster and another is split in two. From
a snapshot of weighted micro-clusters, the semidefinite programs, k-means++ and EM each propose a partition; the
likelihood with mixing weights and the BIC penalty decides, and only a gain is worth the change.

References
----------
As of `sdp`, `likelihood_sdp`, `kmeans` and `mixture`.

"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy.typing as npt
from threadpoolctl import threadpool_limits

from driftline.models.base import Array
from driftline.models.clustering import likelihood_sdp, mixture, sdp
from driftline.models.clustering.kmeans import kmeans
from driftline.models.clustering.points import MOST_WEIGHTED, Points, check_k, groups, points
from driftline.models.parameters import at_least, within

METHODS = ("k-means++", "em", "sdp", "ila-sdp")
"""The first of equals is taken: the cheaper one."""
ROUNDING = 1e-9
"""Of a log-likelihood, relative: a gain below this is none."""


class Proposal(NamedTuple):
    """A better partition."""

    labels: Array
    """(m,) groups, numbered from 0 in the order of their first members."""
    method: str
    """One of `METHODS`."""
    score: float
    """Its penalised log-likelihood, nats up to a constant; see `mixture.score`."""
    gain: float
    """By which it beats the current partition, nats, above the margin."""


def propose(
    w: npt.ArrayLike,
    centroids: npt.ArrayLike,
    within_variances: npt.ArrayLike,
    k: int,
    current_labels: npt.ArrayLike,
    around: int = 0,
    margin: float = 0.0,
    covariance: likelihood_sdp.Family = "diag",
    penalty: float = mixture.PENALTY,
    floor: float = mixture.FLOOR,
    starts: int = 10,
    rounds: int = 5,
    steps: int = sdp.STEPS,
    deadline: int | None = None,
    seed: int = 0,
) -> Proposal | None:
    """Return the likeliest partition that any method finds, or None where none beats the current one.

    Parameters
    ----------
    w
        (m,) weights of the micro-clusters, events; m at most 150.
    centroids, within_variances
        (m, d) in standardised units, and those squared.
    k
        How many groups to look for.
    current_labels
        (m,) the current group of each, not negative; there may be another number of them than `k`.
    around
        Look for k - around to k + around groups, those nearest to k first.
    margin
        The gain, nats, that a proposal must exceed.
    covariance
        Of the likelihood-adjusted program; see `likelihood_sdp.cluster`.
    penalty, floor
        Of the likelihood; see `mixture.score`.
    starts
        Of k-means++ and of EM.
    rounds, steps
        Of the programs.
    deadline
        The most eigendecompositions (m, m) for all programs, None for any number. It stands for a time: where it
        passes, the programs that are left do not run, and k-means++ and EM still do.
    seed
        What all chance comes from: equal arguments give equal proposals.

    Raises
    ------
    ValueError
        A parameter is out of its range, or an array does not fit.

    >>> import numpy as np
    >>> x = np.array([[0.0], [0.2], [0.4], [3.0], [3.2], [3.4]])
    >>> found = propose(np.full(6, 20.0), x, np.full((6, 1), 0.01), 2, [0, 1, 0, 1, 0, 1])
    >>> found.labels.tolist(), found.method
    ([0, 0, 0, 1, 1, 1], 'k-means++')
    >>> propose(np.full(6, 20.0), x, np.full((6, 1), 0.01), 2, found.labels) is None
    True
    """
    snapshot = points(centroids, w, within_variances, MOST_WEIGHTED)
    m = len(snapshot.x)
    current = groups(current_labels, m, "current_labels")
    check_k(k, m)
    at_least(0, around=around, deadline=deadline or 0)
    within("[0, inf)", margin=margin, penalty=penalty, floor=floor)
    before = mixture.score(snapshot, current, penalty, floor)
    best: Proposal | None = None
    left = deadline
    with threadpool_limits(1, user_api="blas"):  # for such small matrices, several threads on busy cores are slow
        for count in sorted(range(max(1, k - around), min(m, k + around) + 1), key=lambda count: abs(count - k)):
            for method, labels, cost in _candidates(
                snapshot, count, covariance, floor, starts, rounds, steps, left, (seed, count)
            ):
                left = None if left is None else left - cost
                labels = groups(labels, m)
                value = mixture.score(snapshot, labels, penalty, floor)
                if best is None or value > best.score + ROUNDING * abs(value):
                    best = Proposal(labels, method, value, value - before)
    if best is None or not best.gain > max(margin, ROUNDING * abs(before)):
        return None
    return best


def _candidates(
    snapshot: Points,
    k: int,
    covariance: likelihood_sdp.Family,
    floor: float,
    starts: int,
    rounds: int,
    steps: int,
    deadline: int | None,
    seed: tuple[int, int],
) -> Iterator[tuple[str, Array, int]]:
    """Yield each method's partition (m,) for `k` groups, and the eigendecompositions that it took."""
    yield METHODS[0], kmeans(snapshot, k, starts, seed=seed).labels, 0
    yield METHODS[1], mixture.em(snapshot, k, starts, floor=floor, seed=seed).labels, 0
    allowed = steps if deadline is None else min(steps, deadline)
    if allowed < 1:
        return
    plain = sdp.peng_wei(snapshot, k, steps=allowed)
    yield METHODS[2], sdp.rounded(plain.y[0], snapshot, k, seed=seed), plain.decompositions
    left = None if deadline is None else deadline - plain.decompositions
    adjusted = likelihood_sdp.cluster(
        snapshot, k, covariance, plain=plain, rounds=rounds, steps=steps, deadline=left, seed=seed
    )
    yield METHODS[3], adjusted.labels, adjusted.decompositions - plain.decompositions
