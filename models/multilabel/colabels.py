"""Which labels occur together: their clusters and the hierarchy of these, kept up to date while events flow."""

from collections.abc import Sequence

import numpy as np

from driftline.models.base import Array, Plain, array, scalar
from driftline.models.multilabel import cooccurrence, label_changes, label_checks, label_drawing, label_tree
from driftline.models.multilabel.cooccurrence import (
    SHIFTED,
    SLOW,
    USUAL,
    Counts,
    observe,
    observe_both,
    structure_shift,
)
from driftline.models.multilabel.label_changes import Change
from driftline.models.multilabel.label_tree import CLUSTERS, LABELS, RESTRUCTURED, SETTLED, SHIFTS, WATCH, Tree
from driftline.models.parameters import at_least, positive, within

__all__ = ["Change", "LabelHierarchy", "observe", "observe_both", "structure_shift"]

ROOM = 8  # labels that there is room for at first
PACES = ("slow", "fast")


class LabelHierarchy:
    """Keep clusters of labels that occur together.

    Labels are numbers from 0, and clusters too. Of each event the pairs of its labels are counted, with fading; every
    hundred events or so the clusters are checked (see `label_checks`). A split or a merge changes numbers in arrays,
    nothing more: what models have learnt about the labels is theirs.

    Parameters
    ----------
    delta
        The chance of error of each test, in (0, 1). A check makes many.
    half_life
        Events after which an event counts half: long enough to know rare labels.
    fast_half_life
        The same for the counts in which a change is to be seen; shorter ones see it earlier, and small ones not.
    check_every
        Events between two checks, as is recommended to who calls them.
    min_size
        Labels that a cluster has at least, from 1; at 2 labels that never occur with others stay with some.
    min_count
        Events, faded, that a label must have before it is placed for good, and that a pair must have to tell of a
        shift, above 0. Of fewer, chance may make the best of friends.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Rodrigues, Gama and Pedroso, "Hierarchical clustering of time-series data streams", IEEE TKDE 20 (2008): ODAC.
    "Online hierarchical partitioning of the output space in extreme multi-label data streams", arXiv 2507.20894.

    >>> hierarchy = LabelHierarchy()
    >>> changes = hierarchy.grow(5)
    >>> for t in range(400):
    ...     hierarchy.observe([[0, 3], [1, 4], [1, 2], [1, 2, 4]][t % 4])
    ...     if t % hierarchy.check_every == 0:
    ...         changes += hierarchy.check()
    >>> hierarchy.cluster_of.tolist(), hierarchy.n_clusters
    ([1, 0, 0, 1, 0], 2)
    >>> changes[-1]
    Change(kind='split', labels=[0, 1, 2, 3, 4], before=[[0, 1, 2, 3, 4]], after=[[1, 2, 4], [0, 3]])
    >>> print(hierarchy.draw(["sun", "rain", "wind", "heat", "cold"]))
    5 labels in 2 clusters, 1.00 apart
    ├── cluster 1: sun, heat
    └── cluster 0: rain, wind, cold
    """

    def __init__(
        self,
        delta: float = 0.02,
        half_life: float = 2000.0,
        fast_half_life: float = 200.0,
        check_every: int = 100,
        min_size: int = 2,
        min_count: float = 5.0,
    ):
        within("(0, 1)", delta=delta)
        within("(0, inf]", half_life=half_life, fast_half_life=fast_half_life)
        at_least(1, check_every=check_every, min_size=min_size)
        positive(min_count=min_count)
        self.delta, self.half_life, self.fast_half_life = delta, half_life, fast_half_life
        self.check_every, self.min_size, self.min_count = check_every, min_size, min_count
        self.counts = self._counts(ROOM)
        self.tree = label_tree.make(ROOM)
        self.changes: list[Change] = []
        """What the last call of `grow`, `check` or `rebuild` changed."""

    @property
    def n_labels(self) -> int:
        """How many labels are known."""
        return int(self.tree.tally[LABELS])

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.tree.tally[CLUSTERS])

    @property
    def n_restructured(self) -> int:
        """How many checks split, merged or regrouped clusters."""
        return int(self.tree.tally[RESTRUCTURED])

    @property
    def n_shifts(self) -> int:
        """How often the slow counts gave way to the fast, as what occurs together had changed."""
        return int(self.tree.tally[SHIFTS])

    @property
    def cluster_of(self) -> Array:
        """The cluster of each label, (L,) int32, from 0 to `n_clusters` - 1."""
        return self.tree.cluster_of[: self.n_labels]

    @property
    def origin(self) -> Array:
        """What number each cluster had before the last check, (K,) int32; -1 for one that is new.

        A cluster goes on in the one that most of its labels are in, and keeps its number, if there are as many.
        """
        return self.tree.origin[: self.n_clusters]

    def grow(self, n: int) -> list[Change]:
        """Know `n` labels and return what that changed. New ones join the largest cluster until they are seen."""
        at_least(self.n_labels, n=n)
        before = self._before(n)
        room = len(self.tree.standing)
        if n > room:
            room = max(n, 2 * room)
            counts, tree = self._counts(room), label_tree.make(room)
            for old, new in (*zip(self.counts[:2], counts[:2], strict=True), *zip(self.tree, tree, strict=True)):
                new[tuple(slice(size) for size in old.shape)] = old
            self.counts, self.tree = counts._replace(scales=self.counts.scales, fades=self.counts.fades), tree
        label_tree.grow(self.tree, n)
        return self._changed(*before)

    def observe(self, on: Sequence[int] | Array) -> None:
        """Count an event that has these labels, all known and different."""
        labels = np.asarray(on, np.int64).reshape(-1)
        if len(labels) and not 0 <= labels.min() <= labels.max() < self.n_labels:
            raise ValueError(f"labels must be from 0 to {self.n_labels - 1}, got {list(on)}")
        observe_both(self.counts, labels, len(labels))

    def check(self) -> list[Change]:
        """Bring the clusters up to date and return what that changed."""
        before = self._before(self.n_labels)
        label_checks.check(self.counts, self.tree, self.delta, self.min_count, self.min_size)
        return self._changed(*before)

    def rebuild(self) -> list[Change]:
        """Forget what is older than the fast counts, divide all labels from scratch, and return what that changed."""
        before = self._before(self.n_labels)
        label_checks.rebuild(self.counts, self.tree, self.delta, self.min_count, self.min_size)
        return self._changed(*before)

    def draw(self, names: Sequence[object] | None = None, most: int = 12) -> str:
        """Return the hierarchy as a tree of lines: how far apart its parts are, and the clusters' labels.

        Parameters
        ----------
        names
            Of the labels; their numbers by default.
        most
            Labels of a cluster that are named; of others, their number is.
        """
        return label_drawing.draw(self.tree, names, most)

    def state(self) -> dict[str, Plain]:
        """Return what was learnt; of the counts, those of pairs that have occurred."""
        n = self.n_labels
        state: dict[str, Plain] = {"n": n, "scales": self.counts.scales.copy()}
        for name, counts in zip(PACES, self.counts[:2], strict=True):
            place = np.flatnonzero(np.triu(counts[:n, :n]))
            state[name] = counts[:n, :n].reshape(-1)[place]
            state[f"{name} at"] = place
        for name, part in zip(self.tree._fields, self.tree, strict=True):
            state[name] = part[: _used(name, n)].copy()
        return state

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the hierarchy that gave this state, which has the same parameters.

        Raises
        ------
        ValueError
            The state does not fit.
        """
        n = scalar(state, "n", int)
        at_least(0, n=n)
        room = max(n, len(self.tree.standing))
        counts, tree = self._counts(room), label_tree.make(room)
        counts.scales[:] = array(state, "scales", like=counts.scales)
        for name, part in zip(PACES, counts[:2], strict=True):
            place = state.get(f"{name} at")
            size = len(place) if isinstance(place, np.ndarray) else 0
            place = array(state, f"{name} at", like=np.zeros(size, np.int64))
            if size and not 0 <= place.min() <= place.max() < n * n:
                raise ValueError(f"state '{name} at' must be from 0 to {n * n - 1}")
            a, b = np.divmod(place, max(n, 1))
            part[a, b] = part[b, a] = array(state, name, like=np.zeros(size))
        for name, part in zip(tree._fields, tree, strict=True):
            used = part[: _used(name, n)]
            used[:] = array(state, name, like=used)
        _check(tree, n)
        counts.fades[SLOW] = counts.fades[SHIFTED if tree.tally[WATCH] > 0 else USUAL]
        self.counts, self.tree, self.changes = counts, tree, []

    def _counts(self, room: int) -> Counts:
        return cooccurrence.make(room, self.half_life, self.fast_half_life)

    def _before(self, n: int) -> tuple[Array, Array]:
        before, settled = np.full(n, -1, np.int32), np.zeros(n, np.bool_)
        before[: self.n_labels] = self.cluster_of
        settled[: self.n_labels] = self.tree.standing[: self.n_labels] == SETTLED
        return before, settled

    def _changed(self, before: Array, settled: Array) -> list[Change]:
        self.changes = label_changes.changes(before, self.cluster_of, settled)
        return self.changes


def _used(name: str, n: int) -> int:
    """Return how much of an array of the tree is used, given how many labels there are."""
    return label_tree.TALLY if name == "tally" else 2 * n if name in label_tree.OF_NODES else n


def _check(tree: Tree, n: int) -> None:
    """Refuse what the compiled loops would follow out of their arrays."""
    nodes, labels = 2 * n, slice(n)
    for name, low, high in (
        ("parent", -1, nodes), ("left", -1, nodes), ("right", -1, nodes), ("level", -1, n), ("number", -1, n),
        ("node_of", 0, nodes), ("cluster_of", 0, n), ("joining", -1, n), ("leaving", -1, n), ("proposed", -1, n),
        ("proposed_all", -1, n), ("origin", -1, n),
    ):  # fmt: skip
        part = getattr(tree, name)[: _used(name, n)]
        if part.size and not low <= part.min() <= part.max() < high:
            raise ValueError(f"state {name!r} must be from {low} to {high - 1}")
    if tree.tally[LABELS] != n or not (tree.number[tree.node_of[labels]] == tree.cluster_of[labels]).all():
        raise ValueError("state 'cluster_of' does not fit the nodes")
