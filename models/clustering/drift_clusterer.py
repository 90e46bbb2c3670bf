"""One online clusterer for numeric events: no number of clusters, no radius, ids that last as long as their clusters.

Driftline's own design. Micro-clusters hold the stream (`micro.py`), PPP makes clusters of them (`ppp.py`) at the scale
that stands out, unless they are Gaussians (`coarseness.py`, `gaussianity.py`); events of no cluster and clusters
without events tell of births, deaths and jumps (`births.py`), the latest events of parts, mergers and moves
(`drifting.py`, `restructure.py`); strangeness is a rank (`strangeness.py`); where a likelihood stays low, methods that
do not get stuck are asked as well (`recovery.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite
from numbers import Real
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from river import base

from driftline.models import arrays
from driftline.models.base import Array, Assignment, Features, News, Plain, scalar
from driftline.models.clustering import event_streams, ledger, macros, micro, recovery
from driftline.models.clustering.answers import Answers, nothing
from driftline.models.clustering.clusters import Clusters, Happened
from driftline.models.clustering.life import ClusterLife, ClusterNow, LifeEvent
from driftline.models.clustering.micro import FARTHEST, UNASSIGNED
from driftline.models.columns import Columns
from driftline.models.parameters import at_least, positive

Shares: TypeAlias = Literal["transport", "masses"]
_HAPPENED = (int, str, int, list, float, float, str)


class DriftClusterer(base.Clusterer):  # type: ignore[misc]
    """Cluster a stream whose clusters move, split, merge, die and are born, and say so.

    Distances are taken in standard deviations of all events so far, so that units do not matter. Features may appear at
    any time, and an event may lack some: those are taken to be usual.

    Parameters
    ----------
    half_life
        Events after which an event counts half. What changes plainly is forgotten sooner.
    micro_clusters
        Micro-clusters that hold the stream, at least 10: what bounds memory, with `max_features`.
    max_features
        Features that are used; those that come later are passed over, and counted in `gauges`.
    max_history
        The last happenings that `life` tells.
    shares
        What the clusters' prior probabilities are: "masses", their decayed events, or "transport", what each takes of
        the latest events in a partial transport (`shares.py`). No stream was found on which it matters, also where some
        clusters are a hundred times as rare as others (`python -m benchmarks.clustering.imbalance` has both).

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Those of the parts; for sums over micro-clusters, Aggarwal, Han, Wang and Yu, "A framework for clustering evolving
    data streams", VLDB 2003.

    >>> rng = np.random.default_rng(1)
    >>> model = DriftClusterer()
    >>> for at in range(600):
    ...     model.learn_one({"load": rng.normal(20 if at % 3 else 80, 2.0), "heat": rng.normal(40, 1.0)})
    >>> model.predict_one({"load": 21.0, "heat": 40.0}) == model.predict_one({"load": 19.0, "heat": 41.0})
    True
    >>> model.predict_one({"load": 21.0, "heat": 40.0}) == model.predict_one({"load": 79.0, "heat": 41.0})
    False
    >>> model.score_one({"load": 50.0, "heat": 40.0}) > 2 * model.score_one({"load": 20.0, "heat": 40.0})
    True

    """

    def __init__(
        self,
        half_life: float = 2_000.0,
        micro_clusters: int = 100,
        max_features: int = 1_024,
        max_history: int = 1_000,
        shares: Shares = "masses",
    ):
        positive(half_life=half_life)
        at_least(10, micro_clusters=micro_clusters)
        at_least(1, max_features=max_features, max_history=max_history)
        self.half_life = half_life
        self.micro_clusters = micro_clusters
        self.max_features = max_features
        self.max_history = max_history
        if shares not in get_args(Shares):
            raise ValueError(f"shares must be one of {', '.join(get_args(Shares))}, got {shares!r}")
        self.shares: Shares = shares
        self._columns = Columns(max_features)
        self._clusters: Clusters | None = None
        self._history: list[Happened] = []
        self._news: list[News] = []
        self._ignored = 0

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {}

    @classmethod
    def warm_up(cls) -> None:
        """Compile what will be needed: it takes a while the first time on a machine, and a second later on."""
        model = cls(micro_clusters=20)
        model.learn_many(event_streams.blobs_abrupt(4_000, 2).X)  # jumps, births and deaths
        if model._clusters is not None:  # is not asked for each stream
            found = model._clusters.moments()
            model._clusters.gaussian(found, np.arange(len(found.weight)) % 2)

    # -- one event ---------------------------------------------------------------------------------------------------

    def predict_one(self, x: Features) -> int:
        """Return the id of an event's most probable cluster, -1 before there are any.

        An event that is far from all has one too; `assign_one` says whether it belongs there at all.
        """
        if self._clusters is None:
            return UNASSIGNED
        return int(self._clusters.answer(self._dense([x])).likeliest[0])

    def score_one(self, x: Features) -> float:
        """Return how strange an event is: how far from all that was learnt, 1 for the farthest of 50 as is usual.

        What has come once is learnt, so that it is no longer as strange. 0 before there is anything usual.
        """
        if self._clusters is None:
            return 0.0
        return float(self._clusters.answer(self._dense([x])).strangeness[0])

    def assign_one(self, x: Features) -> Assignment:
        """Return an event's cluster, -1 where it belongs to none, how sure that is, how far it lies and how strange."""
        if self._clusters is None:
            return _NOWHERE
        return _assignments(self._clusters.answer(self._dense([x])))[0]

    def learn_one(self, x: Features) -> None:
        """Learn an event."""
        self.prequential_rows([x])

    # -- runs of events ----------------------------------------------------------------------------------------------

    def prequential_rows(self, xs: Sequence[Features]) -> list[Assignment]:
        """Return for each event what `assign_one` says before the event is learnt, and learn it."""
        if self._clusters is not None:
            self._clusters.happened = []
        self._news = []
        known = self._columns.column_of
        newly = [row for row, x in enumerate(xs) if not known.keys() >= x.keys()]
        said: list[Assignment] = []
        for first, last in pairwise([0, *(row for row in newly if row), len(xs)]):  # a run begins with what is new
            if first < last:
                said += self._run(xs[first:last], first)
        return said

    def _run(self, xs: Sequence[Features], row: int) -> list[Assignment]:
        """Answer and learn events of which only the first may have new features; `row` are before them in the call."""
        before = len(self._columns)
        new = [name for name, value in xs[0].items() if name not in self._columns.column_of and _number(value)]
        room = self.max_features - before
        if len(new) > room:
            self._ignored += len(new) - room
            new = sorted(new, key=repr)[:room]
        self._columns.meet(new)
        if not len(self._columns):
            return [_NOWHERE] * len(xs)
        X = self._dense(xs)
        return _assignments(self._learn(X, row, before))

    # -- arrays ------------------------------------------------------------------------------------------------------

    def predict_many(self, X: Array) -> Array:
        """Return the ids (n,) int64 of the most probable clusters of events (n, d), as `predict_one` says."""
        return self.assign_many(X).likeliest

    def score_many(self, X: Array) -> Array:
        """Return (n,) how strange events (n, d) are, as `score_one` says."""
        return self.assign_many(X).strangeness

    def assign_many(self, X: Array) -> Answers:
        """Return all that is said of events (n, d)."""
        X = self._checked(X)
        if self._clusters is None:
            return nothing(len(X))
        wide = np.full((len(X), self._clusters.d), np.nan)
        width = min(X.shape[1], self._clusters.d)
        wide[:, :width] = X[:, :width]
        return self._clusters.answer(wide)

    def learn_many(self, X: Array) -> None:
        """Learn events (n, d), in order, with exactly the results of one by one.

        Columns are features, named by their numbers; nan stands for a feature that an event lacks.

        Raises
        ------
        ValueError
            `X` is no (n, d), has more than `max_features` columns or holds an infinity; nothing was learnt.

        """
        self.prequential_many(X)

    def prequential_many(self, X: Array) -> Array:
        """Return for each event (n,) what `predict_one` says before it is learnt, and learn it; see `learn_many`.

        >>> X = np.random.default_rng(2).normal(size=(400, 2))
        >>> X[::2] += 9.0
        >>> ids = DriftClusterer().prequential_many(X)
        >>> len(set(ids[300::2])), len(set(ids[301::2])), ids[300] == ids[301]
        (1, 1, np.False_)
        """
        X = self._checked(X)
        if self._clusters is not None:
            self._clusters.happened = []
        self._news = []
        before = len(self._columns)
        if not X.shape[1] or not len(X):
            return np.full(len(X), UNASSIGNED)
        self._columns.widen(X.shape[1])
        wide = np.full((len(X), len(self._columns)), np.nan)
        wide[:, : X.shape[1]] = X
        return self._learn(wide, 0, before).likeliest

    # -- the road of all ---------------------------------------------------------------------------------------------

    def _learn(self, X: Array, row: int, before: int) -> Answers:
        """Answer and learn events (n, d) of which the features from `before` on are new."""
        if self._clusters is None:
            self._clusters = self._none(X.shape[1])
        elif self._clusters.d < X.shape[1]:
            new = X[:, before:]
            first = np.isfinite(new).argmax(axis=0)
            self._clusters.widen(np.nan_to_num(new[first, np.arange(new.shape[1])]))
        start = self._clusters.learnt
        told = len(self._clusters.happened)
        answers = self._clusters.learn(X)
        self._take(self._clusters.happened[told:], row - start)
        return answers

    def _none(self, d: int) -> Clusters:
        return Clusters(d, self.half_life, self.micro_clusters, self.shares == "transport")

    def _take(self, happened: list[Happened], offset: int) -> None:
        """Make news and history of what happened; `offset` makes a row of a count of events."""
        for one in happened:
            others = tuple(str(id_) for id_ in one.others)
            at = one.learnt + offset - 1
            self._news.append(News(at, one.learnt, one.kind, one.text, one.before, one.after, str(one.who), others))
        self._history = (self._history + happened)[-self.max_history :]

    def recluster(self) -> None:
        """Find the clusters anew, by all methods at hand, and take what is likeliest; nothing learnt is forgotten."""
        if self._clusters is not None:
            self._clusters.happened = []
            recovery.recover(self._clusters)
            self._clusters.freeze()
            self._take(self._clusters.happened, 1 - self._clusters.learnt)

    def _checked(self, X: Array) -> Array:
        X = np.ascontiguousarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] > self.max_features:
            raise ValueError(f"events must have the shape (n, d), d at most {self.max_features}, got {X.shape}")
        if np.isinf(X).any():
            raise ValueError("events must be finite; nan stands for a feature that an event lacks")
        clipped: Array = np.clip(X, -FARTHEST, FARTHEST)
        return clipped

    def _dense(self, xs: Sequence[Features]) -> Array:
        """Return (n, d): nan where an event lacks a feature, or has something that is no finite number."""
        X = np.full((len(xs), len(self._columns)), np.nan)
        column_of = self._columns.column_of
        for row, x in zip(X, xs, strict=True):
            for name, value in x.items():
                column = column_of.get(name)
                if column is not None and _number(value):
                    row[column] = value
        clipped: Array = np.clip(X, -FARTHEST, FARTHEST)
        return clipped

    # -- what there is to see ----------------------------------------------------------------------------------------

    def news(self) -> list[News]:
        """Return what happened to clusters during the last call that learnt, and forget it."""
        news, self._news = self._news, []
        return news

    @property
    def n_learnt(self) -> int:
        """How many events were learnt."""
        return 0 if self._clusters is None else self._clusters.learnt

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return 0 if self._clusters is None else int((self._clusters.ids() >= 0).sum())

    def life(self) -> ClusterLife:
        """Return the clusters that there are, in the features' own units, and what happened to all."""
        history = tuple(
            LifeEvent(one.learnt, one.kind, one.who, one.others, one.text)  # type: ignore[arg-type]
            for one in self._history
        )
        names = tuple(str(name) for name in self._columns.names)
        if self._clusters is None:
            return ClusterLife((), history, 0, names)
        held = self._clusters
        found, own = held.moments(), held.own()
        settled = own >= 0
        if not settled.any():
            return ClusterLife((), history, held.learnt, names)
        made = macros.macros(micro.Moments(*(part[settled] for part in found)), own[settled], 0.0)
        sd, mean = held.sd(), held.micro.scale[0]
        born = dict(zip(ledger.live(held.ledger).tolist(), held.ledger.born.tolist(), strict=False))
        total = float(found.weight.sum())
        clusters = tuple(
            ClusterNow(
                id_, born[id_], float(made.mass[at]) / total, made.mean[at] * sd + mean, made.variance[at] ** 0.5 * sd
            )
            for at, id_ in enumerate(made.ids.tolist())
        )
        return ClusterLife(clusters, history, held.learnt, names)

    def gauges(self) -> dict[str, float]:
        """Return how many clusters there are, what holds them, the share of the latest events of none, and bytes."""
        held = self._clusters
        return {
            "clusters": self.n_clusters,
            "micro_clusters": 0 if held is None else len(held.own()),
            "unknown_share": 0.0 if held is None else held.unknown(),
            "features": len(self._columns),
            "features_ignored": self._ignored,
            "bytes": self.memory_bytes,
        }

    @property
    def memory_bytes(self) -> int:
        """The size of all arrays."""
        return 0 if self._clusters is None else sum(arrays.size(part) for part in self._clusters.parts().values())

    # -- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Plain]:
        """Return what was learnt, as arrays, names and what happened."""
        return {
            "features": list(self._columns.names),
            "ignored": self._ignored,
            "history": [[*one[:3], list(one.others), *one[4:]] for one in self._history],
            "clusters": {} if self._clusters is None else self._clusters.state(),
        }

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state. Raises `ValueError`, and is unchanged, where it does not fit."""
        made = type(self)(**self._get_params())
        names = scalar(state, "features", list)
        if len(names) > self.max_features:
            raise ValueError(f"state has {len(names)} features, more than max_features = {self.max_features}")
        made._columns.restore(names)
        made._ignored = scalar(state, "ignored", int)
        for one in scalar(state, "history", list):
            if len(one) != len(_HAPPENED) or any(
                type(part) is not kind for part, kind in zip(one, _HAPPENED, strict=True)
            ):
                raise ValueError(f"state 'history' holds {one!r}")
            learnt, kind, who, others, before, after, text = one
            made._history.append(Happened(learnt, kind, who, tuple(others), before, after, text))
        held = scalar(state, "clusters", dict)
        if held:
            made._clusters = made._none(max(len(names), 1))
            made._clusters.restore(held)
        self.__dict__.update(made.__dict__)


_NOWHERE = Assignment(UNASSIGNED, 0.0, float("inf"), 0.0)


def _assignments(answers: Answers) -> list[Assignment]:
    return [Assignment(*row) for row in zip(*(part.tolist() for part in answers[:4]), strict=True)]


def _number(value: Any) -> bool:
    return (value.__class__ is float and isfinite(value)) or (isinstance(value, Real) and isfinite(value))
