"""Streams in which one thing happens to one cluster: a birth, a death, a split, a merger, a jump, or nothing at all."""

from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.parameters import at_least, positive

KINDS = ("quiet", "birth", "death", "split", "merge", "jump", "near jump")
APART = 8.0
"""How far two that part or come together are apart, after or before; a standard deviation is about 1."""
TOLD = 4.0
"""How many standard deviations apart two can be told apart: the halves then overlap in 2 % of events."""
NEAR = 5.0
"""How far a cluster jumps so that some of its events could still be of its old place."""
ROOM = 1.5 * APART
"""Least distance between two centres: whoever parts stays this far, less half of `APART`, from others."""
_TRIES = 100


class LifeEvent(NamedTuple):
    """What happens to a cluster, as the news of a clusterer would tell it."""

    kind: str
    """`born`, `died`, `split`, `merged` or `moved`."""
    at: int
    """The first event after it, counted from 0. Where two part or come together: when they are 4 standard
    deviations apart for the first time, or no longer."""
    who: int
    """The label to which it happens; of a split the one that goes on, of a merger the one that stays."""
    others: tuple[int, ...] = ()
    """Of a split the new label, of a merger the one that is no more."""


class LifeStream(NamedTuple):
    """Events and the truth about them."""

    X: Array
    """(n, d) float64 features."""
    labels: Array
    """(n,) int64: the cluster that each event is of."""
    events: list[LifeEvent]
    """What happens: one, or nothing in a quiet stream."""


def life_stream(
    kind: str, n: int = 8_000, d: int = 4, seed: int = 0, clusters: int = 4, pace: float = 6e-3
) -> LifeStream:
    """Make Gaussian clusters that stand still, and let one thing happen.

    Clusters have standard deviations of 0.8 to 1.2, weights of 1 to 2, and centres at least 12 apart. At half the
    events label 0 dies or jumps at once, to a free place or only 5 away; the last label is born; or the last two begin
    to part from one place, or to come together, each moving at `pace` along one direction, until they are 8 apart or in
    one place. While they are less than 4 standard deviations apart, all their events are of the label that goes on.

    Parameters
    ----------
    kind
        One of `KINDS`.
    n
        Events, at least 2.
    d
        Features, at least 1.
    seed
        What all chance comes from, at least 0.
    clusters
        How many there are, at most, at one time; at least 3.
    pace
        How far each of two moves per event, in standard deviations, above 0.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> stream = life_stream("birth", 1000)
    >>> stream.events, sorted(set(stream.labels[:500].tolist())), sorted(set(stream.labels[500:].tolist()))
    ([LifeEvent(kind='born', at=500, who=3, others=())], [0, 1, 2], [0, 1, 2, 3])
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    at_least(2, n=n)
    at_least(1, d=d)
    at_least(0, seed=seed)
    at_least(3, clusters=clusters)
    positive(pace=pace)
    rng = np.random.default_rng(seed)
    half, last = n // 2, clusters - 1
    centres = _apart(clusters + 1, d, rng)
    sd, weight = rng.uniform(0.8, 1.2, clusters), rng.uniform(1.0, 2.0, clusters)
    way = rng.standard_normal(d)
    way /= np.linalg.norm(way)
    at = np.arange(n)
    present = np.ones((n, clusters), bool)
    if kind == "birth":
        present[:half, last] = False
    if kind == "death":
        present[half:, 0] = False
    odds = np.where(present, weight, 0.0).cumsum(axis=1)
    labels = (rng.random(n)[:, None] * odds[:, -1:] >= odds).sum(axis=1)
    where = centres[labels]
    events = {
        "birth": [LifeEvent("born", half, last)],
        "death": [LifeEvent("died", half, 0)],
        "jump": [LifeEvent("moved", half, 0)],
        "near jump": [LifeEvent("moved", half, 0)],
    }.get(kind, [])
    if kind in ("jump", "near jump"):
        where[(labels == 0) & (at >= half)] = centres[-1] if kind == "jump" else centres[0] + NEAR * way
    elif kind in ("split", "merge"):
        sd[last] = sd[last - 1]
        stay, go = last - 1, last
        gap = _gap(kind, at, half, pace)
        where[labels == go] = centres[stay]
        where += np.where(labels == go, gap / 2, np.where(labels == stay, -gap / 2, 0.0))[:, None] * way
        told = gap >= TOLD * sd[go]
        when = int(told.argmax() if kind == "split" else (~told).argmax())
        events = [LifeEvent("split" if kind == "split" else "merged", when, stay, (go,))] if when else []
        labels = np.where((labels == go) & ~told, stay, labels)
    return LifeStream(where + sd[labels][:, None] * rng.standard_normal((n, d)), labels, events)


def _gap(kind: str, at: Array, half: int, pace: float) -> Array:
    """Return how far the two are apart at each event."""
    gone = 2.0 * pace * np.maximum(at - half, 0)
    gap: Array = np.minimum(gone, APART) if kind == "split" else np.maximum(APART - gone, 0.0)
    return gap


def _apart(count: int, d: int, rng: np.random.Generator) -> Array:
    """Draw centres of which no two are nearer than `ROOM`, wider where there is no room."""
    width = ROOM
    centres = np.zeros((0, d))
    while len(centres) < count:
        for _ in range(_TRIES):
            tried = rng.normal(0.0, width / d**0.5, d)
            if len(centres) == 0 or np.linalg.norm(centres - tried, axis=1).min() >= ROOM:
                centres = np.concatenate([centres, tried[None]])
                break
        else:
            width *= 1.2
    return centres
