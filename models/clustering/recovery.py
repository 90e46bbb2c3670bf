"""A way out where clusters are stuck: all methods at hand propose, and the likeliest clusters are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.models.clustering import arbiter, mixture, restructure
from driftline.models.clustering.points import points

if TYPE_CHECKING:
    from driftline.models.clustering.clusters import Clusters

DEADLINE = 60
"""Eigendecompositions that the semidefinite programs may take: less than a tenth of a second."""
STARTS = 3
"""Of k-means++ and of EM."""
BELOW = 0.1
"""Nats an event and feature by which the density must have fallen to be in doubt."""
LOOKS = 3
"""Looks in a row at which it must have."""


def recover(clusters: Clusters) -> None:
    """Let PPP, k-means++, EM and the semidefinite programs propose; follow the likeliest, if it beats what there is."""
    own = clusters.own()
    if len(own) < 2 or not (own >= 0).any():
        return
    new, joined = clusters.partition()
    found = clusters.moments()
    k = int(new.max()) + 1
    floor = float(clusters.floor.min())
    if not joined:
        held = points(found.mean, found.weight, found.variance, most=len(own))
        proposed = arbiter.propose(
            found.weight,
            found.mean,
            found.variance,
            k,
            new,
            margin=restructure.PLAINLY * float(found.weight.sum()),
            penalty=clusters.penalty,
            floor=floor,
            starts=STARTS,
            deadline=DEADLINE,
        )
        if proposed is not None and proposed.score > mixture.score(held, new, clusters.penalty, floor):
            new = proposed.labels
    restructure.follow(clusters, np.asarray(new), sure=True, joined=joined)


def doubt(clusters: Clusters, level: float) -> bool:
    """Take the mean log density of the latest events; say whether it has been far below its best for long.

    After a doubt the present is the best: there is one attempt for each fall.
    """
    best, low = clusters.quality.tolist()
    if not np.isfinite(best) or level >= best:
        clusters.quality[:] = level, 0.0
        return False
    low = low + 1.0 if level < best - BELOW * clusters.d else 0.0
    if low >= LOOKS:
        clusters.quality[:] = level, 0.0
        return True
    clusters.quality[1] = low
    return False
