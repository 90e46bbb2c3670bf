"""iHOMER: an online hierarchy of multi-label learners whose parts share all that they can share."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from river import base

from driftline.models import adwin_bank, arrays
from driftline.models.base import Array, Branch, Features, News, Plain, array, scalar
from driftline.models.columns import Columns
from driftline.models.held import Held
from driftline.models.multilabel import event_rows, ihomer_step, succession
from driftline.models.multilabel.colabels import LabelHierarchy
from driftline.models.multilabel.event_rows import Rows
from driftline.models.multilabel.label_outline import outline
from driftline.models.parameters import at_least

_SIZES = {"features": 16, "labels": 8, "clusters": 4, "dense": 16, "sparse": 16}
"""Room at first; doubled as needed."""
_MOST = 1 << 24
_PASSING = ("_scratch", "_held", "_held_parts", "_news")
"""What is made anew and no part of a copy."""
_NAMED = 8
"""Labels that are named in a text."""


class IHomer(base.MultiLabelClassifier):  # type: ignore[misc]
    """Predict sets of labels, and keep a hierarchy of the labels that occur together.

    Each event gets seven opinions on each label: a large-margin learner, a Bayesian logistic regression, the nearest
    events of a window, two running rates, a tree that all labels share, and how active the label's cluster is. A mixer
    weighs them for all labels, for each cluster and for each label; one threshold, found on the stream itself, makes
    yes and no of the probabilities. Labels are clustered by the Jaccard distance of their co-occurrence, divisively and
    agglomeratively, with fading; what belongs to a cluster is only its mixer, its activity and its drift detector, so
    that a split or a merge forgets nothing of what labels have learnt.

    The paper's cluster is a whole learner that begins anew when its labels change. Rebuilt that way it was worse than
    one learner for all labels on two of five data sets, for it forgets at each change; hence the other way here.

    Parameters
    ----------
    partition
        Whether labels are clustered. Without, one tree and one mixer serve all labels.
    window
        Recent events among which neighbours are looked for.
    max_labels, max_features
        Bounds on memory, about 16 bytes for each pair of both. One label too many is an error; features beyond the
        bound share the columns of others.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    "Online hierarchical partitioning of the output space in extreme multi-label data streams", arXiv 2507.20894.
    Esteban, Cano, Zafra and Ventura, Knowledge-Based Systems 304 (2024): MLHAT, the tree. Rodrigues, Gama and Pedroso,
    IEEE TKDE 20 (2008): ODAC, the hierarchy.

    >>> model = IHomer()
    >>> model.predict_one({"load": 1.0})
    {}
    >>> for load in [1.0, 9.0] * 50:
    ...     model.learn_one({"load": load}, {"busy": load > 5, "idle": load < 5})
    >>> model.predict_one({"load": 8.0})
    {'busy': True, 'idle': False}

    """

    def __init__(
        self, partition: bool = True, window: int = 1_000, max_labels: int = 1_024, max_features: int = 16_384
    ):
        at_least(1, window=window, max_labels=max_labels, max_features=max_features)
        self.partition = partition
        self.window = window
        self.max_labels = max_labels
        self.max_features = max_features
        self._features = Columns(max_features)
        self._labels = Columns(max_labels)
        self.hierarchy = LabelHierarchy()
        """Which labels occur together, and the clusters made of that."""
        self._sizes = dict(_SIZES)
        self._make()
        self._news: list[News] = []

    def _make(self) -> None:
        self._state = ihomer_step.make(**self._sizes, window=self.window)
        self._bank = adwin_bank.make(1 + self._sizes["clusters"])
        self._losses = np.zeros((1 + self._sizes["clusters"], 2))
        self._scratch = ihomer_step.scratch(self._state)
        self._held: Held | None = None
        self._held_parts: tuple[Any, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _PASSING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._news = []
        self._scratch = ihomer_step.scratch(self._state)
        self._held = None

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {}

    @classmethod
    def warm_up(cls) -> None:
        """Compile what will be needed: it takes a minute the first time on a machine, and a second later on."""
        model = cls()
        model.learn_one({"x": 1.0}, {"y": True})
        model.predict_one({"x": 1.0})
        model.hierarchy.check()
        ihomer_step.doubt(model._state, -1, 1)
        ihomer_step.begin_race(model._state)

    # -- one event ---------------------------------------------------------------------------------------------------

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[Any, dict[bool, float]]:
        """Return the probabilities of no and yes for each label known so far."""
        return self.predict_proba_rows([x])[0]

    def predict_one(self, x: Features, **kwargs: Any) -> dict[Any, bool]:
        """Return yes or no for each label known so far."""
        p = self._probabilities(event_rows.of_events([x], self._features, add=False))[0]
        return dict(zip(self._labels.names, (p > self.threshold).tolist(), strict=True))

    def learn_one(self, x: Features, y: Mapping[Any, bool]) -> None:
        """Learn the labels of one event; a known label that is not named counts as no."""
        self.learn_rows([x], [y])

    # -- runs of events ----------------------------------------------------------------------------------------------

    def predict_proba_rows(self, xs: Sequence[Features]) -> list[dict[Any, dict[bool, float]]]:
        """Return for each event what `predict_proba_one` gives."""
        names = self._labels.names
        found = self._probabilities(event_rows.of_events(xs, self._features, add=False))
        return [{name: {False: 1.0 - p, True: p} for name, p in zip(names, row, strict=True)} for row in found.tolist()]

    def learn_rows(self, xs: Sequence[Features], ys: Sequence[Mapping[Any, bool]]) -> None:
        """Learn events in order, with exactly the results of one by one. Raises `ValueError` before anything is learnt.

        A label counts from the first event that names it.
        """
        if len(xs) != len(ys):
            raise ValueError(f"{len(xs)} events and {len(ys)} sets of labels")
        known = self._labels.column_of
        newly = [row for row, y in enumerate(ys) if not all(name in known for name in y)]
        if newly:
            new = {name for row in newly for name in ys[row] if name not in known}
            if len(self._labels) + len(new) > self.max_labels:
                raise ValueError(f"more than max_labels = {self.max_labels} labels: set it higher")
        for first, last in pairwise([0, *(row for row in newly if row), len(xs)]):  # a run begins with what is new
            if first < last:
                truths = event_rows.of_labels(ys[first:last], self._labels)
                self._learn(event_rows.of_events(xs[first:last], self._features, add=True), truths)

    # -- arrays ------------------------------------------------------------------------------------------------------

    def predict_many(self, x: Any, proba: bool = False) -> Array:
        """Return decisions (or probabilities), (n, L), for a float32 array (n, d) or a CSR matrix."""
        p = self._probabilities(event_rows.of_arrays(x, self._features))
        return p if proba else (p > self.threshold).astype(np.uint8)

    def learn_many(self, x: Any, y: Array) -> None:
        """Learn the rows of `x` (n, d) and `y` (n, L), of 0 and 1, in order."""
        self._prequential(x, y)

    def prequential_many(self, x: Any, y: Array, proba: bool = False) -> Array:
        """Return decisions (or probabilities), (n, L), as they stood before each row was learnt; then learn it.

        Features and labels are named by their columns. Raises `ValueError` where `y` holds other values than 0 and 1,
        or another number of rows than `x`.

        >>> x, y = np.eye(2, dtype=np.float32)[[0, 1] * 20], np.eye(2, dtype=np.uint8)[[0, 1] * 20]
        >>> IHomer().prequential_many(x, y)[-2:].tolist()
        [[1, 0], [0, 1]]
        """
        p, cut = self._prequential(x, y)
        return p if proba else (p > cut[:, None]).astype(np.uint8)

    def _prequential(self, x: Any, y: Any) -> tuple[Array, Array]:
        y = np.asarray(y)
        if y.ndim != 2 or not np.isin(y, (0, 1)).all():
            raise ValueError(f"Y must be an array (events, labels) of 0 and 1, got {y.dtype} of shape {y.shape}")
        if y.shape[1] > self.max_labels:
            raise ValueError(f"{y.shape[1]} labels, more than max_labels = {self.max_labels}: set it higher")
        rows = event_rows.of_arrays(x, self._features)
        if len(rows.start) - 1 != len(y):
            raise ValueError(f"X has {len(rows.start) - 1} rows and Y has {len(y)}")
        self._features.widen(rows.width)
        self._labels.widen(y.shape[1])
        truths = np.zeros((len(y), len(self._labels)), dtype=np.uint8)
        truths[:, : y.shape[1]] = y
        p, cut = self._learn(rows, truths)
        return p[:, : y.shape[1]], cut

    # -- the road of all ---------------------------------------------------------------------------------------------

    def _probabilities(self, rows: Rows) -> Array:
        labels = len(self._labels)
        if rows.width > self._sizes["features"]:
            rows = _narrow(rows, self._sizes["features"])
        out = np.zeros((len(rows.start) - 1, labels), dtype=np.float32)
        if labels:
            ihomer_step.predict(self._hold(), *rows, labels, out)
        return out

    def _hold(self) -> Held:
        """Hold all arrays for compiled code; again where any of them was replaced."""
        parts = (self._state, self._scratch, self.hierarchy.counts, self._bank, self._losses)
        if self._held is None or any(new is not old for new, old in zip(parts, self._held_parts, strict=True)):
            self._held, self._held_parts = ihomer_step.hold(*parts), parts
        return self._held

    def _learn(self, rows: Rows, truths: Array) -> tuple[Array, Array]:
        """Answer and learn; return probabilities and the threshold for each event."""
        n, labels = truths.shape
        out, cut = np.zeros((n, labels), dtype=np.float32), np.full(n, 0.5)
        self._grow(features=rows.width, sparse=rows.widest, labels=labels)
        self._meet(labels)
        self._news = []
        every, done = self.hierarchy.check_every if self.partition else 0, 0
        while done < n:
            done, why = ihomer_step.run(self._hold(), every, *rows, truths, done, labels, out, cut)
            if why & ihomer_step.FULL:
                self._grow(dense=2 * self._sizes["dense"])
            if why & ihomer_step.DRIFT:
                self._doubt(done - 1)
            if why & ihomer_step.TREE:
                self._tell(
                    done - 1, "tree", "the tree grown since the last drift answers better and took over", 0.0, 0.0
                )
            if why & ihomer_step.CHECK:
                self._restructure(done - 1)
        return out, cut

    def _grow(self, **wanted: int) -> None:
        """Make room, in powers of two."""
        if all(size <= self._sizes[name] for name, size in wanted.items()):
            return
        sizes = {name: max(have, _room(wanted.get(name, 0))) for name, have in self._sizes.items()}
        state, bank, losses = self._state, self._bank, self._losses
        self._sizes = sizes
        self._make()
        arrays.pour(state, self._state)
        arrays.pour(bank, self._bank)
        self._losses[: len(losses)] = losses

    def _meet(self, labels: int) -> None:
        """Take labels in that are new: as rare as they were so far, in the cluster that the hierarchy gives them."""
        known = int(self._state.tally[6])
        if labels == known:
            return
        self._state.tally[6] = labels
        self._state.rates[:, known:labels] = 1.0 / (self._state.tally[0] + 2.0)
        if self.partition:
            self.hierarchy.grow(labels)
            self._follow()

    def _doubt(self, row: int) -> None:
        """Detectors have told of drifts: let what they watch move faster, and tell."""
        windows = self._bank.windows
        for g in np.flatnonzero(windows[: 1 + self.n_clusters, adwin_bank.DRIFTED]).tolist():
            total, n = self._losses[g].tolist()
            recent, kept = windows[g, [adwin_bank.TOTAL, adwin_bank.LENGTH]].tolist()
            before, after = (total - recent) / max(n - kept, 1.0), recent / kept
            self._losses[g] = recent, kept
            ihomer_step.doubt(self._state, g - 1, len(self._labels))
            if g == 0:
                ihomer_step.begin_race(self._state)
            what = f"labels {self._said(np.flatnonzero(self._of() == g - 1).tolist())}" if g else "all labels"
            self._tell(row, "drift", f"more is wrong with {what} (Hamming loss)", before, after)

    def _tell(self, row: int, kind: str, text: str, before: float, after: float) -> None:
        self._news.append(News(row, self.n_learnt, kind, text, before, after))

    def _of(self) -> Array:
        return self._state.cluster_of[: len(self._labels)]

    def _said(self, labels: Sequence[int]) -> str:
        few = ", ".join(str(self._labels.names[label]) for label in labels[:_NAMED])
        return few if len(labels) <= _NAMED else f"{few} and {len(labels) - _NAMED} more"

    def _restructure(self, row: int) -> None:
        """Check the hierarchy, and let what belongs to clusters follow it."""
        before = self.n_clusters
        changes = self.hierarchy.check()
        self.hierarchy.changes = []
        if not changes:
            return
        self._follow()
        for change in changes:
            if change.kind != "new_label":
                old, new = (" | ".join(self._said(one) for one in of) for of in (change.before, change.after))
                text = f"labels that occur together: {old} became {new} (clusters)"
                self._tell(row, change.kind, text, before, self.n_clusters)

    def _follow(self) -> None:
        """Take over the clusters of the hierarchy."""
        self.hierarchy.changes = []  # told, and no part of the state
        self._grow(clusters=self.hierarchy.n_clusters)
        clusters = self.hierarchy.n_clusters
        succession.succeed(self._state, self._bank, self._losses, self.hierarchy.cluster_of, clusters)

    # -- what is not arrays alone ------------------------------------------------------------------------------------

    @property
    def threshold(self) -> float:
        """The probability above which the answer is yes."""
        return float(self._state.counts.chosen[1])

    @property
    def n_clusters(self) -> int:
        """How many clusters of labels there are."""
        return int(self._state.tally[1])

    @property
    def n_learnt(self) -> int:
        """How many events were learnt."""
        return int(self._state.tally[0])

    @property
    def memory_bytes(self) -> int:
        """The size of all arrays."""
        return (
            arrays.size(self._state)
            + arrays.size(self._bank)
            + arrays.size(self.hierarchy.counts)
            + arrays.size(self.hierarchy.tree)
        )

    def clusters(self) -> list[list[Any]]:
        """Return the labels of each cluster."""
        names: list[list[Any]] = [[] for _ in range(self.n_clusters)]
        for name, cluster in zip(self._labels.names, self._of().tolist(), strict=True):
            names[cluster].append(name)
        return names

    def draw(self) -> str:
        """Return the hierarchy of labels as lines of text: how far apart clusters are, by Jaccard's distance."""
        if self.partition:
            return self.hierarchy.draw(self._labels.names)
        return f"{len(self._labels)} labels, not clustered"

    def outline(self) -> Branch:
        """Return the hierarchy of labels as parts to draw."""
        if not self.partition:
            return Branch(", ".join(map(str, self._labels.names)), 0.0)
        return outline(self.hierarchy.tree, self._labels.names)

    def gauges(self) -> dict[str, float]:
        """Return how many clusters, labels and features there are, how often clusters changed, and bytes."""
        return {
            "clusters": self.n_clusters,
            "labels": len(self._labels),
            "features": len(self._features),
            "restructurings": self.hierarchy.n_restructured,
            "tree_nodes": int(self._state.tree.counts[0]),
            "threshold": self.threshold,
            "bytes": self.memory_bytes,
        }

    def news(self) -> list[News]:
        """Return what happened during the last call that learnt, and forget it."""
        news, self._news = self._news, []
        return news

    # -- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Plain]:
        """Return what was learnt, as arrays and names."""
        return {
            "features": list(self._features.names),
            "labels": list(self._labels.names),
            "sizes": dict(self._sizes),
            "arrays": arrays.flat(self._state),
            "detectors": arrays.flat(self._bank),
            "losses": self._losses.copy(),
            "hierarchy": self.hierarchy.state(),
        }

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state. Raises `ValueError`, and is unchanged, where it does not fit."""
        made = type(self)(**self._get_params())
        sizes = scalar(state, "sizes", dict)
        if sizes.keys() != _SIZES.keys() or any(size != _room(size) or size > _MOST for size in sizes.values()):
            raise ValueError(f"state 'sizes' must be powers of two for {', '.join(_SIZES)}, got {sizes}")
        features, labels = scalar(state, "features", list), scalar(state, "labels", list)
        if len(features) > min(sizes["features"], self.max_features) or len(labels) > min(
            sizes["labels"], self.max_labels
        ):
            raise ValueError(
                f"state has {len(features)} features and {len(labels)} labels, more than its arrays or bounds"
            )
        made._sizes = dict(sizes)
        made._make()
        made._features.restore(features)
        made._labels.restore(labels)
        arrays.refill(made._state, scalar(state, "arrays", dict))
        arrays.refill(made._bank, scalar(state, "detectors", dict))
        made._losses = array(state, "losses", like=made._losses)
        made.hierarchy.restore(scalar(state, "hierarchy", dict))
        self.__dict__.update(made.__dict__)


def _room(n: int) -> int:
    """Return the next power of two."""
    return 1 << max(n - 1, 0).bit_length()


def _narrow(rows: Rows, width: int) -> Rows:
    """Leave out columns that there is no room for yet: nothing was learnt of them."""
    known = rows.column < width
    start = np.concatenate([[0], np.cumsum(known)])[rows.start]
    return Rows(start, rows.column[known], rows.value[known])
