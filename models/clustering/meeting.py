"""Clusters that have come together: told by the latest events of both, as they come.

What is remembered of two that meet tells of the gap that was between them. So where one of two near clusters has just
changed, their latest events are looked at along the line between their centres, after each block: are they one
Gaussian, or two that can still be told apart? A few that tell it are enough, as the older ones may be from before they
met.

References
----------
Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16 (1945).

"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering import births, drifting, ledger, micro, ppp
from driftline.models.clustering.macros import Macros, macros
from driftline.models.clustering.micro import Moments

if TYPE_CHECKING:
    from driftline.models.clustering.clusters import Clusters

APART = 3.0
"""Standard deviations between two Gaussians that are two: at 2 there is but one peak."""
NEAR = 6.0
"""Standard deviations between centres from which on two may have met: hard cuts hold them apart in memory."""
FEWEST, STEP = 32, 16
"""Latest events of both that are needed, and by how many more are tried."""
EACH = 10
"""Of these, so many must be of each: a few strays do not tell where a cluster is."""
ODDS = float(np.log(100.0))
"""Log likelihood ratio from which on they are one."""
ALIKE = 1.0
"""How far logarithms of variances may differ on average: what is wide may hold one that is narrow, and be another."""
LATELY = 1_500
"""Events that long ago one of the two has changed."""


def look(clusters: Clusters) -> None:
    """Make one of each two that have met, the nearest first."""
    book = clusters.ledger
    ids = ledger.live(book)
    grown = (book.pending[: len(ids)] == 0) & (ledger.share(book) > 0.0)
    changed = (book.changed[: len(ids)] > 0) & (clusters.learnt - book.changed[: len(ids)] <= LATELY)
    moved = set(ids[grown & changed].tolist())
    if not moved or grown.sum() < 2:
        return
    own, found = clusters.own(), clusters.moments()
    of_grown = np.isin(own, ids[grown])
    held = macros(Moments(*(part[of_grown] for part in found)), own[of_grown], clusters.floor)
    for a, b in _near(held, moved):
        if {int(held.ids[a]), int(held.ids[b])} <= set(clusters.own().tolist()):
            _join(clusters, held, a, b)


def _near(held: Macros, moved: set[int]) -> list[tuple[int, int]]:
    """Return pairs of places, the nearest first, of which one has moved."""
    pairs = []
    for a in range(len(held.ids)):
        for b in range(a):
            if {int(held.ids[a]), int(held.ids[b])} & moved:
                apart = (held.mean[a] - held.mean[b]) ** 2 / (0.5 * (held.variance[a] + held.variance[b]))
                unlike = np.abs(np.log(held.variance[a] / held.variance[b])).mean()
                if apart.sum() <= NEAR**2 and unlike <= ALIKE:
                    pairs.append((float(apart.sum()), b, a))
    return [(a, b) for _, a, b in sorted(pairs)]


def _join(clusters: Clusters, held: Macros, a: int, b: int) -> None:
    """Make one of two if their latest events are."""
    ids = int(held.ids[a]), int(held.ids[b])
    latest = clusters.latest
    X, whose = drifting.of(latest, *ids)
    if len(X) < FEWEST:
        return
    line = (held.mean[b] - held.mean[a]) / (0.5 * (held.variance[a] + held.variance[b]))
    Z = micro.standardise(clusters.micro, X)
    n = met(Z @ line, whose == ids[1])
    if not n:
        return
    second = whose[-n:] == ids[1]
    if ppp.gain(np.ones(n), Z[-n:], None, second, clusters.penalty, clusters.floor) > 0.0:
        return  # of one peak, but of two shapes
    _merge(clusters, *ids, X[-n:])


def met(along: Array, second: Array) -> int:
    """Return how many latest events tell best that two clusters are one; 0 where none do.

    Parameters
    ----------
    along
        (n,) places of the events of both on the line between their centres, the oldest first.
    second
        (n,) bool: those that were taken for the second one's.

    >>> rng = np.random.default_rng(0)
    >>> one, two = rng.normal(size=200), np.tile([0.0, 4.0], 100) + rng.normal(size=200)
    >>> met(one, one > 0.0) > 0, met(two, two > 2.0), met(np.append(two, one), np.append(two, one) > 1.0) <= 256
    (True, 0, True)
    """
    best, told = 0, ODDS
    for n in range(FEWEST, len(along) + 1, STEP):
        ones = int(second[-n:].sum())
        odds = _odds(along[-n:], ones / n) if EACH <= ones <= n - EACH else 0.0
        if odds >= told:
            best, told = n, odds
    return best


def _odds(x: Array, share: float) -> float:
    """Return the log likelihood ratio of one Gaussian to two that are `APART`, with the same mean and variance."""
    variance = float(x.var())
    if variance <= 0.0:
        return 0.0
    z = (x - x.mean()) / variance**0.5
    sd = (1.0 + share * (1.0 - share) * APART**2) ** -0.5
    low, high = z + share * APART * sd, z - (1.0 - share) * APART * sd
    two = np.logaddexp(np.log(1.0 - share) - 0.5 * (low / sd) ** 2, np.log(share) - 0.5 * (high / sd) ** 2)
    return float((two.size * np.log(sd)) - (0.5 * z**2 + two).sum())


def _merge(clusters: Clusters, a: int, b: int, X: Array) -> None:
    """Make one cluster of two, of these latest events; the id that had more events stays."""
    book = clusters.ledger
    usual = dict(zip(ledger.live(book).tolist(), ledger.share(book).tolist(), strict=True))
    stays, goes = (a, b) if usual[a] >= usual[b] else (b, a)
    own = clusters.own()
    whole = np.isin(own, (a, b))
    w, mean, variance = (part[whole] for part in clusters.moments())
    if ppp.gain(w, mean, variance, own[whole] == b, clusters.penalty, clusters.floor) > 0.0:  # the gap is remembered
        micro.drop(clusters.micro, whole)
        micro.absorb(clusters.micro, X, stays, min(max(float(w.sum()) / len(X), 1.0), drifting.HEAVIER))
    else:
        own[whole] = stays
    ledger.add(book, stays, goes)
    ledger.leave(book, goes)
    book.changed[ledger.row(book, stays)] = clusters.learnt
    clusters.tell(
        "merged", stays, (goes,), usual[stays], usual[stays] + usual[goes],
        f"cluster {goes} went into {stays}: nothing lies between them any more",
    )  # fmt: skip
    births.forget_empty(clusters)
