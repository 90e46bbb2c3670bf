"""Clusters that are no longer what they were: told by their latest events, which then are all that is kept of them.

Memory that decays tells of a cluster that moves where it was, and of one that parts that it is still one. So the latest
events of each cluster are compared with all that is remembered of it; where they differ plainly, it is made anew of
them alone.

References
----------
Wilks, "The large-sample distribution of the likelihood ratio for testing composite hypotheses", Annals of Mathematical
Statistics 9 (1938).

"""

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import chdtri

from driftline.models.base import Array
from driftline.models.clustering.micro import UNASSIGNED, Moments

HELD = 256
"""Latest events that are kept."""
PAST = -(2**62)
"""What an event is of whose cluster has left its place since."""
FEW = 30
"""Latest events that a cluster must have to be made of them."""
CHANCE = 1e-4
"""Probability that the latest events of a cluster that stands differ so much from all of its events, in one look."""
HEAVIER = 3.0
"""The most that an event counts for when a cluster is made anew: it is another one in shape, not in size."""
PLAINLY = 0.25
"""Twice the nats an event by which they must differ: those of a shift by half a standard deviation in one direction."""


class Latest(NamedTuple):
    """The latest events, the oldest overwritten."""

    X: Array
    """(HELD, d) in the features' units."""
    own: Array
    """(HELD,) int64: the cluster under which each was learnt."""
    counts: Array
    """(1,) int64: events so far."""


def make(d: int) -> Latest:
    """Return room for the latest events."""
    return Latest(np.zeros((HELD, d)), np.full(HELD, UNASSIGNED), np.zeros(1, np.int64))


def record(latest: Latest, X: Array, own: Array) -> None:
    """Take events (n, d), in order, n at most `HELD`."""
    at = (latest.counts[0] + np.arange(len(X))) % HELD
    latest.X[at], latest.own[at] = X, own
    latest.counts[0] += len(X)


def of(latest: Latest, *ids: int) -> tuple[Array, Array]:
    """Return the latest events (n, d) of some clusters, the oldest first, and whose each is (n,)."""
    at = _places(latest, ids)
    return latest.X[at], latest.own[at]


def leave(latest: Latest, id_: int, count: int) -> None:
    """Take the oldest events of a cluster, so many, for what it has left behind: no cluster is made of them again."""
    latest.own[_places(latest, (id_,))[:count]] = PAST


def _places(latest: Latest, ids: tuple[int, ...]) -> Array:
    n = int(latest.counts[0])
    at = np.arange(max(n - HELD, 0), n) % HELD
    return at[np.isin(latest.own[at], ids)]


def wider(latest: Latest, values: Array) -> Latest:
    """Return the same with more features, each of which had the value (new,) in all events."""
    return latest._replace(X=np.hstack([latest.X, np.tile(values, (HELD, 1))]))


def changed(latest: Latest, moments: Moments, own: Array, mean: Array, per_sd: Array, floor: Array) -> list[int]:
    """Return the settled clusters whose latest events differ from all that is remembered of them.

    Parameters
    ----------
    latest
        The latest events.
    moments, own
        Of the micro-clusters, in standardised units, and their clusters (m,) int64.
    mean, per_sd
        (d,) of all events: what standardises the latest ones.
    floor
        (d,) added to each variance.

    """
    found = []
    d = len(mean)
    bound = float(chdtri(2 * d, CHANCE))
    n = min(int(latest.counts[0]), HELD)
    for id_ in np.unique(own[own >= 0]).tolist():
        late = int((latest.own[:n] == id_).sum())
        if late >= FEW:
            differ = _differ(latest.X[:n], latest.own[:n], id_, mean, per_sd, *moments, own, floor)
            if differ > bound and differ > PLAINLY * late:
                found.append(id_)
    return found


@njit(cache=True)
def _differ(X, whose, id_, centre, per_sd, weight, mean, variance, own, floor):  # type: ignore[no-untyped-def]
    """Return twice the log likelihood ratio of the latest events: as a Gaussian of their own, and as the cluster's.

    Variances of heavy tails vary more than Gaussian ones: it is divided by how much more, by the mean kurtosis.
    """
    total = tails = 0.0
    mass = 0.0
    for i in range(len(own)):
        if own[i] == id_:
            mass += weight[i]
    for j in range(len(centre)):
        n, late, square = 0, 0.0, 0.0
        for t in range(len(X)):
            if whose[t] == id_:
                z = (X[t, j] - centre[j]) * per_sd[j]
                n += 1
                late += z
                square += z * z
        late /= n
        now = max(square / n - late * late, 0.0) + floor[j]
        fourth = 0.0
        for t in range(len(X)):
            if whose[t] == id_:
                fourth += ((X[t, j] - centre[j]) * per_sd[j] - late) ** 4
        tails += fourth / n / (now * now)
        whole = 0.0
        for i in range(len(own)):
            if own[i] == id_:
                whole += weight[i] * mean[i, j]
        whole /= mass
        was = 0.0
        for i in range(len(own)):
            if own[i] == id_:
                was += weight[i] * (variance[i, j] + (mean[i, j] - whole) ** 2)
        was = was / mass + floor[j]
        total += n * (np.log(was / now) + (now + (late - whole) ** 2) / was - 1.0)
    return total / max(0.5 * (tails / len(centre) - 1.0), 1.0)
