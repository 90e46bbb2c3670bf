"""Shares of clusters that may be very unequal: the latest events are transported to them, and what is far to none.

Each event must go somewhere, whole or in parts. A cluster may take more or less than is expected of it, at a price, and
what lies far from all goes to a sink, whose mass is not fixed either. What a cluster has taken is its share of these
events, and what is expected of it follows that slowly. Posteriors alone would count a far event fully for one of the
clusters, and equal shares would fill the rare clusters with events of the common ones.

References
----------
Zhang, Ren and He, "P²OT: progressive partial optimal transport for deep imbalanced clustering", ICLR 2024; costs of far
events, the soft sink and what is carried from look to look are Driftline's own.

"""

from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering.frozen import Frozen
from driftline.models.clustering.macros import Macros
from driftline.models.parameters import positive
from driftline.models.transport import partial_ot

EPS, GAMMA = 0.1, 1.0
"""Weights of the entropy and of masses that differ from what is expected, nats."""
FEWEST, MOST = 0.002, 0.3
"""Bounds of the share of events that is expected to be far from all clusters."""
KEPT = 0.9
"""How much of what is expected stays after a look."""
TOL, ROUNDS = 1e-3, 200
"""Of the transport: a log scaling that is off by so little changes no share that matters."""
DEAR = 50.0
"""Costs are cut here, nats: what costs so much is not done."""
LEAST = 1e-4
"""Share that is expected of a cluster at least."""


class Taken(NamedTuple):
    """How events are shared out among k clusters and the sink."""

    mass: Array
    """(k,) share of the events that each has taken, above 0."""
    sink: float
    """Share of the events that none has taken; with `mass` the sum is 1."""
    start: Array
    """(k + 1,): for a next call on similar events."""
    rounds: int
    """Of the transport."""


def transported(clusters: Frozen, X: Array, far: float, start: Array | None = None) -> Taken:
    """Transport events to clusters, and what is far from all of them to none.

    Event i costs `-log posterior + ½ (d z² - d far²)₊` in a cluster from which it lies z standard deviations, and
    `½ (d far² - d min z²)₊` in the sink.

    Parameters
    ----------
    clusters
        k of them with the shares that are expected of each.
    X
        (n, d) events that have all features, in the features' own units, n at least 1.
    far
        The distance from which on an event belongs to no cluster, in standard deviations as `frozen.say` gives it;
        infinite for no sink.
    start
        (k + 1,): the `start` of an earlier answer.

    Raises
    ------
    ValueError
        `far` is not above 0, or shapes do not fit.

    >>> one = np.ones(1, np.int64)
    >>> at, share, zero = np.array([[0.0], [8.0]]), np.array([0.9, 0.1]), np.zeros(1)
    >>> two = Frozen(np.array([4, 9]), np.log(share), at, np.ones((2, 1)), zero, one, share)
    >>> taken = transported(two, np.array([[0.0], [0.2], [-0.5], [8.0], [90.0]]), 4.0)
    >>> taken.mass.round(2).tolist(), round(taken.sink, 2)
    ([0.6, 0.2], 0.2)
    """
    if far != np.inf:
        positive(far=far)
    squared = np.stack(
        [((X - mean) ** 2) @ by for mean, by in zip(clusters.mean, clusters.precision, strict=True)], axis=1
    )
    joint = clusters.level - 0.5 * squared
    cost = np.logaddexp.reduce(joint, axis=1, keepdims=True) - joint
    expected = np.maximum(clusters.share, LEAST)
    expected /= expected.sum()
    away, of_sink = 0.0, np.zeros(len(X))
    if far < np.inf:
        bound = float(clusters.active[0]) * far**2
        nearest = squared.min(axis=1)
        cost += 0.5 * np.maximum(squared - bound, 0.0)
        of_sink = np.minimum(0.5 * np.maximum(bound - nearest, 0.0), DEAR)
        away = min(max(float((nearest > bound).mean()), FEWEST), MOST)
    found = partial_ot(
        np.minimum(cost, DEAR),
        1.0 - away,
        expected,
        EPS,
        GAMMA,
        of_sink,
        sink_gamma=GAMMA,
        max_rounds=ROUNDS,
        tol=TOL,
        start=start,
    )
    return Taken(np.maximum(found.soft.mean(axis=0), 1e-300), float(found.sink.mean()), found.start, found.rounds)


def expected(clusters: Macros, before: Frozen | None) -> Array:
    """Return the shares (k,) that are expected of clusters: as before, or by the mass of those that are new.

    >>> now = Macros(np.array([2, 5]), np.array([30.0, 10.0]), np.zeros((2, 1)), np.ones((2, 1)))
    >>> expected(now, None).tolist()
    [0.75, 0.25]
    """
    share = clusters.mass / clusters.mass.sum()
    if before is not None:
        stood = np.isin(clusters.ids, before.ids)
        share[stood] = before.share[np.searchsorted(before.ids, clusters.ids[stood])]
    made: Array = share / share.sum()
    return made


def followed(clusters: Frozen, taken: Taken) -> Array:
    """Return the shares (k,) that are expected after a look, a tenth of the way to what was taken.

    >>> one = np.ones(1, np.int64)
    >>> at, share = np.zeros((2, 1)), np.full(2, 0.5)
    >>> even = Frozen(np.array([4, 9]), np.zeros(2), at, np.ones((2, 1)), np.zeros(1), one, share)
    >>> followed(even, Taken(np.array([0.6, 0.2]), 0.2, np.zeros(3), 1)).tolist()
    [0.525, 0.475]
    """
    made: Array = KEPT * clusters.share + (1.0 - KEPT) * taken.mass / taken.mass.sum()
    return made
