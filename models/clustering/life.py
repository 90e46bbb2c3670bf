"""What a clusterer tells of its clusters' lives: those that are alive, and what became of all that ever were."""

from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from driftline.models.base import Array

Happening: TypeAlias = Literal["born", "died", "split", "merged", "moved"]
"""What can happen to a cluster."""


class ClusterNow(NamedTuple):
    """A cluster that is alive."""

    id: int
    """Lasts as long as the cluster, and is given to no other."""
    born: int
    """Events that the model had learnt when it came to be."""
    share: float
    """In [0, 1]: its part of all that the model remembers; what belongs to no cluster is the rest to 1."""
    centre: Array
    """Mean of each feature, in the feature's own unit."""
    spread: Array
    """Standard deviation of each feature, in the feature's own unit."""
    name: str = ""
    """What people call it; empty where it has no name."""


class LifeEvent(NamedTuple):
    """Something that happened to a cluster."""

    at: int
    """Events that the model had learnt by then."""
    kind: Happening
    who: int
    """The cluster: of a split and of a merger the one that goes on under its id."""
    others: tuple[int, ...]
    """Of a split the new clusters, of a merger those that are no more; of a birth the one that it came from, if any."""
    text: str
    """The same for people."""


class ClusterLife(NamedTuple):
    """All that can be told of a model's clusters.

    >>> import numpy as np
    >>> calm = ClusterNow(0, 12, 0.75, np.array([20.0, 1.0]), np.array([0.5, 0.1]))
    >>> life = ClusterLife((calm,), (LifeEvent(12, "born", 0, (), "cluster 0 was born"),), 400, ("°C", "g"))
    >>> life.clusters[0].share
    0.75
    """

    clusters: tuple[ClusterNow, ...]
    """Those that are alive, by id."""
    history: tuple[LifeEvent, ...]
    """What happened, the oldest first; the model may keep the last of it only."""
    learnt: int
    """Events that the model has learnt."""
    features: tuple[str, ...]
    """The features' names, in the order of the centres."""


@runtime_checkable
class Living(Protocol):
    """Has clusters whose lives can be told."""

    def life(self) -> ClusterLife:
        """Return the clusters that are alive, and what happened; the model does not change."""
        ...
