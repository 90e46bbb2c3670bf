"""How strange an event is among the latest ones, and from where on it belongs to no cluster.

Clusters are never the Gaussians that stand for them, so nothing is read from a table. An event's distance to mass, that
is to the nearest micro-cluster as it is when the event comes, tells of strangeness in two ways: as a rank among those
of the latest events; and beside the farthest of a block of events, as it is in the median of many blocks, which a few
blocks full of strange events do not move. What is too far from all clusters is so by the median and the spread of the
latest distances, which half of the events would have to move.

References
----------
Vovk, Gammerman and Shafer, "Algorithmic learning in a random world" (2005): ranks as p-values. Gumbel, "Statistics of
extremes" (1958): maxima of blocks. Rousseeuw and Croux, "Alternatives to the median absolute deviation", JASA 88
(1993).

"""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtri

from driftline.models.base import Array
from driftline.models.clustering.ledger import BLOCK

HELD = 1_000
"""Events that are ranked among."""
BLOCKS = 80
"""Blocks whose farthest events tell what is usual."""
LEAST = 1e-3
"""Standard deviations of all events: what is usually nearer than that is taken to be so far."""
FEW = 100
"""Events before which nothing is called strange."""
USUAL = 0.999
"""Share of a Gaussian's events that are always taken for its own."""
SPREADS = 6.0
"""Median absolute deviations above the median at which a distance is too far."""


class Recent(NamedTuple):
    """Rings of the latest events, the oldest overwritten."""

    mass: Array
    """(HELD,) distances to the nearest micro-cluster."""
    farthest: Array
    """(BLOCKS,) the largest of those in each of the latest blocks; the last may not be whole."""
    log_density: Array
    """(HELD,) nats."""
    distance: Array
    """(HELD,) to the nearest cluster."""
    counts: Array
    """(1,) int64: events so far."""


class Ruler(NamedTuple):
    """What strangeness is measured by until the next look."""

    sorted: Array
    """(n,) distances to mass, ascending."""
    far: float
    """The distance from which on an event belongs to no cluster."""
    usual: float
    """The distance to mass of the farthest event of a block, in the median; infinite before it is known."""


def make() -> Recent:
    """Return rings that hold nothing."""
    return Recent(np.zeros(HELD), np.zeros(BLOCKS), np.zeros(HELD), np.zeros(HELD), np.zeros(1, np.int64))


def record(recent: Recent, mass: Array, log_density: Array, distance: Array) -> None:
    """Take events (n,), in order."""
    number = recent.counts[0] + np.arange(len(distance))
    at, block = number % HELD, number // BLOCK % BLOCKS
    recent.mass[at], recent.log_density[at], recent.distance[at] = mass, log_density, distance
    recent.farthest[block[number % BLOCK == 0]] = 0.0
    np.maximum.at(recent.farthest, block, mass)
    recent.counts[0] += len(distance)


def level(recent: Recent, n: int) -> float:
    """Return the mean log density of the `n` latest events, nats; -inf before there are so many."""
    if recent.counts[0] < n:
        return float("-inf")
    return float(recent.log_density[(recent.counts[0] - 1 - np.arange(n)) % HELD].mean())


def ruler(recent: Recent, d: int) -> Ruler:
    """Return what events of `d` features are measured by now."""
    count = int(recent.counts[0])
    n, blocks = min(count, HELD), min(count // BLOCK, BLOCKS)
    if n < FEW:
        return Ruler(np.zeros(0), np.inf, np.inf)
    middle = _upper_median(recent.distance[:n])
    spread = _upper_median(np.abs(recent.distance[:n] - middle))
    gaussian = float(np.sqrt(chdtri(d, 1.0 - USUAL) / d))
    far = max(gaussian, middle + SPREADS * spread)
    return Ruler(np.sort(recent.mass[:n]), far, max(_upper_median(recent.farthest[:blocks]), LEAST))


def _upper_median(values: Array) -> float:
    """Return the median, of two the larger: the two means that `numpy.median` takes cost more than all else here."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2])


def strangeness(ruler: Ruler, mass: Array) -> Array:
    """Return how many times farther (n,) events are from mass than the farthest of a block usually is.

    >>> recent = make()
    >>> record(recent, np.tile(np.linspace(0, 2, 50), 4), np.zeros(200), np.ones(200))
    >>> strangeness(ruler(recent, 2), np.array([0.0, 2.0, 50.0])).tolist()
    [0.0, 1.0, 25.0]
    """
    return mass / ruler.usual


def novelty(ruler: Ruler, mass: Array) -> Array:
    """Return (n,) in [0, 1): the share of the latest events that lie nearer; beyond the last of them it still grows.

    >>> recent = make()
    >>> record(recent, np.linspace(0, 9, 999), np.zeros(999), np.ones(999))
    >>> novelty(ruler(recent, 2), np.array([0.0, 4.5, 9.1, 50.0])).round(4).tolist()
    [0.0, 0.499, 0.999, 0.9999]
    """
    n = len(ruler.sorted)
    if not n:
        return np.zeros(len(mass))
    nearer = np.searchsorted(ruler.sorted, mass, side="left")
    beyond = np.maximum(mass - ruler.sorted[-1], 0.0)
    scale = max(float(ruler.sorted[-1] - ruler.sorted[n // 2]), 1e-9)
    # Of n + 1 equally probable ranks the last one is 1 / (n + 1); what lies beyond shares it out.
    last: Array = np.where(nearer == n, 1.0 - (1.0 - beyond / (scale + beyond)) / (n + 1), nearer / (n + 1))
    return last
