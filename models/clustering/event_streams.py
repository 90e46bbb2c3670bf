"""Streams of events whose clusters, births, deaths and jumps are known, to try stream clusterers on."""

from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.parameters import at_least, positive, within

NOISE = -1
"""The label of events that belong to no cluster."""


class Change(NamedTuple):
    """Something that happens to a cluster between two events."""

    at: int
    """The first event after it, counted from 0."""
    kind: str
    """`born`, `died` or `jumped`. The clusters of the first event are not told of."""
    label: int


class EventStream(NamedTuple):
    """Events and the truth about them."""

    X: Array
    """(n, d) float64 features."""
    labels: Array
    """(n,) int64: the cluster that each event is of, or `NOISE`."""
    changes: list[Change]
    """In the order of events."""


def blobs_abrupt(n: int = 8_000, d: int = 8, seed: int = 7) -> EventStream:
    """Make unequal Gaussian clusters that change all at once, half-way.

    Six centres are drawn from 2.2 N(0, I); cluster c has the standard deviation 0.6 + 0.15 c. In the first half four
    clusters make 60, 20, 12 and 8 % of the events. Then 0 jumps by 1.5 N(0, I), 2 by -2 N(0, I), 1 dies, 4 and 5 are
    born, and the shares are 45, 0, 20, 8, 22 and 5 %. All the while 3 drifts, 3 units in all, in one direction.

    Parameters
    ----------
    n
        Events, at least 2.
    d
        Features, at least 1.
    seed
        What all chance comes from, at least 0.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> stream = blobs_abrupt(1000)
    >>> stream.X.shape, np.unique(stream.labels[:500]).tolist(), np.unique(stream.labels[500:]).tolist()
    ((1000, 8), [0, 1, 2, 3], [0, 2, 3, 4, 5])
    >>> stream.changes[0]
    Change(at=500, kind='jumped', label=0)
    """
    at_least(2, n=n)
    at_least(1, d=d)
    at_least(0, seed=seed)
    rng = np.random.default_rng(seed)
    half = n // 2
    centres = 2.2 * rng.standard_normal((6, d))
    moved = centres.copy()
    moved[0] += 1.5 * rng.standard_normal(d)
    moved[2] -= 2.0 * rng.standard_normal(d)
    direction = _direction(d, rng)
    before = rng.choice(6, half, p=[0.60, 0.20, 0.12, 0.08, 0.0, 0.0])
    after = rng.choice(6, n - half, p=[0.45, 0.0, 0.20, 0.08, 0.22, 0.05])
    labels = np.concatenate([before, after])
    X = np.concatenate([centres[before], moved[after]])
    X += (0.6 + 0.15 * labels)[:, None] * rng.standard_normal((n, d))
    X += (labels == 3)[:, None] * (3.0 * np.arange(n) / n)[:, None] * direction
    kinds = {0: "jumped", 1: "died", 2: "jumped", 4: "born", 5: "born"}
    return EventStream(X, labels, [Change(half, kind, label) for label, kind in kinds.items()])


def rbf_events(
    n: int = 8_000, d: int = 8, seed: int = 3, kernels: int = 5, speed: float = 1.2e-4, noise: float = 0.05
) -> EventStream:
    """Make moving Gaussian clusters in the unit cube, with births, deaths and noise.

    Kernels begin anywhere in [0.15, 0.85]^d and are thrown back by its walls; their standard deviations are uniform in
    [0.04, 0.07], their weights in [0.3, 3]. One is born at 25, 62.5 and 81.25 % of the events, and the oldest (of
    several the first) dies at 43.75 and 75 %. Noise is uniform in the cube [0, 1]^d.

    Parameters
    ----------
    n
        Events, at least 2.
    d
        Features, at least 1.
    seed
        What all chance comes from, at least 0.
    kernels
        Clusters at first, at least 3.
    speed
        How far each kernel moves per event, above 0.
    noise
        The share of events of no cluster, in [0, 1).

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> stream = rbf_events()
    >>> [(change.at, change.kind) for change in stream.changes]
    [(2000, 'born'), (3500, 'died'), (5000, 'born'), (6000, 'died'), (6500, 'born')]
    >>> np.unique(stream.labels).tolist()
    [-1, 0, 1, 2, 3, 4, 5, 6, 7]
    """
    at_least(2, n=n)
    at_least(1, d=d)
    at_least(0, seed=seed)
    at_least(3, kernels=kernels)
    positive(speed=speed)
    within("[0, 1)", noise=noise)
    rng = np.random.default_rng(seed)
    most = kernels + 3
    start = rng.uniform(0.15, 0.85, (most, d))
    velocity = speed * np.stack([_direction(d, rng) for _ in range(most)])
    sd, weight = rng.uniform(0.04, 0.07, most), rng.uniform(0.3, 3.0, most)
    born = np.zeros(most, np.int64)
    born[kernels:] = [n // 4, n * 5 // 8, n * 13 // 16]
    dies = np.full(most, n, np.int64)
    dies[:2] = [n * 7 // 16, n * 3 // 4]
    at = np.arange(n)
    odds = np.where((born <= at[:, None]) & (at[:, None] < dies), weight, 0.0).cumsum(axis=1)  # (n, kernels)
    labels = (rng.random(n)[:, None] * odds[:, -1:] >= odds).sum(axis=1)
    age = (at - born[labels])[:, None]
    X = _reflected(start[labels] + age * velocity[labels])
    X += sd[labels][:, None] * rng.standard_normal((n, d))
    stray = rng.random(n) < noise
    X[stray] = rng.random((int(stray.sum()), d))
    labels[stray] = NOISE
    changes = [Change(int(born[k]), "born", k) for k in range(kernels, most)]
    changes += [Change(int(dies[k]), "died", k) for k in range(2)]
    return EventStream(X, labels, sorted(changes))


def unequal(n: int = 10_000, d: int = 8, seed: int = 0, imbalance: float = 100.0, clusters: int = 6) -> EventStream:
    """Make Gaussian clusters that stand still, of which each is rarer than the one before by the same factor.

    Centres are drawn from 2.2 N(0, I), standard deviations from [0.6, 1.2].

    Parameters
    ----------
    n
        Events, at least 2.
    d
        Features, at least 1.
    seed
        What all chance comes from, at least 0.
    imbalance
        How many times as common the first cluster is as the last one, at least 1.
    clusters
        How many, at least 2.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> np.bincount(unequal().labels).tolist()
    [6059, 2422, 925, 387, 137, 70]
    """
    at_least(2, n=n, clusters=clusters)
    at_least(1, d=d)
    at_least(0, seed=seed)
    within("[1, inf)", imbalance=imbalance)
    rng = np.random.default_rng(seed)
    share = imbalance ** (-np.arange(clusters) / (clusters - 1))
    centres, sd = 2.2 * rng.standard_normal((clusters, d)), rng.uniform(0.6, 1.2, clusters)
    labels = rng.choice(clusters, n, p=share / share.sum())
    return EventStream(centres[labels] + sd[labels][:, None] * rng.standard_normal((n, d)), labels, [])


def _direction(d: int, rng: np.random.Generator) -> Array:
    drawn = rng.standard_normal(d)
    direction: Array = drawn / np.linalg.norm(drawn)
    return direction


def _reflected(x: Array) -> Array:
    """Fold what has left [0.15, 0.85] back into it, as often as it takes."""
    way = (x - 0.15) % 1.4
    folded: Array = 0.15 + np.minimum(way, 1.4 - way)
    return folded
