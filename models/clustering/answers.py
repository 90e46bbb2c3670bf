"""What a clusterer says of events."""

from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering.micro import UNASSIGNED


class Answers(NamedTuple):
    """What is said of n events."""

    ids: Array
    """(n,) int64: the cluster of each, -1 for none."""
    confidence: Array
    """(n,) in [0, 1]."""
    distance: Array
    """(n,) to the nearest cluster, in its own standard deviations; infinite where there is none yet."""
    novelty: Array
    """(n,) in [0, 1): the share of the latest events that lie nearer to mass."""
    strangeness: Array
    """(n,) distance to mass over that which the farthest of a block usually has; 0 before there is anything usual."""
    likeliest: Array
    """(n,) int64: the most probable cluster, also of an event that belongs to none; -1 before there are clusters."""


def nothing(n: int) -> Answers:
    """Return what is said of n events before there are clusters.

    >>> nothing(2).ids.tolist(), nothing(2).distance.tolist()
    ([-1, -1], [inf, inf])
    """
    none = np.full(n, UNASSIGNED)
    return Answers(none, np.zeros(n), np.full(n, np.inf), np.zeros(n), np.zeros(n), none)
